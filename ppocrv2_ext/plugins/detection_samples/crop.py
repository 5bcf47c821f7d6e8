"""Which part of a scene becomes a training sample: the rule of PaddleOCR's EastRandomCropData, between lines of text.

All coordinates are pixels. A gap is a run of columns, or of rows, that no text covers.
"""

from __future__ import annotations

import numpy as np


def choose_crop(
    rng: np.random.Generator, width: int, height: int, polygons: np.ndarray, max_tries: int, min_side_ratio: float
) -> tuple[int, int, int, int]:
    """Draw a rectangle whose sides run through gaps, so that it cuts no text, and that holds some text.

    Two columns and two rows are drawn, up to ``max_tries`` times, until the rectangle between them is large enough and
    reaches some text. As in PaddleOCR, of three or more gaps the last one is never drawn: text at the right and at the
    bottom is in fewer crops. Unlike there, text that sticks out of the picture counts as far as it is inside.

    Args:
        rng: the only source of randomness.
        width, height: of the picture.
        polygons: (N, P, 2) outlines of readable text.
        max_tries: >= 1.
        min_side_ratio: the least share of the picture's width and height, in [0, 1].
    Returns:
        (x, y, width, height), inside the picture; the whole picture if no draw was good enough or there is no text.
    """
    whole = 0, 0, width, height
    if not len(polygons):
        return whole
    low, high = polygons.min(axis=1), polygons.max(axis=1)
    gaps = [find_gaps(np.rint(low[:, axis]), np.rint(high[:, axis]), side) for axis, side in enumerate((width, height))]
    if not all(map(len, gaps)):
        return whole
    starts, ends = np.stack([_draw_cuts(rng, each, max_tries) for each in gaps], axis=2)  # (tries, 2) each
    large = (ends - starts >= np.maximum(min_side_ratio * np.array([width, height]), 1)).all(axis=1)
    reaches = ((high >= starts[:, None]) & (low <= ends[:, None])).all(axis=2).any(axis=1)
    good = large & reaches
    if not good.any():
        return whole
    start, end = starts[good.argmax()], ends[good.argmax()]
    return (*start.tolist(), *(end - start).tolist())


def find_gaps(low: np.ndarray, high: np.ndarray, length: int) -> np.ndarray:
    """(G, 2) runs of pixels outside all of (N,) half-open intervals, each run half-open, in ascending order.

    Args:
        low, high: (N,) whole numbers, low <= high. What lies outside [0, length) is cut off.
        length: how many pixels there are.
    """
    low, high = (np.clip(each, 0, length).astype(np.intp) for each in (low, high))
    changes = np.bincount(low, minlength=length + 1) - np.bincount(high, minlength=length + 1)
    is_free = np.zeros(length + 2, dtype=np.int8)
    is_free[1:-1] = np.cumsum(changes[:-1]) == 0
    return np.flatnonzero(np.diff(is_free)).reshape(-1, 2)


def _draw_cuts(rng: np.random.Generator, gaps: np.ndarray, tries: int) -> np.ndarray:
    """(2, tries) two places in gaps for each try, the smaller one first."""
    if len(gaps) > 2:
        chosen = gaps[:-1][rng.integers(len(gaps) - 1, size=(2, tries))]
        cuts = rng.integers(chosen[..., 0], chosen[..., 1])
    else:
        cuts = np.concatenate([np.arange(*gap) for gap in gaps])
        cuts = cuts[rng.integers(len(cuts), size=(2, tries))]
    return np.sort(cuts, axis=0)
