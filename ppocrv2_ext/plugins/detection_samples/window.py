"""Windows of a picture: their size, where they lie, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...arguments import whole_number


def read_size(size: Sequence[int], form: str) -> tuple[int, int]:
    """The `size` of a transform in pixels, checked.

    Args:
        form: what the two numbers are, for the message.
    Raises:
        ValueError: it is not two whole numbers >= 1.
    """
    if not isinstance(size, (list, tuple)) or len(size) != 2:
        raise ValueError(f"`size` must be {form}, got {size!r}.")
    return whole_number(size[0], "size"), whole_number(size[1], "size")


def choose_corner(
    rng: np.random.Generator,
    picture_hw: Sequence[int],
    window_hw: Sequence[int],
    polygons: np.ndarray,
    text_p: float,
) -> tuple[int, int]:
    """Draw where the top left corner of a window lies.

    With probability ``text_p`` the window holds the center of one of the texts, each with the same chance. Otherwise
    every place is equally likely.

    Args:
        rng: the only source of randomness.
        picture_hw, window_hw: (height, width) in pixels.
        polygons: (N, P, 2) outlines of readable text, x and y in pixels.
        text_p: in [0, 1].
    Returns:
        (y, x) in pixels, with the window inside the picture. It is 0 along a side where the picture is not larger.
    """
    last = np.maximum(np.subtract(picture_hw, window_hw), 0)
    low, high = np.zeros(2, dtype=int), last
    if len(polygons) and rng.random() < text_p:
        center = np.floor(polygons[rng.integers(len(polygons))].mean(axis=0)[::-1]).astype(int)  # y, x
        low = np.clip(center - window_hw + 1, 0, last)
        high = np.clip(center, low, last)
    return tuple(rng.integers(low, high + 1).tolist())


def cut(array: np.ndarray, corner: Sequence[int], window_hw: Sequence[int]) -> np.ndarray:
    """A copy of one window of an array.

    Args:
        array: (H, W) or (H, W, C).
        corner: (y, x) of the window's top left pixel, >= 0.
        window_hw: (height, width) of the window in pixels.
    Returns:
        An array of the window's size, 0 where the window reaches past the right or the lower border.
    """
    (y, x), (h, w) = corner, window_hw
    inside = array[y : y + h, x : x + w]
    window = np.zeros((h, w, *array.shape[2:]), dtype=array.dtype)
    window[: inside.shape[0], : inside.shape[1]] = inside
    return window


def pad(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """An (H, W) or (H, W, C) array, with 0 added below and at the right up to the given size, which is not smaller."""
    return array if array.shape[:2] == (height, width) else cut(array, (0, 0), (height, width))
