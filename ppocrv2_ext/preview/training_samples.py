"""A training sample as the network gets it, with what a person needs to judge it.

Images are (H, W, 3) uint8, RGB. Polygons are in pixels of the image.
"""

from __future__ import annotations

from typing import NamedTuple, Union

import numpy as np

from ..data.labels import IGNORED_TEXTS

Numbers = Union[float, np.ndarray]


class SceneSample(NamedTuple):
    """A picture for a detector. The maps are the targets of the loss, each (H, W); None if the config makes none."""

    name: str  # of the file
    image: np.ndarray
    polygons: list[np.ndarray]  # N of (P, 2)
    texts: list[str]  # N
    ignored: np.ndarray  # (N,) booleans: whether the loss leaves the text out
    pasted: np.ndarray  # (N,) booleans: whether the text comes from another picture
    shrink_map: np.ndarray | None  # 1 in the core of a text, else 0
    shrink_mask: np.ndarray | None  # 0 where the loss leaves a pixel out, else 1
    threshold_map: np.ndarray | None  # highest on the outline of a text
    threshold_mask: np.ndarray | None  # 1 around an outline, where the threshold map counts, else 0

    @property
    def small(self) -> np.ndarray:
        """(N,) booleans: whether the text is too small to learn from. It can be read, but it is ignored."""
        return self.ignored & np.array([text not in IGNORED_TEXTS for text in self.texts], dtype=bool)


class LineSample(NamedTuple):
    """A line of text for a recognizer or a classifier."""

    name: str  # of the file
    source: np.ndarray  # the picture in the file
    image: np.ndarray
    width: int  # columns of the image that are not padding
    label: str  # what the network gets, turned back from numbers to text
    written: str  # the label in the file, which differs from ``label`` if characters were dropped


def denormalise(image: np.ndarray, scale: Numbers, mean: Numbers, std: Numbers) -> np.ndarray:
    """The picture that was normalised to ``image = (picture * scale - mean) / std``.

    Args:
        image: (1 or 3, H, W) float.
        scale, mean, std: one number, or one per channel.
    Returns:
        (H, W, 3) uint8, with the channels in the order of ``image``.
    """
    mean, std = (np.reshape(np.asarray(value, np.float64), (-1, 1, 1)) for value in (mean, std))
    pixels = np.clip(np.rint((image * std + mean) / scale), 0, 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=0)[:3].transpose(1, 2, 0) if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def measure_used_width(image: np.ndarray) -> int:
    """The number of columns of a normalised line that are not padding.

    Padding is exactly 0. No 8-bit grey value is normalised to that.

    Args:
        image: (C, H, W) float.
    """
    columns = np.flatnonzero(np.any(image != 0, axis=(0, 1)))
    return int(columns[-1]) + 1 if len(columns) else 0
