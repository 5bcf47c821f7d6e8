"""Plane geometry of text polygons, and the search for a place on a picture that is still free of text.

Shape legend: N polygons, P points each, last axis (x, y) in pixels. The center of the first pixel is (0, 0).
A polygon with fewer than P points repeats its last one, as DetLabelEncode does. That changes no result below.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..polygons import areas, cross, next_points, perimeters

ROWS = 8  # scan lines per pixel in `coverages`
FEW = 8  # places that `Obstacles` tries before it tries all
BORDER = 2  # pixels around the mask of `Obstacles`, and by how many its outlines may be wrong


def short_sides(polygons: np.ndarray) -> np.ndarray:
    """(N,) heights of the lines of text in (N, P, 2) polygons, in pixels, >= 0.

    It is the shorter side of the rectangle with the same area and perimeter. For a rectangle that is exact. For curved
    text it is the width of the band, where a bounding rectangle would be far too high.
    """
    half_perimeters = perimeters(polygons) / 2
    return (half_perimeters - np.sqrt(np.maximum(half_perimeters**2 - 4 * areas(polygons), 0))) / 2


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


class Obstacles:
    """The text in a picture that pasted text must not cover, and how much of each text is covered already.

    Args:
        polygons: (N, P, 2). A polygon with a coordinate that is not finite is left out.
        limits: (N,) the share of each area that may be covered, in [0, 1].
        height, width: of the picture, in pixels.
    """

    def __init__(self, polygons: np.ndarray, limits: np.ndarray, height: int, width: int) -> None:
        finite = np.isfinite(polygons).all(axis=(1, 2))
        if not finite.all():
            polygons, limits = polygons[finite], np.asarray(limits)[finite]
        self._polygons = polygons
        self._placed: list[np.ndarray] = []
        self._table = _make_table(polygons, limits)
        self._height_width = height, width
        self._mask: np.ndarray | None = None

    def place(self, shapes: np.ndarray, limit: float, corners: np.ndarray) -> tuple[list[int], np.ndarray]:
        """Put each shape at the first of its places that is free. From then on it is an obstacle too.

        First the bounding boxes are compared, all at once: a shape covers no more of an obstacle than the box of the
        shape covers of the obstacle's box. Only if no box is free are the shapes compared, pixel by pixel. They must
        then not even touch.

        Args:
            shapes: (M, P, 2) relative to their corner, the first pixel that they touch.
            limit: the share of the area of each shape that later shapes may cover, in [0, 1].
            corners: (M, K, 2) integers, K places for each shape. At all of them it lies inside the picture.
        Returns:
            (L,) indexes of the shapes with a free place, L <= M, and (L, 2) the corners of these shapes.
        """
        entries = _make_table(shapes, limit).T[..., None]
        places = [self._place(*arguments) for arguments in zip(shapes, entries, corners)]
        indexes = [index for index, corner in enumerate(places) if corner is not None]
        return indexes, np.array([places[index] for index in indexes], dtype=int).reshape(-1, 2)

    def _place(self, shape: np.ndarray, entry: np.ndarray, corners: np.ndarray) -> np.ndarray | None:
        """Place one (P, 2) shape with its column (7, 1) of the table; return its corner, None if no place is free."""
        first = self._first_free_box(entry, corners)
        if first is None:
            first = self._first_free_corner(shape, corners)
        if first is None:
            return None
        corner = corners[first]
        entry[:4, 0] += (*corner, *corner)
        self._table = np.concatenate([self._table, entry], axis=1)
        self._placed.append(shape + corner)
        if self._mask is not None:
            _fill(self._mask, self._placed[-1] + BORDER)
        return corner

    def _first_free_box(self, entry: np.ndarray, corners: np.ndarray) -> int | None:
        """Index of the first corner at which the box covers no obstacle too much, or None. What it covers is noted.

        The first few corners are tried alone: in most pictures one of them is free.
        """
        area, limits, covered = self._table[4:]
        room = (limits - covered) * area
        for start, stop in ((0, FEW), (FEW, len(corners))):
            xy = corners[start:stop].T.astype(np.float32)[:, :, None]
            sides = np.minimum(xy + entry[2:4, None], self._table[2:4, None])
            sides -= np.maximum(xy, self._table[:2, None])
            np.maximum(sides, 0, out=sides)
            shared = np.multiply(sides[0], sides[1], out=sides[0])  # (corners, N)
            free = (shared <= room).all(axis=1)
            if free.any():
                index = int(free.argmax())
                covered += shared[index] / area
                return start + index
        return None

    def _first_free_corner(self, shape: np.ndarray, corners: np.ndarray) -> int | None:
        """Index of the first corner at which the shape touches no obstacle; None if there is none."""
        if self._mask is None:  # most pictures have so much room that they never need it
            self._mask = np.zeros([side + 2 * BORDER for side in self._height_width], dtype=np.uint8)
            for polygon in (*self._polygons, *self._placed):
                _fill(self._mask, polygon + BORDER)
        w, h = (np.ceil(shape.max(axis=0)).astype(int) + 1 + 2 * BORDER).tolist()
        # OpenCV may leave out pixels that an outline only touches. The dilation by the border brings them back.
        footprint = cv2.dilate(
            _fill(np.zeros((h, w), np.uint8), shape + BORDER), np.ones([2 * BORDER + 1] * 2, np.uint8)
        )
        # Every eighth pixel of the footprint is enough to rule out most places, all at once.
        y, x = (8 * pixels for pixels in np.nonzero(footprint[::8, ::8]))
        candidates = np.flatnonzero(~self._mask[corners[:, 1:] + y, corners[:, :1] + x].any(axis=1))
        for index in candidates.tolist():
            x, y = corners[index]
            if not cv2.countNonZero(cv2.bitwise_and(self._mask[y : y + h, x : x + w], footprint)):
                return index
        return None


def _make_table(polygons: np.ndarray, limits: float | np.ndarray) -> np.ndarray:
    """(7, N): half-open box of the touched pixels (x0, y0, x1, y1), area, share that may be covered, covered share."""
    table = np.zeros((7, len(polygons)), dtype=np.float32)
    table[:2] = np.floor(polygons.min(axis=1)).T
    table[2:4] = np.ceil(polygons.max(axis=1)).T + 1
    table[4] = np.maximum(areas(polygons), 1)
    table[5] = limits
    return table


def _fill(mask: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    # One polygon at a time: of several together OpenCV takes the overlaps for outside. Clipped to fit 32 bits.
    return cv2.fillPoly(mask, [np.rint(np.clip(polygon, -1e5, 1e5) * 16).astype(np.int32)], 1, shift=4)
