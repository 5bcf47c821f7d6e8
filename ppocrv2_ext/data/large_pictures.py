"""Pictures that are too large for OpenCV to warp: a part is cut out, and reduced if it is still too large."""

from __future__ import annotations

import cv2
import numpy as np

MOST_WARPED = 32_766  # pixels of a side that OpenCV 4 warps


def cut_surroundings(
    image: np.ndarray, points: np.ndarray, margin: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part of a picture in which some points lie, at most MOST_WARPED pixels on each side.

    Args:
        image: (H, W, C). The part may be a view of it.
        points: (P, 2) of (x, y) in pixels.
        margin: pixels around the points; one number, or (2,) for x and y.
    Returns:
        The part; (2,) the (x, y) of its first pixel in the picture; (2,) what the part was scaled by along x and y,
        <= 1.
    """
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(points.min(axis=0) - margin).astype(int), 0, size - 1)
    high = np.clip(np.ceil(points.max(axis=0) + margin).astype(int) + 1, low + 1, size)
    part, whole = image[low[1] : high[1], low[0] : high[0]], high - low
    reduced = np.minimum(whole, MOST_WARPED)
    if (reduced < whole).any():
        part = cv2.resize(part, (int(reduced[0]), int(reduced[1])), interpolation=cv2.INTER_AREA)
    return part, low, reduced / whole
