"""Match the boxes of a detector with labelled boxes, as PaddleOCR's DetMetric does, by the protocol of ICDAR 2015.

A box is found if its intersection over union with a labelled box is above a half, and each box is matched once. A
labelled box may be ignored. Then it does not count, and neither does a found box of which more than a half lies in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

LEAST_OVERLAP = 0.5  # of intersection over union
TINY = 1e-9  # square pixels; keeps a division by an empty area defined


def match_boxes(
    labelled: Sequence[Any], ignored: Sequence[bool], found: Sequence[Any]
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """The pairs of boxes that are the same, one to one: a labelled box takes the first found one that is free.

    Args:
        labelled, found: polygons, (N, 2) in pixels. An outline that crosses itself is made sound.
        ignored: whether a labelled one does not count.
    Returns:
        (pairs of positions in ``labelled`` and ``found``, whether each found box counts)
    """
    ours, theirs = _make_polygons(found), _make_polygons(labelled)
    is_ignored = np.asarray(ignored, bool)
    shared = shapely.area(shapely.intersection(theirs[:, None], ours[None, :])).reshape(len(theirs), len(ours))
    areas = shapely.area(ours)
    counts = ~(shared[is_ignored] > LEAST_OVERLAP * np.maximum(areas, TINY)).any(0)
    union = shapely.area(theirs)[:, None] + areas[None, :] - shared
    overlap = shared / np.maximum(union, TINY)
    pairs, is_free = [], counts.copy()
    for i in np.flatnonzero(~is_ignored):
        candidates = np.flatnonzero(is_free & (overlap[i] > LEAST_OVERLAP))
        if len(candidates):
            pairs.append((int(i), int(candidates[0])))
            is_free[candidates[0]] = False
    return pairs, counts


def _make_polygons(outlines: Sequence[Any]) -> np.ndarray:
    shapes = [shapely.Polygon(np.reshape(np.asarray(points, float), (-1, 2))) for points in outlines]
    return np.array([shape if shape.is_valid else shapely.make_valid(shape) for shape in shapes], object)
