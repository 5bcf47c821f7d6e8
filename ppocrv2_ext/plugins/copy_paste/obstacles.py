"""The search for a place on a picture that is still free of text.

Shape legend: N polygons, P points each, last axis (x, y) in pixels. The center of the first pixel is (0, 0).
"""

from __future__ import annotations

import cv2
import numpy as np

from ..polygons import areas

FEW = 8  # places that `Obstacles` tries before it tries all
BORDER = 2  # pixels around the mask of `Obstacles`, and by how many its outlines may be wrong


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
