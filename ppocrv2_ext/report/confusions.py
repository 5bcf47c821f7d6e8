"""Which characters a recognizer takes for which."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein


class Confusion(NamedTuple):
    """A character of the label, and what was read in its place."""

    written: str  # "" if a character was read where there is none
    read: str  # "" if the character was left out


def list_frequent(confusions: Counter[Confusion], most: int) -> list[tuple[Confusion, int]]:
    """(confusion, count) of those that were made more than once, the most frequent first. One alone may be chance."""
    return [(confusion, count) for confusion, count in confusions.most_common(most) if count > 1]


def describe_confusion(confusion: Confusion) -> str:
    """A confusion for a terminal: ``"o" as "0"``, ``"-" added`` or ``"," left out``."""
    if not confusion.written:
        return f"{_quote(confusion.read)} added"
    if not confusion.read:
        return f"{_quote(confusion.written)} left out"
    return f"{_quote(confusion.written)} as {_quote(confusion.read)}"


def _quote(character: str) -> str:
    """A character in quotes. One that cannot be seen, or would move the cursor, is shown by its number."""
    if not character.isprintable():
        return f"U+{ord(character):04X}"
    return f"'{character}'" if character == '"' else f'"{character}"'


def find_confusions(written: str, read: str) -> list[Confusion]:
    """The confusions of one line, by the shortest edit of the label into the reading (Levenshtein).

    Returns:
        As many as the edit distance of the two texts.
    """
    return [
        Confusion(
            "" if edit.tag == "insert" else written[edit.src_pos], "" if edit.tag == "delete" else read[edit.dest_pos]
        )
        for edit in Levenshtein.editops(written, read)
    ]
