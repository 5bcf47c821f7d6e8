"""Which characters a recognizer takes for which."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from ..data.characters import quote_character


class Confusion(NamedTuple):
    """A character of the label, and what was read in its place."""

    written: str  # "" if a character was read where there is none
    read: str  # "" if the character was left out


def list_frequent(confusions: Counter[Confusion], most: int) -> list[tuple[Confusion, int]]:
    """(confusion, count) of those that were made more than once, the most frequent first. One alone may be chance."""
    return [(confusion, count) for confusion, count in confusions.most_common(most) if count > 1]


def describe_confusion(confusion: Confusion) -> str:
    """A confusion for a terminal: ``'o' as '0'``, ``'-' added`` or ``',' left out``."""
    if not confusion.written:
        return f"{quote_character(confusion.read)} added"
    if not confusion.read:
        return f"{quote_character(confusion.written)} left out"
    return f"{quote_character(confusion.written)} as {quote_character(confusion.read)}"


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
