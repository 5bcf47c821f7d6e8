"""Plane geometry of closed polygons.

Shape legend: N polygons, P points each, last axis (x, y) in pixels. The center of the first pixel is (0, 0). A polygon
with fewer than P points repeats its last one, as DetLabelEncode does. That changes no result below.
"""

from __future__ import annotations

import numpy as np

ROWS = 8  # scan lines per pixel in `coverages`


def signed_areas(polygons: np.ndarray) -> np.ndarray:
    """(N,) areas in square pixels of (N, P, 2) polygons, or a scalar for one (P, 2). Shoelace formula.

    They are positive for polygons that run clockwise as a person sees the picture.
    """
    # The products of coordinates near zero keep digits that those of large coordinates would lose.
    polygons = np.asarray(polygons, dtype=np.float64)
    polygons = polygons - polygons[..., :1, :]
    return cross(polygons[..., :-1, :], polygons[..., 1:, :]).sum(axis=-1) / 2


def areas(polygons: np.ndarray) -> np.ndarray:
    """As :func:`signed_areas`, without the sign."""
    return np.abs(signed_areas(polygons))


def perimeters(polygons: np.ndarray) -> np.ndarray:
    """(N,) lengths in pixels of the outlines of (N, P, 2) polygons."""
    along = next_points(polygons) - polygons
    return np.hypot(along[..., 0], along[..., 1]).sum(axis=-1)


def short_sides(polygons: np.ndarray) -> np.ndarray:
    """(N,) heights of the lines of text in (N, P, 2) polygons, in pixels, >= 0.

    It is the shorter side of the rectangle with the same area and perimeter. For a rectangle that is exact. For curved
    text it is the width of the band, where a bounding rectangle would be far too high.
    """
    half_perimeters = perimeters(polygons) / 2
    return (half_perimeters - np.sqrt(np.maximum(half_perimeters**2 - 4 * areas(polygons), 0))) / 2


def next_points(polygons: np.ndarray) -> np.ndarray:
    """The point after each point of (..., P, 2) polygons; the first follows the last."""
    return np.concatenate([polygons[..., 1:, :], polygons[..., :1, :]], axis=-2)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product of vectors (..., 2), positive where the turn from ``a`` to ``b`` is clockwise in a picture."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def are_simple(polygons: np.ndarray) -> np.ndarray:
    """(N,) booleans for (N, P, 2) polygons: no two edges cross. Edges that only touch do not count."""
    start = np.asarray(polygons, dtype=np.float64)
    end = next_points(start)
    # (N, P, P): the two ends of edge j lie strictly on the two sides of the line through edge i.
    first, along = start[:, :, None], (end - start)[:, :, None]
    is_between = cross(along, start[:, None] - first) * cross(along, end[:, None] - first) < 0
    return ~(is_between & is_between.swapaxes(1, 2)).any(axis=(1, 2))


def coverages(polygons: np.ndarray) -> list[np.ndarray]:
    """The share of each pixel that lies inside a polygon, for many polygons at once.

    It is exact along x, and sampled at ``ROWS`` scan lines per pixel along y. As in font rasterisers, each crossing of
    an edge with a scan line adds the sign of the edge to its pixel, and a running sum along the row gives the shares.

    Args:
        polygons: (N, P, 2), simple, clockwise or not, each with its smallest x and y in [0, 1).
    Returns:
        N arrays (height, width), float32 in [0, 1]. Each ends with the last pixels that its polygon touches.
    """
    start = np.asarray(polygons, dtype=np.float64)
    end = next_points(start)
    (x0, y0), (x1, y1) = start.reshape(-1, 2).T, end.reshape(-1, 2).T
    widths, heights = np.ceil(start.max(axis=1)).astype(np.intp).T + 1
    # All images share one row of cells. In it every line of an image has two cells more than the image is wide.
    strides = widths + 2
    ends = (heights * strides).cumsum()
    begins = ends - heights * strides
    # Scan line k lies at y = (k + 1/2) / ROWS - 1/2. An edge crosses the lines from its upper end up to its lower one,
    # without the lower end itself.
    first = np.ceil((np.minimum(y0, y1) + 0.5) * ROWS - 0.5)
    count = (np.ceil((np.maximum(y0, y1) + 0.5) * ROWS - 0.5) - first).astype(np.intp)
    slope = (x1 - x0) / np.where(count > 0, y1 - y0, 1)
    # For each edge: x at its first line, where 0 is the border of the first pixel; x from line to line; its sign;
    # how many lines the edges before it cross; its first line; the first cell and the stride of its image.
    crossing = x0 + ((first + 0.5) / ROWS - 0.5 - y0) * slope + 0.5
    sign = np.where(y1 > y0, 1 / ROWS, -1 / ROWS)
    owner = np.arange(len(start)).repeat(start.shape[1])
    edges = np.stack([crossing, slope / ROWS, sign, count.cumsum() - count, first, begins[owner], strides[owner]])
    crossing, step, sign, before, line, begin, stride = edges.repeat(count, axis=1)
    number = np.arange(len(line)) - before
    line += number
    crossing += number * step
    column = np.floor(crossing)
    right = sign * (crossing - column)  # the part of the pixel to the left of the crossing goes to the next cell
    cell = (begin + np.floor(line / ROWS) * stride + column).astype(np.intp)
    steps = np.bincount(np.concatenate([cell, cell + 1]), np.concatenate([sign - right, right]), minlength=ends[-1])
    # The entries of every line add up to zero, so a single running sum serves all lines.
    shares = np.cumsum(steps, out=steps)
    shares = np.minimum(np.abs(shares, out=shares), 1, out=shares).astype(np.float32)
    layout = zip(begins.tolist(), ends.tolist(), strides.tolist())
    return [shares[start:stop].reshape(-1, width)[:, :-2] for start, stop, width in layout]


def pad_polygons(polygons: np.ndarray, points: int) -> np.ndarray:
    """(N, P, 2) polygons as (N, points, 2), P <= points. The last point is repeated, so the area stays the same."""
    count = points - polygons.shape[1]
    return np.concatenate([polygons, np.repeat(polygons[:, -1:], count, axis=1)], axis=1) if count else polygons
