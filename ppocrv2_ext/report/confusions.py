"""Which characters a recognizer takes for which."""

from __future__ import annotations

from typing import NamedTuple

from rapidfuzz.distance import Levenshtein


class Confusion(NamedTuple):
    """A character of the label, and what was read in its place."""

    written: str  # "" if a character was read where there is none
    read: str  # "" if the character was left out


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
