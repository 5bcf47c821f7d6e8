"""The probability map of DB (Liao et al., AAAI 2020): 1 in the core of a text, which is its outline shrunk.

Shape legend: N outlines, P points each, last axis (x, y) in pixels; H, W the sides of the sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import non_negative, number
from ...registry import TRANSFORMS
from ..compact import Compact, Widen, widen_mask
from ..polygons import areas, perimeters, signed_areas
from .outlines import Frame, fill, frame_of, offset, read_outlines
from .window import pad


def clip_outlines(outlines: np.ndarray, frame: Frame) -> np.ndarray:
    """(N, P, 2) outlines that end at the border of the picture, each clockwise as a person sees it.

    What is outside the picture is pressed flat against its border.
    """
    clipped = np.clip(outlines, frame[:2], np.subtract(frame[2:], 1))
    reverse = signed_areas(clipped) < 0
    clipped[reverse] = clipped[reverse, ::-1]
    return clipped


def are_too_small(clipped: np.ndarray, min_text_size: float) -> np.ndarray:
    """(N,) booleans: a side of the upright box of a clipped outline is shorter than that, pixels, or its area < 1."""
    return (np.ptp(clipped, axis=1).min(axis=1) < min_text_size) | (areas(clipped) < 1)


def draw_shrink_maps(
    clipped: np.ndarray, ignored: np.ndarray, height: int, width: int, frame: Frame, shrink_ratio: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cores of text, and where the loss looks.

    A core is the outline moved inwards by D = A (1 - r ** 2) / L, with the area A and the perimeter L. The ratio r is
    ``shrink_ratio``; if the core then falls into parts, or vanishes, its multiples below 1 are tried.

    Args:
        clipped: (N, P, 2) outlines as :func:`clip_outlines` returns them.
        ignored: (N,) booleans: text that the loss leaves out.
        height, width: of the part of the sample that shows the picture, which begins at the first pixel.
        frame: where the whole picture lies.
        shrink_ratio: in (0, 1).
    Returns:
        (cores, mask, ignored): two maps (H, W) uint8 of 0 and 1. The mask is 0 in ignored text. Text without a core is
        ignored as well.
    """
    cores, mask = np.zeros((height, width), np.uint8), np.ones((height, width), np.uint8)
    ignored = ignored.copy()
    ratios = np.arange(shrink_ratio, 1, shrink_ratio)
    area_per_length = areas(clipped) / np.maximum(perimeters(clipped), 1e-9)
    corner = np.array(frame[:2])
    seen = (clipped.max(axis=1) >= 0).all(axis=1) & (clipped.min(axis=1) < [width, height]).all(axis=1)
    for index in np.flatnonzero(seen).tolist():
        outline = clipped[index] - corner
        if not ignored[index]:
            shrunk = offset(outline, *(-area_per_length[index] * (1 - ratios**2)))
            for core in shrunk:
                fill(cores, core + corner.astype(np.int32), 1, frame)
            ignored[index] = not shrunk
        if ignored[index]:
            fill(mask, outline.astype(np.int32) + corner.astype(np.int32), 0, frame)
    return cores, mask, ignored


@TRANSFORMS.register
class TextShrinkMap(Compact):
    """Does the work of PaddleOCR's MakeShrinkMap, with its arguments: adds `shrink_map` and `shrink_mask`.

    Args:
        min_text_size: text is ignored if a side of its upright box is shorter than this, pixels >= 0.
        shrink_ratio: how much of a text its core is, in [0.01, 0.99].
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, min_text_size: float = 8, shrink_ratio: float = 0.4) -> None:
        self.min_text_size = non_negative(min_text_size, "min_text_size")
        self.shrink_ratio = number(shrink_ratio, "shrink_ratio", 0.01, 0.99)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with two more maps, (H, W) float32, uint8 if compact. Its outlines end with the picture.

        Args:
            data: a sample with `image` (H, W, C) or (H, W), `polys` (N, P, 2) and `ignore_tags`. Text that is too
                small is added to the `ignore_tags`.
        Raises:
            UserError: a coordinate of an outline is not a finite number.
        """
        frame, size = frame_of(data), data["image"].shape[:2]
        clipped = clip_outlines(read_outlines(data["polys"]), frame)
        ignored = np.asarray(data["ignore_tags"], bool) | are_too_small(clipped, self.min_text_size)
        height, width = min(size[0], frame.bottom), min(size[1], frame.right)
        cores, mask, ignored = draw_shrink_maps(clipped, ignored, height, width, frame, self.shrink_ratio)
        maps = {"shrink_map": pad(cores, *size), "shrink_mask": pad(mask, *size)}
        if not self.is_compact:
            maps = {key: each.astype(np.float32) for key, each in maps.items()}
        return {**data, **maps, "polys": clipped.astype(np.float32), "ignore_tags": ignored}

    @property
    def widen(self) -> dict[str, Widen]:
        return {"shrink_map": widen_mask, "shrink_mask": widen_mask}
