"""What both kinds of maps need of the outlines of text: outlines at a distance, and filled outlines.

Shape legend: N outlines, P points each, last axis (x, y) in pixels. The center of the first pixel is (0, 0).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import pyclipper

from ...errors import UserError


class Frame(NamedTuple):
    """The place of the whole picture, of which a sample is a part, in pixels of the sample, half-open.

    PaddleOCR makes the maps of the whole picture. Outlines end at its border, and so do the maps.
    """

    left: int
    top: int
    right: int
    bottom: int


def frame_of(data: dict[str, Any]) -> Frame:
    """The frame that RandomSceneWindow notes in a sample; without one, the sample is the picture."""
    height, width = data["image"].shape[:2]
    return Frame(*data.get("frame", (0, 0, width, height)))


def read_outlines(polygons: Any) -> np.ndarray:
    """`polys` of a sample as (N, P, 2) float64; (0, 4, 2) if there are none.

    Raises:
        UserError: a coordinate is not a finite number.
    """
    outlines = np.array(polygons, dtype=np.float64)
    outlines = outlines if outlines.size else outlines.reshape(0, 4, 2)
    if not np.isfinite(outlines).all():
        raise UserError("the outline of a text has a coordinate that is not a finite number; mend its label.")
    return outlines


def offset(outline: np.ndarray, *distances: float) -> list[np.ndarray]:
    """Outlines that run at a distance around a (P, 2) outline, with round corners.

    Args:
        distances: pixels, negative for inside. They are tried one after another until one gives a single outline.
    Returns:
        Whole numbers (Q, 2) each. It is empty if nothing is left inside, or if the outline has no area once its
        coordinates are cut to whole pixels, as the library does.
    """
    clipper = pyclipper.PyclipperOffset()
    clipper.AddPath(outline.tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    found: list = []
    for distance in distances:
        found = clipper.Execute(distance)
        if len(found) == 1:
            break
    return [np.array(each, dtype=np.int32) for each in found]


def fill(image: np.ndarray, polygon: np.ndarray, value: float, frame: Frame) -> None:
    """Fill a polygon in a part of a picture, with the pixels that OpenCV would fill in the whole picture.

    Args:
        image: (H, W), written to.
        polygon: (Q, 2) whole numbers, in pixels of ``image``.
        frame: where the whole picture lies.
    """
    height, width = image.shape
    low, high = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    if frame == (0, 0, width, height) or (min(low) >= 0 and high[0] < width and high[1] < height):
        cv2.fillPoly(image, [polygon], value)
        return
    left, top = max(low[0], frame.left), max(low[1], frame.top)
    right, bottom = min(high[0] + 1, frame.right), min(high[1] + 1, frame.bottom)
    x, y, end_x, end_y = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if x < end_x and y < end_y:
        # OpenCV clips an outline at the border of an image, and rounds where. So the border must be the picture's.
        filled = cv2.fillPoly(np.zeros((bottom - top, right - left), np.uint8), [polygon - [left, top]], 1)
        image[y:end_y, x:end_x][filled[y - top : end_y - top, x - left : end_x - left] > 0] = value
