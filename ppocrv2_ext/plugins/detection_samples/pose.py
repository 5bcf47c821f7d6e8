"""How a picture lies after it has been mirrored, turned and scaled: the part of PaddleOCR's IaaAugment that we do.

Shape legend: matrices are (3, 3) and map (x, y, 1), in pixels of the picture, to pixels of the result. The center of
the first pixel is (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...arguments import number

PADDLEOCR_AUGMENTERS = (  # what IaaAugment does when a config gives it no list
    {"type": "Fliplr", "args": {"p": 0.5}},
    {"type": "Affine", "args": {"rotate": [-10, 10]}},
    {"type": "Resize", "args": {"size": [0.5, 3]}},
)


class _Argument(NamedTuple):
    name: str
    default: float
    limits: tuple[float, float]


ARGUMENTS = {  # {type of an augmenter: its one argument}
    "Fliplr": _Argument("p", 1.0, (0, 1)),
    "Affine": _Argument("rotate", 0.0, (-360, 360)),
    "Resize": _Argument("size", 1.0, (0.01, 100)),
}


class Augmenter(NamedTuple):
    """One random step."""

    kind: str  # "Fliplr", "Affine" or "Resize"
    low: float  # for Fliplr the probability, for Affine the smallest angle in degrees, for Resize the smallest factor
    high: float  # as `low`, the largest; for Fliplr not used


class Step(NamedTuple):
    """One step with the number that was drawn for it."""

    kind: str
    value: float  # for Fliplr 1 or 0, for Affine degrees, for Resize a factor


class Pose(NamedTuple):
    """How a picture lies in its frame, the rectangle that PaddleOCR would have as the picture after the same steps."""

    matrix: np.ndarray  # (3, 3), from pixels of the picture to pixels of the frame
    width: int  # of the frame, pixels
    height: int
    detail: float  # the smallest scale, at most 1, that the picture has had on the way: finer detail is lost


def read_augmenters(augmenter_args: Sequence[Any] | None) -> tuple[Augmenter, ...]:
    """The steps that a config names, in its order.

    Args:
        augmenter_args: as PaddleOCR's IaaAugment has it: a list of {type, args}. ``Fliplr`` has `p`, ``Affine`` has
            `rotate`, an angle in degrees or [low, high], ``Resize`` has `size`, [low, high] factors. None is
            PaddleOCR's default, an empty list does nothing.
    Raises:
        ValueError: an entry is something else.
    """
    entries = PADDLEOCR_AUGMENTERS if augmenter_args is None else augmenter_args
    if not isinstance(entries, (list, tuple)):
        raise ValueError(f"`augmenter_args` must be a list of {{type, args}}, got {entries!r}.")
    return tuple(_read_augmenter(entry) for entry in entries)


def _read_augmenter(entry: Any) -> Augmenter:
    kind, given = (entry.get("type"), entry.get("args") or {}) if isinstance(entry, dict) else (None, None)
    if kind not in ARGUMENTS or not isinstance(given, dict) or set(given) - {ARGUMENTS[kind].name}:
        known = ", ".join(f"{kind} with `{argument.name}`" for kind, argument in ARGUMENTS.items())
        raise ValueError(
            f"`augmenter_args` may hold {known}, got {entry!r}; for anything else put PaddleOCR's IaaAugment and "
            "EastRandomCropData in the place of this transform."
        )
    argument = ARGUMENTS[kind]
    value = given.get(argument.name, argument.default)
    pair = value if isinstance(value, (list, tuple)) else (value, value)
    path = f"augmenter_args.{kind}.{argument.name}"
    if len(pair) != 2 or not number(pair[0], path, *argument.limits) <= number(pair[1], path, *argument.limits):
        raise ValueError(f"`{path}` must be a number or [low, high] with low <= high, got {value!r}.")
    return Augmenter(kind, float(pair[0]), float(pair[1]))


def choose_steps(rng: np.random.Generator, augmenters: Sequence[Augmenter]) -> list[Step]:
    """Draw a number for each step."""
    return [
        Step(kind, float(rng.random() < low) if kind == "Fliplr" else float(rng.uniform(low, high)))
        for kind, low, high in augmenters
    ]


def compose(steps: Sequence[Step], width: int, height: int) -> Pose:
    """The pose of a picture of ``width`` x ``height`` pixels after the steps, one after another.

    A mirrored or turned picture keeps its frame, so turning cuts corners off. A scaled frame has its sides rounded
    down to whole pixels, and the matrix maps the frame exactly.
    """
    matrix, scale, detail = np.eye(3), 1.0, 1.0
    for kind, value in steps:
        if kind == "Fliplr" and value:
            matrix = np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
        elif kind == "Affine":
            matrix = turn_about((width - 1) / 2, (height - 1) / 2, value) @ matrix
        elif kind == "Resize":
            new_width, new_height = max(1, int(width * value)), max(1, int(height * value))
            matrix = scale_by(new_width / width, new_height / height) @ matrix
            width, height = new_width, new_height
            scale *= value
            detail = min(detail, scale)
    return Pose(matrix, width, height, detail)


def turn_about(x: float, y: float, degrees: float) -> np.ndarray:
    """(3, 3): turn about a point, counter-clockwise as a person sees the picture."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, sin, x - cos * x - sin * y], [-sin, cos, y + sin * x - cos * y], [0, 0, 1]])


def scale_by(x: float, y: float) -> np.ndarray:
    """(3, 3): scale so that the corner of the first pixel, (-0.5, -0.5), stays where it is, as OpenCV's resize does."""
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])


def shift_by(x: float, y: float) -> np.ndarray:
    """(3, 3): move by (x, y) pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


def map_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., 2) points, x and y in pixels, moved by a matrix. float64."""
    return points @ matrix[:2, :2].T + matrix[:2, 2]
