"""Training windows for text detection: a part of the picture, with its maps, at the scale that evaluation sees.

PaddleOCR's EastRandomCropData cuts out a region between texts and scales it to fit a square. The network then sees text
at other sizes than in evaluation, and on real scenes more than half of the square stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arguments import number, whole_number
from ..data.sample_keys import DB_MAPS
from ..errors import UserError
from ..registry import TRANSFORMS
from .compact import Compact
from .draws import Draws


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


def are_visible(polygons: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N,) booleans: the bounding box of each of (N, P, 2) polygons overlaps a picture of ``height`` x ``width``."""
    return (polygons.max(axis=1) > 0).all(axis=1) & (polygons.min(axis=1) < [width, height]).all(axis=1)


def select_text(data: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
    """A copy of a sample with only those `polys`, `ignore_tags` and `texts` where ``mask``, (N,) booleans, is true."""
    texts = {"texts": [text for text, keep in zip(data["texts"], mask) if keep]} if "texts" in data else {}
    return {**data, **texts, "polys": data["polys"][mask], "ignore_tags": np.asarray(data["ignore_tags"], bool)[mask]}


@TRANSFORMS.register
class KeepVisibleText(Compact):
    """Removes text that an augmentation has moved out of the picture. MakeBorderMap, which comes later, fails on it."""

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """data: a sample with `image` (H, W, 3), `polys` (N, P, 2), `ignore_tags`, perhaps `texts`."""
        return select_text(data, are_visible(np.asarray(data["polys"]), *data["image"].shape[:2]))


@TRANSFORMS.register
class RandomTextWindow:
    """Cuts one random window out of the image and its four maps, right after MakeShrinkMap.

    RandomSceneWindow does the same before the maps are made, several times faster; the shipped configs have that.

    The maps are made for the whole picture before the cut, so text at the border of the window keeps its labels. Where
    the window reaches past a small picture the masks are 0: nothing is learnt there.

    Args:
        size: (height, width) of the window in pixels.
        text_p: probability, in [0, 1], that the window is placed around text. The others show background.
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, size: Sequence[int], text_p: float = 0.75, seed: int | None = None) -> None:
        self.size = read_size(size, "[height, width]")
        self.text_p = number(text_p, "text_p", 0, 1)
        self.draws = Draws("RandomTextWindow", seed)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Cut the image, the maps and the polygons at the same place; text outside the window leaves the lists.

        Args:
            data: a sample with `image` (H, W, 3), `polys` (N, P, 2), `ignore_tags`, perhaps `texts`, and the four maps
                (H, W) of :data:`~ppocrv2_ext.data.sample_keys.DB_MAPS`.
        Raises:
            UserError: the sample has no maps yet.
        """
        missing = [key for key in DB_MAPS if key not in data]
        if missing:
            raise UserError(
                f"RandomTextWindow must follow MakeBorderMap and MakeShrinkMap; the sample has no {missing[0]!r}."
            )
        polygons, ignored = np.asarray(data["polys"]), np.asarray(data["ignore_tags"], dtype=bool)
        corner = choose_corner(
            self.draws.generator(), data["image"].shape[:2], self.size, polygons[~ignored], self.text_p
        )
        windows = {key: cut(data[key], corner, self.size) for key in ("image", *DB_MAPS)}
        polygons = polygons - np.array(corner[::-1])
        return select_text({**data, **windows, "polys": polygons}, are_visible(polygons, *self.size))
