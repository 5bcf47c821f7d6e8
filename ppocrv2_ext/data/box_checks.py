"""The outline of a box: what is wrong with it, and what of it can be seen.

Sizes are (width, height) and points (x, y), in pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from shapely import Geometry, Polygon, box, set_precision

LARGEST_COORDINATE = 1e6  # pixels
LEAST_WIDTH = 1  # pixels across: of a thinner polygon, PaddleOCR's MakeBorderMap keeps nothing and fails
GRID = 0.1  # pixels; corners of a mended outline are rounded to this
TOLERANCE = 5  # pixels that a polygon may reach out of its picture: annotators click a little beside it


def read_corners(points: Any) -> np.ndarray | None:
    """The (N, 2) corners that a label gives, N >= 3; None if ``points``, which may be anything, are not that."""
    try:
        corners = np.array(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    return corners if corners.ndim == 2 and corners.shape[1] == 2 and len(corners) >= 3 else None


def are_finite(corners: np.ndarray) -> bool:
    """Whether no coordinate is beyond :data:`LARGEST_COORDINATE`, infinite or NaN."""
    return bool((np.abs(corners) <= LARGEST_COORDINATE).all())


def check_polygon(points: Any, size: tuple[int, int] | None = None) -> tuple[str | None, Any]:
    """Check the outline of one box.

    Args:
        points: what the label has for it, which may be anything.
        size: of the picture, or None.
    Returns:
        (reason, outline). The reason is None if nothing is wrong, and the outline is then ``points`` itself. The
        outline of a broken box surrounds what can be seen of it, and crosses itself nowhere. It is None if nothing can
        be seen.
    """
    if _is_plain_quadrangle(points, size):
        return None, points
    corners = read_corners(points)
    if corners is None:
        return "few-points", None
    if not are_finite(corners):
        return "not-finite", None
    polygon = Polygon(corners)
    outline = _on_grid(polygon if polygon.is_valid else polygon.convex_hull)
    if outline.area < 1:
        return "zero-area", None
    visible = outline if size is None else _on_grid(outline.intersection(box(0, 0, *size)))
    if visible.area < 1:
        return "outside", None
    if not polygon.is_valid:
        return "crossing", _list_corners(visible)
    if size is not None and not box(0, 0, *size).buffer(TOLERANCE, join_style="mitre").covers(polygon):
        return "partly-outside", _list_corners(visible)
    if 2 * polygon.area < LEAST_WIDTH * polygon.length:
        return "sliver", _list_corners(visible)
    return None, points


def _is_plain_quadrangle(points: Any, size: tuple[int, int] | None) -> bool:
    """Whether an outline has four corners in the picture, is convex and a few pixels wide: nothing is wrong with it.

    Almost every box is such a one, and shapely would take 50 times as long to say so.
    """
    try:
        (a, b), (c, d), (e, f), (g, h) = points
        turns = (
            (c - a) * (f - d) - (d - b) * (e - c),
            (e - c) * (h - f) - (f - d) * (g - e),
            (g - e) * (b - h) - (h - f) * (a - g),
            (a - g) * (d - b) - (b - h) * (c - a),
        )
        width, height = size or (LARGEST_COORDINATE, LARGEST_COORDINATE)
        area = abs((e - a) * (h - b) - (f - b) * (g - a) + (c - a) * (f - b) - (d - b) * (e - a))  # twice the area
        perimeter = (
            abs(c - a) + abs(d - b) + abs(e - c) + abs(f - d) + abs(g - e) + abs(h - f) + abs(a - g) + abs(b - h)
        )
        return bool(
            (min(turns) > 0 or max(turns) < 0)
            and area > 2 * (1 + GRID * perimeter)
            and area > LEAST_WIDTH * perimeter
            and 0 <= min(a, c, e, g) <= max(a, c, e, g) <= width
            and 0 <= min(b, d, f, h) <= max(b, d, f, h) <= height
        )
    except (TypeError, ValueError, OverflowError):
        return False


def _on_grid(shape: Geometry) -> Geometry:
    """The shape with its corners on tenths of a pixel, as they are written to a label.

    Plain rounding could make edges cross. This does not.
    """
    with np.errstate(all="ignore"):  # shapely divides by zero if corners fall together
        return set_precision(shape, GRID)


def _list_corners(shape: Geometry) -> list[list[float]]:
    """The corners of a shape, or of its hull if it is in pieces."""
    whole = shape if shape.geom_type == "Polygon" else shape.convex_hull
    return [[round(x, 1), round(y, 1)] for x, y in list(whole.exterior.coords)[:-1]]
