"""Values that come from a shell. They are YAML as in a config file, where it says what it looks like there.

In a shell nobody writes comments, marks of YAML, or numbers in base 8 or 60. PyYAML reads these, and PaddleOCR's ``-o``
takes what is left: the folder of ``save_model_dir=runs/try #2`` would be ``runs/try``.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import yaml

from ..errors import UserError, shorten
from .yaml_loader import STANDARD, parse

NUMBERS = (f"{STANDARD}int", f"{STANDARD}float")
OCTAL = re.compile(r"[-+]?0[0-7_]+")
SPACES = " \r\n"  # around a value, where YAML drops them


def read_value(text: str, key: str) -> Any:
    """The value of ``-o KEY=TEXT``.

    Raises:
        UserError: the text is no YAML that a config may hold, or YAML reads something else than it looks like.
    """
    value, doubled = parse(text, f"-o {key}")
    if doubled:
        raise UserError(f"-o {key}: {shorten(text)} gives a key twice; keep one.")
    root = yaml.compose(text, yaml.SafeLoader)
    if _has_comment(text) and isinstance(root, yaml.CollectionNode):
        raise UserError(f"-o {key}: YAML takes what follows # in {shorten(text)} for a comment; leave it out.")
    if _has_comment(text) or _loses_marks(root, text.strip(SPACES)):
        quoted = shlex.quote(f"{key}={json.dumps(text.strip(SPACES), ensure_ascii=False)}")
        raise UserError(f"-o {key}: YAML reads {shorten(text)} as {shorten(value)}; for the text, write {quoted}.")
    for number in _list_numbers(root):
        base = _find_base(number)
        if base:
            raise UserError(
                f"-o {key}: YAML reads {number} in base {base}, as {parse(number, '')[0]}; write the number in base 10,"
                " without zeros before it, or put quotes around a text."
            )
    return value


def _has_comment(text: str) -> bool:
    """Whether a text on one line has a comment. The lines of a file may have some, and a shell can insert a file."""
    if "\n" in text.strip(SPACES):
        return False
    end = 0
    for token in yaml.scan(text, yaml.SafeLoader):
        if "#" in text[end : token.start_mark.index]:  # between tokens are spaces and comments alone
            return True
        end = max(end, token.end_mark.index)
    return False


def _loses_marks(root: yaml.Node | None, text: str) -> bool:
    """Whether YAML makes a shorter text, or none, of one without quotes and tags, as of ``|`` and ``&a``."""
    if isinstance(root, yaml.CollectionNode) or text.startswith(("'", '"', "!")):
        return False
    return (root.value if root else "") != text


def _list_numbers(node: yaml.Node | None) -> Iterator[str]:
    """The numbers in a value, as they are written."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _list_numbers(item)
    elif isinstance(node, yaml.MappingNode):
        for _, item in node.value:
            yield from _list_numbers(item)
    elif node and node.tag in NUMBERS:
        yield node.value


def _find_base(number: str) -> int | None:
    """The base in which YAML 1.1 reads a number, if it is one that nobody thinks of."""
    if ":" in number:
        return 60
    if OCTAL.fullmatch(number) and parse(number, "")[0] != int(number):
        return 8
    return None
