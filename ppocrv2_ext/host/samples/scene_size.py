"""The largest size at which a detector sees a picture in evaluation, the same with every PaddleOCR."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from ...deploy.detect import resized_shape


def limit_side(theirs: Callable) -> Callable:
    """DetResizeForTest.resize_image_type0 of PaddleOCR with the limit of 4000 pixels that its sources have had since 3.

    `ppocrv2 ocr` has the limit too. The wheel, of 2.10, has none: a photo of 24 megapixels takes gigabytes there. A
    picture within the limit is resized by PaddleOCR's own method, as is every picture if that knows the limit.
    """
    if "max_side_limit" in inspect.getsource(theirs):
        return theirs

    def resize(self: Any, img: np.ndarray) -> tuple[np.ndarray, list[float]]:
        """(the picture as the network sees it, [what its height was multiplied by, and its width])"""
        rule = {"limit_side_len": self.limit_side_len, "limit_type": self.limit_type}
        height, width = resized_shape(img.shape[:2], rule)
        if (height, width) == resized_shape(img.shape[:2], rule, sys.maxsize):
            return theirs(self, img)
        return cv2.resize(img, (width, height)), [height / img.shape[0], width / img.shape[1]]

    return resize
