"""Find the lines of text in a picture with an exported DB detector.

The results equal those of PaddleOCR's tools/infer/predict_det.py with the resize rule of its current sources. The
exception is a picture whose height and width add up to less than LEAST_SUM pixels: it is padded, and PaddleOCR scales
the boxes by its size without the padding, which squeezes them. Pictures are (H, W, 3) uint8 BGR, points (x, y) pixels.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import pyclipper

from .engine import Engine, require_rank
from .settings import DetectorSettings

STRIDE = 32  # the sides of what the network sees are multiples of it
LONG_STRIDE = 128  # under the rule resize_long
LEAST_SUM = 64  # pixels; a picture with less height and width together is padded with black first
LARGEST_SIDE = 4000  # pixels that the network may see; under a rule of a fixed height, at most a square of them
SHRUNK = 0.9  # of the longer side; a picture that keeps as much, as the 4032 pixels of many phones, loses nothing
LEAST_SIDE_IN_MAP = 3  # pixels; a narrower box is noise
LEAST_SIDE = 3  # pixels in the picture; a box that is not wider or not higher is dropped


class Detector:
    """A detector ready to run. Several threads may share it.

    Args:
        engine: from pictures (1, 3, H, W) to probabilities (1, 1, H, W).
        settings: of the model.
    """

    def __init__(self, engine: Engine, settings: DetectorSettings) -> None:
        self.engine, self.settings = engine, settings
        values = np.arange(256, dtype=np.float32)[:, None]
        mean, std = (np.array(numbers, np.float32) for numbers in (settings.mean, settings.std))
        # (3, 256): what becomes of each value of a pixel in each channel
        self._tables = np.ascontiguousarray(((values * np.float32(settings.scale) - mean) / std).T, np.float32)
        self._buffers = threading.local()

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The lines in a picture, (N, 4, 2) float32: the corners of each, clockwise, the upper left one first.

        Raises:
            UserError: the model is no detector.
        """
        output = require_rank(self.engine(self.prepare(image)), 4, "detector", "(1, 1, height, width)")
        return find_boxes(output[0, 0], pad_small(image).shape[:2], self.settings, image.shape[:2])

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """What the network sees: (1, 3, H, W) float32. The array is written again by the thread's next call."""
        image = pad_small(image)
        height, width = resized_shape(image.shape[:2], self.settings.resize)
        resized = cv2.resize(image, (width, height))
        buffer = getattr(self._buffers, "value", None)
        if buffer is None or buffer.shape[2:] != (height, width):
            buffer = self._buffers.value = np.empty((1, 3, height, width), np.float32)
        for channel, table in enumerate(self._tables):
            cv2.LUT(cv2.extractChannel(resized, channel), table, dst=buffer[0, channel])
        return buffer


def pad_small(image: np.ndarray) -> np.ndarray:
    """``image``, or if it is tiny, the same on a black ground of at least 32 x 32."""
    height, width = image.shape[:2]
    if height + width >= LEAST_SUM:
        return image
    return cv2.copyMakeBorder(
        image, 0, max(0, STRIDE - height), 0, max(0, STRIDE - width), cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )


