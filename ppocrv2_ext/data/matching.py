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
    i, j = shapely.STRtree(ours).query(theirs)  # positions in both; the bounds of other pairs do not meet
    shared = shapely.area(shapely.intersection(theirs[i], ours[j]))
    area_i, area_j = shapely.area(theirs)[i], shapely.area(ours)[j]
    is_ignored = np.asarray(ignored, bool)[i]
    counts = np.ones(len(ours), bool)
    counts[j[is_ignored & (shared > LEAST_OVERLAP * np.maximum(area_j, TINY))]] = False
    is_same = ~is_ignored & (shared > LEAST_OVERLAP * np.maximum(area_i + area_j - shared, TINY))
    pairs: dict[int, int] = {}
    is_free = counts.copy()
    for label, box in sorted(zip(i[is_same].tolist(), j[is_same].tolist())):
        if label not in pairs and is_free[box]:
            pairs[label], is_free[box] = box, False
    return list(pairs.items()), counts


def _make_polygons(outlines: Sequence[Any]) -> np.ndarray:
    shapes = [shapely.Polygon(np.reshape(np.asarray(points, float), (-1, 2))) for points in outlines]
    return np.array([shape if shape.is_valid else shapely.make_valid(shape) for shape in shapes], object)
