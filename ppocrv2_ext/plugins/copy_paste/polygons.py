"""Plane geometry of text polygons, and which place on a picture is still free of them.

Shape legend: N polygons, P points each, last axis (x, y) in pixels; the centre of the first pixel is (0, 0).
A polygon with fewer points than P repeats its last one, as DetLabelEncode does; nothing below depends on it.
"""

import cv2
import numpy as np

ROWS = 8  # scan lines per pixel in `coverage`
BORDER = 2  # pixels around the mask of `Obstacles`, and how far its outlines may be off


def areas(polygons):
    """(N,) areas in pixels, >= 0, of (N, P, 2) polygons, or a scalar of one (P, 2); shoelace formula."""
    polygons = _centred(polygons)
    return np.abs(_cross(polygons, _following(polygons)).sum(axis=-1)) / 2


def short_sides(polygons):
    """(N,) heights of the lines of text in (N, P, 2) polygons, in pixels, >= 0.

    The shorter side of the rectangle with the same area and perimeter: exact for rectangles, and the width of the band
    for curved text, whose bounding rectangle would be far too high.
    """
    polygons = _centred(polygons)
    along = _following(polygons) - polygons
    half_perimeter = np.hypot(along[..., 0], along[..., 1]).sum(axis=-1) / 2
    return (half_perimeter - np.sqrt(np.maximum(half_perimeter**2 - 4 * areas(polygons), 0))) / 2


def are_simple(polygons):
    """(N,) booleans: no two edges of the polygon cross. Edges that only touch do not count."""
    start = _centred(polygons)
    end = _following(start)
    # (N, P, P): the two ends of edge j lie strictly on the two sides of the line through edge i.
    first, along = start[:, :, None], (end - start)[:, :, None]
    parted = _cross(along, start[:, None] - first) * _cross(along, end[:, None] - first) < 0
    return ~(parted & parted.swapaxes(1, 2)).any(axis=(1, 2))


def coverages(polygons):
    """The share of each pixel that lies inside a polygon, for many polygons at once.

    Exact along x, on ``ROWS`` scan lines per pixel along y: crossings are scattered with the sign of their edge and
    summed up along the row, as font rasterisers do.

    Args:
        polygons: (N, P, 2), simple, of any orientation, each with its smallest x and y in [0, 1).
    Returns:
        A list of N arrays (height, width), float32 in [0, 1], up to the last pixels that the polygon touches.
    """
    start = np.asarray(polygons, dtype=np.float64)
    end = _following(start)
    (x0, y0), (x1, y1) = start.reshape(-1, 2).T, end.reshape(-1, 2).T
    widths, heights = np.ceil(start.max(axis=1)).astype(np.intp).T + 1
    # All the images lie in one row of cells, each line of each two cells longer than it is wide.
    strides = widths + 2
    ends = np.cumsum(heights * strides)
    # Scan line k lies at y = (k + 1/2) / ROWS - 1/2. An edge crosses those from its upper end to before its lower one.
    first = np.ceil((np.minimum(y0, y1) + 0.5) * ROWS - 0.5).astype(np.intp)
    count = np.ceil((np.maximum(y0, y1) + 0.5) * ROWS - 0.5).astype(np.intp) - first
    edge = np.repeat(np.arange(len(first)), count)
    line = np.arange(len(edge)) + (first - np.cumsum(count) + count)[edge]
    slope = np.divide(x1 - x0, y1 - y0, out=np.zeros_like(x0), where=count > 0)
    crossing = x0[edge] + ((line + 0.5) / ROWS - 0.5 - y0[edge]) * slope[edge] + 0.5  # from the first pixel's border on
    column = crossing.astype(np.intp)
    sign = np.where(y1 > y0, 1 / ROWS, -1 / ROWS)[edge]
    right = sign * (crossing - column)  # of the crossed pixel, the part left of the crossing
    owner = edge // start.shape[1]
    cell = (ends - heights * strides)[owner] + line // ROWS * strides[owner] + column
    steps = np.bincount(np.concatenate([cell, cell + 1]), np.concatenate([sign - right, right]), minlength=ends[-1])
    # Every line sums up to zero, so one sum runs through all of them.
    shares = np.cumsum(steps, out=steps)
    shares = np.minimum(np.abs(shares, out=shares), 1, out=shares).astype(np.float32)
    layout = zip((ends - heights * strides).tolist(), ends.tolist(), strides.tolist())
    return [shares[begin:stop].reshape(-1, stride)[:, :-2] for begin, stop, stride in layout]


def padded(polygons, points):
    """(N, P, 2) polygons as (N, points, 2), P <= points, by repeating the last point: shape and area stay."""
    missing = points - polygons.shape[1]
    return np.concatenate([polygons, np.repeat(polygons[:, -1:], missing, axis=1)], axis=1) if missing else polygons