def resized_shape(shape: tuple[int, int], rule: Mapping[str, Any], largest: int = LARGEST_SIDE) -> tuple[int, int]:
    """The (height, width) at which the network sees a picture (DetResizeForTest, ppocr/data/imaug/operators.py).

    The limit of LARGEST_SIDE is that of PaddleOCR's current sources. The wheel, of 2.10, evaluates without one.

    Args:
        shape: (height, width) of the picture.
        rule: the options of DetResizeForTest: ``image_shape`` [H, W] with ``keep_ratio``, or ``limit_side_len`` with
            ``limit_type`` "min", "max" or "resize_long", or ``resize_long``; none of them is a shorter side of 736.
        largest: pixels of a side, if the rule has no ``max_side_limit``.
    Raises:
        ValueError: the rule is none of these.
    """
    height, width = shape
    if "image_shape" in rule:
        target_height, target_width = rule["image_shape"]
        if rule.get("keep_ratio") is True:
            widest = max(STRIDE, largest**2 // target_height // STRIDE * STRIDE)
            target_width = min(math.ceil(width * target_height / height / STRIDE) * STRIDE, widest)
        return int(target_height), int(target_width)
    if "resize_long" in rule and "limit_side_len" not in rule:
        ratio = float(rule["resize_long"]) / max(height, width)
        sides = [max(1, int(side * ratio)) for side in shape]  # a strip would have no height left
        height, width = ((side + LONG_STRIDE - 1) // LONG_STRIDE * LONG_STRIDE for side in sides)
        return height, width
    limit, kind = float(rule.get("limit_side_len", 736)), rule.get("limit_type", "min")
    side = {"min": min, "max": max, "resize_long": max}.get(kind)
    if side is None:
        raise ValueError(f"limit_type must be min, max or resize_long, got {kind!r}")
    length = side(shape)
    needed = {"min": length < limit, "max": length > limit, "resize_long": True}[kind]
    ratio = limit / length if needed else 1.0
    sizes = [int(size * ratio) for size in shape]
    largest = rule.get("max_side_limit", largest)
    if max(sizes) > largest:
        sizes = [int(size * (float(largest) / max(sizes))) for size in sizes]
    height, width = (max(round(size / STRIDE) * STRIDE, STRIDE) for size in sizes)
    return height, width


def shrunk_shape(shape: tuple[int, int], rule: Mapping[str, Any]) -> tuple[int, int] | None:
    """The (height, width) at which the network sees a picture that LARGEST_SIDE shrinks to less than SHRUNK of it.

    Args:
        shape, rule: as :func:`resized_shape` takes them.
    Returns:
        None for a picture that is seen as large as the rule asks, or almost as large as it is.
    """
    seen, asked = resized_shape(shape, rule), resized_shape(shape, rule, sys.maxsize)
    return seen if max(seen) < SHRUNK * min(max(shape), max(asked)) else None


def find_boxes(
    probabilities: np.ndarray, shape: tuple[int, int], settings: DetectorSettings, inside: tuple[int, int] | None = None
) -> np.ndarray:
    """The boxes of a detector's map (DBPostProcess, and filter_tag_det_res of tools/infer/predict_det.py).

    Args:
        probabilities: (h, w) float32, that a pixel is in the inner part of a text.
        shape: (height, width) of the picture that the network saw, in whose pixels the boxes are given.
        settings: thresholds, and how far a box grows.
        inside: (height, width) of its upper left part, to which the boxes are cut; None for all of it.
    Returns:
        (N, 4, 2) float32, whole numbers inside that part, clockwise from the upper left corner.
    """
    mask = (probabilities > settings.thresh).view(np.uint8)
    if settings.dilate:
        mask = cv2.dilate(mask, np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    size, map_size = np.array(shape[::-1]), np.array(probabilities.shape[::-1])  # (width, height)
    end = np.array((inside or shape)[::-1]) - 1
    boxes = []
    for contour in contours[: settings.max_candidates]:
        if len(contour) < 3:  # a dot or a stroke of one pixel has no width
            continue
        box, side = _least_rectangle(contour)
        if side < LEAST_SIDE_IN_MAP:
            continue
        outline = box if settings.score_mode == "fast" else contour.reshape(-1, 2)
        if mean_inside(probabilities, outline) < settings.box_thresh:
            continue
        grown = grow(box, settings.unclip_ratio)
        if grown is None:
            continue
        box, side = _least_rectangle(grown)
        if side < LEAST_SIDE_IN_MAP + 2:
            continue
        # In this precision and order, which decide on which side of a half a number lies.
        box = np.clip(np.round(box / map_size.astype(np.float32) * size.astype(np.float64)), 0, size)
        box = np.clip(order_corners(box.astype(np.float32)), 0, end)
        if min(int(np.linalg.norm(box[0] - box[1])), int(np.linalg.norm(box[0] - box[3]))) > LEAST_SIDE:
            boxes.append(box)
    return np.array(boxes, np.float32).reshape(-1, 4, 2)


def grow(box: np.ndarray, ratio: float) -> np.ndarray | None:
    """The outline of a box with all sides moved out by ``ratio`` times its area divided by its perimeter (DB's unclip).

    Args:
        box: (4, 2) float32.
        ratio: the unclip ratio.
    Returns:
        (M, 1, 2) int32; None if it falls into several parts.
    """
    points = box.astype(np.float64)
    x, y = points.T
    area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    perimeter = np.linalg.norm(points - np.roll(points, -1, axis=0), axis=1).sum()
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(box.tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    parts = offset.Execute(area * ratio / perimeter)
    return np.array(parts[0], np.int32).reshape(-1, 1, 2) if len(parts) == 1 else None


def mean_inside(probabilities: np.ndarray, polygon: np.ndarray) -> float:
    """The mean of a map over a polygon, (N, 2). Corners are cut to whole pixels."""
    height, width = probabilities.shape
    low, high = np.floor(polygon.min(0)).astype(int), np.ceil(polygon.max(0)).astype(int)
    (left, top), (right, bottom) = (np.clip(corner, 0, (width - 1, height - 1)) for corner in (low, high))
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, (polygon - (left, top)).astype(np.int32)[None], 1)
    return cv2.mean(probabilities[top : bottom + 1, left : right + 1], mask)[0]


def order_corners(box: np.ndarray) -> np.ndarray:
    """The corners (4, 2) of a box clockwise, from the upper left one: the one with the least x + y."""
    total = box.sum(1)
    first, third = total.argmin(), total.argmax()
    others = np.delete(box, (first, third), 0)
    difference = others[:, 1] - others[:, 0]
    return np.stack([box[first], others[difference.argmin()], box[third], others[difference.argmax()]])


def _least_rectangle(contour: np.ndarray) -> tuple[np.ndarray, float]:
    """The rectangle of least area around points: (4, 2) float32 from the upper left corner on, and its shorter side."""
    rectangle = cv2.minAreaRect(contour)
    points = sorted(cv2.boxPoints(rectangle), key=lambda point: point[0])
    top_left, low_left = points[:2] if points[1][1] > points[0][1] else points[1::-1]
    top_right, low_right = points[2:] if points[3][1] > points[2][1] else points[:1:-1]
    return np.array([top_left, top_right, low_right, low_left], np.float32), min(rectangle[1])
