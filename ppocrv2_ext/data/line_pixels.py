"""Lines of text as the input of a network. Training and deployment make it here, so both see the same pixels.

The pixels are those of PaddleOCR's RecResizeImg (ppocr/data/imaug/rec_img_aug.py).
"""

from __future__ import annotations

import math

import cv2
import numpy as np

# (value / 255 - 0.5) / 0.5 for each 8-bit value, with the roundings of float32 after every step, as in PaddleOCR.
NORMALISED = (np.arange(256, dtype=np.float32) / 255 - np.float32(0.5)) / np.float32(0.5)


def natural_width(image: np.ndarray, height: int) -> int:
    """The width of a line that keeps its aspect at another height, pixels, rounded up.

    Args:
        image: (H, W) or (H, W, C).
    """
    return math.ceil(height * (image.shape[1] / image.shape[0]))


def resize_line(image: np.ndarray, height: int = 32, width: int = 320, used: int | None = None) -> np.ndarray:
    """A line as a network sees it: resized, its values in [-1, 1], and 0 to the right of it.

    Args:
        image: (H, W) or (H, W, C) uint8.
        height, width: of the result, pixels.
        used: the width of the line in the result, <= ``width``. None keeps its aspect; a line that would be wider than
            the result is squeezed.
    Returns:
        (C, height, width) float32, C = 1 for (H, W).
    """
    used = min(natural_width(image, height), width) if used is None else used
    values = cv2.LUT(cv2.resize(image, (used, height)), NORMALISED).reshape(height, used, -1)
    result = np.zeros((values.shape[2], height, width), dtype=np.float32)
    result[:, :, :used] = values.transpose(2, 0, 1)
    return result