class Obstacles:
    """Text that what is pasted must keep off, and how much of each has been covered.

    Args:
        polygons: (N, P, 2); those with a coordinate that is not finite are nowhere and left out.
        limits: (N,) shares of each area that may be covered.
        height, width: of the picture, in pixels.
    """

    def __init__(self, polygons, limits, height, width):
        finite = np.isfinite(polygons).all(axis=(1, 2))
        self._polygons = list(polygons[finite])
        self._table = _table(polygons[finite], np.asarray(limits)[finite])
        self._height_width = height, width
        self._mask = None

    def place(self, shapes, limit, corners):
        """Put each shape at the first of many places that is free; from then on it is an obstacle as well.

        Boxes are compared first, all at once: what a box covers of an obstacle's box bounds what the shape covers of
        the obstacle. Only if no box is free are shapes compared, pixel by pixel, and may then not even touch.

        Args:
            shapes: (M, P, 2) relative to their corner, the first pixel that they touch.
            limit: the share of the area of each that a later one may cover.
            corners: (M, K, 2) integers, at all of which the shape lies inside the picture.
        Returns:
            (L,) indexes of the shapes, L <= M, for which a place is free, and (L, 2) their corners.
        """
        entries = _table(shapes, limit).T[..., None]
        found = [self._place(*each) for each in zip(shapes, entries, corners)]
        placed = [index for index, corner in enumerate(found) if corner is not None]
        return placed, np.array([found[index] for index in placed], dtype=int).reshape(-1, 2)

    def _place(self, shape, entry, corners):
        area, limits, covered = self._table[4:]
        xy = corners.T[:, :, None]
        sides = np.minimum(xy + entry[2:4, None], self._table[2:4, None]) - np.maximum(xy, self._table[:2, None])
        sides = np.maximum(sides, 0, out=sides)
        shares = sides[0] * sides[1] / area  # (K, N)
        free = (covered + shares <= limits).all(axis=1)
        if free.any():
            first = int(free.argmax())
            covered += shares[first]
        else:
            first = self._first_untouched(shape, corners)
            if first is None:
                return None
        corner = corners[first]
        entry[:2, 0] += corner
        entry[2:4, 0] += corner
        self._table = np.concatenate([self._table, entry], axis=1)
        self._polygons.append(shape + corner)
        if self._mask is not None:
            _fill(self._mask, shape + corner + BORDER)
        return corner

    def _first_untouched(self, shape, corners):
        if self._mask is None:  # most pictures have room enough to never need it
            self._mask = np.zeros([side + 2 * BORDER for side in self._height_width], dtype=np.uint8)
            for polygon in self._polygons:
                _fill(self._mask, polygon + BORDER)
        w, h = (np.ceil(shape.max(axis=0)).astype(int) + 1 + 2 * BORDER).tolist()
        # Either outline may lack pixels that it only touches; all of them are within the border.
        footprint = cv2.dilate(
            _fill(np.zeros((h, w), np.uint8), shape + BORDER), np.ones([2 * BORDER + 1] * 2, np.uint8)
        )
        # Every eighth pixel of the footprint rules most places out, all at once.
        y, x = (8 * pixels for pixels in np.nonzero(footprint[::8, ::8]))
        candidates = np.flatnonzero(~self._mask[corners[:, 1:] + y, corners[:, :1] + x].any(axis=1))
        for index in candidates.tolist():
            x, y = corners[index]
            if not cv2.countNonZero(cv2.bitwise_and(self._mask[y : y + h, x : x + w], footprint)):
                return index
        return None


def _table(polygons, limits):
    """(7, N): the half-open box of the pixels touched (x0, y0, x1, y1), area, share that may be covered, covered."""
    table = np.zeros((7, len(polygons)))
    table[:2] = np.floor(polygons.min(axis=1)).T
    table[2:4] = np.ceil(polygons.max(axis=1)).T + 1
    table[4] = np.maximum(areas(polygons), 1)
    table[5] = limits
    return table


def _fill(mask, polygon):
    # One polygon at a time: together, the places where two overlap would count as outside. Clipped to fit 32 bits.
    return cv2.fillPoly(mask, [np.rint(np.clip(polygon, -1e5, 1e5) * 16).astype(np.int32)], 1, shift=4)


def _centred(polygons):
    # Products of coordinates around zero keep the digits that large ones would lose.
    polygons = np.asarray(polygons, dtype=np.float64)
    return polygons - polygons[..., :1, :]


def _following(polygons):
    return np.concatenate([polygons[..., 1:, :], polygons[..., :1, :]], axis=-2)


def _cross(a, b):
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
