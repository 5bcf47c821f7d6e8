"""A training sample as the network gets it, with what a person needs to judge it.

Images are (H, W, 3) uint8, RGB. Polygons are in pixels of the image.
"""

from typing import NamedTuple, Optional

import numpy as np

from ..data.labels import IGNORED_TEXTS


class SceneSample(NamedTuple):
    """A picture for a detector. The maps are what the loss compares with, each (H, W), or None if none was made."""

    name: str  # of the file
    image: np.ndarray
    polygons: list  # N of (P, 2)
    texts: list  # N strings
    ignored: np.ndarray  # (N,) booleans: the loss looks away
    pasted: np.ndarray  # (N,) booleans: from another picture
    shrink_map: Optional[np.ndarray]  # 1 in the core of a text, else 0
    shrink_mask: Optional[np.ndarray]  # 0 where the loss looks away, else 1
    threshold_map: Optional[np.ndarray]  # highest on the outline of a text
    threshold_mask: Optional[np.ndarray]  # 1 around an outline, where the threshold map counts, else 0

    @property
    def small(self):
        """(N,) booleans: ignored although its text is readable, since it came out too small to learn from."""
        return self.ignored & np.array([text not in IGNORED_TEXTS for text in self.texts], dtype=bool)


class LineSample(NamedTuple):
    """A line of text for a recognizer or a classifier."""

    name: str  # of the file
    source: np.ndarray  # the picture in the file
    image: np.ndarray
    width: int  # columns of the image that are not padding
    label: str  # as the network gets it, back from numbers to text
    written: str  # the label in the file; the same as ``label`` unless characters were dropped


class Cost(NamedTuple):
    """What one transform took: milliseconds, one number per sample, and how many samples it refused."""

    transform: str
    milliseconds: list
    refused: int


def denormalise(image, scale, mean, std):
    """The picture that ``(picture * scale - mean) / std`` made into ``image``.

    Args:
        image: (1 or 3, H, W) float.
        scale, mean, std: numbers, or one per channel.
    Returns:
        (H, W, 3) uint8, channels in the order of ``image``.
    """
    mean, std = (np.reshape(np.asarray(value, np.float64), (-1, 1, 1)) for value in (mean, std))
    pixels = np.clip(np.rint((image * std + mean) / scale), 0, 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=0)[:3].transpose(1, 2, 0) if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def used_width(image):
    """Columns of a normalised (C, H, W) line up to its padding, which is exactly 0, as no 8-bit grey value is."""
    columns = np.flatnonzero(np.any(image != 0, axis=(0, 1)))
    return int(columns[-1]) + 1 if len(columns) else 0
