"""Warp a picture into a sample, touching only the pixels that the sample shows."""

from __future__ import annotations

import math

import cv2
import numpy as np

from .pose import map_points, scale_by, shift_by


def warp(
    image: np.ndarray,
    matrix: np.ndarray,
    width: int,
    height: int,
    detail: float = 1.0,
    canvas: tuple[int, int] | None = None,
) -> np.ndarray:
    """A sample of ``width`` x ``height`` pixels, by linear interpolation, black where it shows no part of the picture.

    Where a sample shows the picture at less than half its size, linear interpolation would skip pixels. The part that
    it shows is then reduced by a whole factor first, to the mean of the pixels. PaddleOCR skips them.

    Args:
        image: (H, W) or (H, W, C), uint8, uint16 or float32. It may have any size.
        matrix: (3, 3), from pixels of the picture to pixels of the sample. It can be inverted.
        detail: in (0, 1]. A picture that PaddleOCR scales down and up again loses detail. Below 1 it is scaled by this
            factor on the way, as there.
        canvas: (height, width) of the result, which is black below and at the right of the sample. None: no more than
            the sample.
    Returns:
        (height, width) or (height, width, C).
    """
    part, matrix = _cut_shown_part(image, matrix, width, height)
    shown = np.zeros((*(canvas or (height, width)), *image.shape[2:]), image.dtype)
    if not part.size:
        return shown
    if detail < 1:
        part, matrix = _scale(part, matrix, detail, cv2.INTER_LINEAR)
    reduction = int(1 / math.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if reduction > 1:
        part, matrix = _scale(part, matrix, 1 / reduction, cv2.INTER_AREA)
    cv2.warpAffine(part, matrix[:2], (width, height), dst=shown[:height, :width], flags=cv2.INTER_LINEAR)
    return shown


def _cut_shown_part(image: np.ndarray, matrix: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """(view of the part of the picture that the sample shows and a little more, matrix for that part)."""
    inverse = np.linalg.inv(matrix)
    corners = map_points(inverse, np.array([[0, 0], [width, 0], [0, height], [width, height]]) - 0.5)
    margin = 2 * np.abs(inverse[:2, :2]).sum(axis=1) + 2  # as far as an interpolation can reach
    low = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
    high = np.maximum(np.ceil(corners.max(axis=0) + margin), 0).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], matrix @ shift_by(*low)


def _scale(image: np.ndarray, matrix: np.ndarray, factor: float, interpolation: int) -> tuple[np.ndarray, np.ndarray]:
    """(the picture with its sides times ``factor``, in whole pixels; matrix for the new picture)."""
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    scaled = cv2.resize(image, size, interpolation=interpolation)
    return scaled, matrix @ np.linalg.inv(scale_by(size[0] / width, size[1] / height))
