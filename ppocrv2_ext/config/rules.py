"""Rules for values, such as ``list_of(whole(1, 9))``: each says in words what a value must be, and tests it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..arguments import is_number, is_whole

LARGEST_NUMBER = 1e12  # for an argument without a range of its own
LONGEST_PATH, LONGEST_NAME = 4_096, 255  # bytes, of Linux


class Rule(NamedTuple):
    """What a value must be: ``words`` after "must be", and a test."""

    words: str
    accepts: Callable[[Any], bool]


def whole(least: int, most: int) -> Rule:
    """A whole number in [least, most]."""
    return Rule(f"a whole number from {least} to {most}", lambda value: is_whole(value) and least <= value <= most)


def real(least: float, most: float = LARGEST_NUMBER) -> Rule:
    """A number in [least, most]."""
    return Rule(f"a number from {least:g} to {most:g}", lambda value: is_number(value) and least <= value <= most)


def above(least: float, most: float = LARGEST_NUMBER) -> Rule:
    """A number in (least, most]."""
    words = f"a number > {least:g}" + ("" if most == LARGEST_NUMBER else f" and <= {most:g}")
    return Rule(words, lambda value: is_number(value) and least < value <= most)


def one_of(*values: Any) -> Rule:
    """One of the values."""
    return Rule(f"one of {', '.join(map(repr, values))}", lambda value: any(value is v or value == v for v in values))


def nothing_or(rule: Rule) -> Rule:
    """Null, or what ``rule`` accepts."""
    return Rule(rule.words, lambda value: value is None or rule.accepts(value))


def list_of(rule: Rule, least: int = 0, most: int | None = None) -> Rule:
    """A list of ``least`` to ``most`` values that ``rule`` accepts."""
    count = f" {least}" if most == least else ""
    words = f"a list of{count} values, each {rule.words}"

    def accepts(value: Any) -> bool:
        fits = isinstance(value, list) and len(value) >= least and (most is None or len(value) <= most)
        return fits and all(map(rule.accepts, value))

    return Rule(words, accepts)


def either(*rules: Rule) -> Rule:
    """What one of the rules accepts."""
    return Rule(" or ".join(rule.words for rule in rules), lambda value: any(rule.accepts(value) for rule in rules))


def _is_path(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    names = [name.encode("utf-8", "replace") for name in value.split("/")]
    return max(map(len, names)) <= LONGEST_NAME and sum(map(len, names)) + len(names) <= LONGEST_PATH


# 0 and 1 are taken for false and true, as PaddleOCR does; the text "false" is not, which Python takes for true.
FLAG = Rule("true or false", lambda value: value in (None, True, False) and not isinstance(value, float))
TEXT = Rule("text", lambda value: isinstance(value, str))
NAMES = list_of(TEXT)
LIST = Rule("a list", lambda value: isinstance(value, list))
ANY_PATH = Rule("a path", _is_path)  # also an empty one
PATH = Rule("a path", lambda value: _is_path(value) and value != "")
OPTIONAL_PATH = Rule("a path", lambda value: value is None or value is False or _is_path(value))
MAPPING = Rule("a mapping of `key: value`", lambda value: isinstance(value, dict))
NUMBER = real(-LARGEST_NUMBER)
NUMBERS = either(NUMBER, list_of(NUMBER), list_of(list_of(NUMBER)))
PROBABILITY = real(0, 1)
