"""Two recognizers on the same lines: which lines the second one mends, which it breaks, and how each reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..files import PathLike, atomic_write
from .confusions import Confusion, find_confusions
from .samples import encode_picture
from .templates import render

SHOWN = 24  # lines of each kind with their pictures, and confusions


class Change(NamedTuple):
    """A line that one recognizer reads right and the other wrong."""

    name: str  # of the image
    label: str
    before: str
    after: str
    picture: str  # address with the data in it


class Comparison:
    """The lines of one data set.

    Args:
        title: of the data set.
        normalize: what is done to a text before it is compared, such as making it lower case.
    """

    def __init__(self, title: str, normalize: Callable[[str], str] = str):
        self.title, self._normalize = title, normalize
        self.count = self.right_before = self.right_after = 0
        self.mended_count = self.broken_count = 0
        self.mended: list[Change] = []  # the first of them, at most SHOWN
        self.broken: list[Change] = []
        self.mended_confusions: Counter[Confusion] = Counter()  # of the first recognizer alone
        self.broken_confusions: Counter[Confusion] = Counter()  # of the second one alone

    def add(self, name: str, label: str, before: str, after: str, picture: np.ndarray) -> None:
        """Count a line.

        Args:
            before, after: what the two recognizers read.
            picture: (H, W, 3) uint8, RGB.
        """
        written, *read = (self._normalize(text) for text in (label, before, after))
        was_right, is_right = (text == written for text in read)
        self.count += 1
        self.right_before += was_right
        self.right_after += is_right
        faults_before, faults_after = (Counter(find_confusions(written, text)) for text in read)
        self.mended_confusions += faults_before - faults_after
        self.broken_confusions += faults_after - faults_before
        if was_right == is_right:
            return
        self.mended_count += is_right
        self.broken_count += was_right
        changes = self.mended if is_right else self.broken
        if len(changes) < SHOWN:
            changes.append(Change(name, label, before, after, encode_picture(picture)))

    @property
    def share_before(self) -> float:
        """Exact match of the first recognizer, in [0, 1]."""
        return self.right_before / self.count if self.count else 0.0

    @property
    def share_after(self) -> float:
        """Exact match of the second recognizer."""
        return self.right_after / self.count if self.count else 0.0


def write_comparison(file: PathLike, names: tuple[str, str], comparisons: Sequence[Comparison], rule: str = "") -> None:
    """Write the comparison as one HTML file that needs no other file.

    Args:
        names: of the two recognizers.
        rule: a sentence for the reader, what counts where two texts are compared.
    Raises:
        UserError: the file cannot be written.
    """
    text = render("comparison.html", names=names, comparisons=comparisons, rule=rule, shown=SHOWN)
    with atomic_write(file) as part:
        part.write_text(text, encoding="utf-8")
