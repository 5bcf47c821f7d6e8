"""How well whole pictures are read: boxes, texts in matched boxes, and both together.

A box counts as found as :mod:`ppocrv2_ext.data.matching` says. Labels ``###`` and ``*`` are not readable, and ignored.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..data import matching
from ..data.labels import IGNORED_TEXTS


class Counts(NamedTuple):
    """What precision, recall and F1 are made of."""

    right: int = 0  # of those found
    found: int = 0
    labelled: int = 0

    def __add__(self, other: tuple) -> Counts:
        return Counts(*(a + b for a, b in zip(self, other)))

    @property
    def precision(self) -> float:
        """The right ones of those found, in [0, 1]; 0 if none was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """The right ones of those labelled, in [0, 1]; 0 if none is labelled."""
        return self.right / self.labelled if self.labelled else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 1 if nothing is labelled and nothing was found."""
        return 2 * self.right / (self.found + self.labelled) if self.found + self.labelled else 1.0


def normalize_text(text: str, ignore_case: bool = False, ignore_space: bool = False) -> str:
    """What counts of a text where two are compared, in every command: spaces in a row, of any kind, are one, and those
    at the ends are none, since nobody sees them in a picture.

    Args:
        ignore_case, ignore_space: whether case, and all spaces, do not count.
    """
    text = ("" if ignore_space else " ").join(text.split())
    return text.casefold() if ignore_case else text


TEXT_RULES: dict[str, Callable[[str], str]] = {
    "exact": normalize_text,
    "without case and spaces": functools.partial(normalize_text, ignore_case=True, ignore_space=True),
}


class PageScore(NamedTuple):
    """The counts of one picture."""

    detection: Counts
    end_to_end: dict[str, Counts]  # by the keys of TEXT_RULES; right: found, with the right text
    wrong: list[tuple[str, str]]  # (labelled, read) in matched boxes, of the texts that differ


def score_page(labels: Sequence[tuple[Any, str]], found: Sequence[tuple[Any, str]]) -> PageScore:
    """Compare what was found in a picture with its labels.

    Args:
        labels, found: (polygon (N, 2) in pixels, text).
    """
    pairs, *counts = count_matches([polygon for polygon, _ in labels], [t for _, t in labels], [p for p, _ in found])
    texts = [(labels[i][1], found[j][1]) for i, j in pairs]
    end_to_end = {name: Counts(sum(rule(a) == rule(b) for a, b in texts), *counts) for name, rule in TEXT_RULES.items()}
    wrong = [(a, b) for a, b in texts if normalize_text(a) != normalize_text(b)]
    return PageScore(Counts(len(pairs), *counts), end_to_end, wrong)


def count_matches(
    labelled: Sequence[Any], texts: Sequence[str], found: Sequence[Any]
) -> tuple[list[tuple[int, int]], int, int]:
    """Which found box is which labelled one.

    Args:
        labelled, found: polygons, (N, 2) in pixels.
        texts: of the labelled ones.
    Returns:
        (pairs of positions in ``labelled`` and ``found``, how many found boxes count, how many labelled boxes count)
    """
    ignored = [text in IGNORED_TEXTS for text in texts]
    pairs, counts = matching.match_boxes(labelled, ignored, found)
    return pairs, int(counts.sum()), ignored.count(False)
