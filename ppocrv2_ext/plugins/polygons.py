"""Plane geometry of closed polygons.

Shape legend: N polygons, P points each, last axis (x, y) in pixels. A polygon with fewer than P points repeats its last
one, as DetLabelEncode does. That changes no result below.
"""

from __future__ import annotations

import numpy as np


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


def next_points(polygons: np.ndarray) -> np.ndarray:
    """The point after each point of (..., P, 2) polygons; the first follows the last."""
    return np.concatenate([polygons[..., 1:, :], polygons[..., :1, :]], axis=-2)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product of vectors (..., 2), positive where the turn from ``a`` to ``b`` is clockwise in a picture."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
