"""Decoding for Copy-Paste, which needs the labels of another picture, but perhaps not its pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...data.images import JPEG, Limits, check_image_bytes
from ...errors import UserError
from ...plugins.copy_paste.late import LatePicture

PASTING = ("DecodeImage", "DetLabelEncode", "TextCopyPaste")  # with these first, it may be late
CROPS = (("RandomSceneCrop",), ("RandomSceneWindow",))  # they slice the picture, and take nothing else of it


def let_paste_late(ops: list[Any]) -> None:
    """Let Copy-Paste among the transforms of a data set paste only text that the crop after it shows."""
    if _names(ops[:3]) == PASTING:
        ops[2].pastes_late = _names(ops[3:4]) in CROPS


def decode_late(ops: list[Any], copy_paste: Any) -> list[Any]:
    """The transforms of another picture for Copy-Paste, which decode it only when its pixels are asked for.

    Args:
        ops: the transforms before ``copy_paste``. They are returned as they are if it needs pixels at once.
    """
    if _names((*ops, copy_paste)) != PASTING:
        return ops
    decode, *others = ops
    # An error names a transform by its class.
    return [type(type(decode).__name__, (LateDecoding,), {})(decode), *others]


def _names(ops: Iterable[Any]) -> tuple[str, ...]:
    return tuple(type(op).__name__ for op in ops)


class LateDecoding:
    """PaddleOCR's DecodeImage, as a transform that makes a LatePicture of a usual JPEG."""

    def __init__(self, decode: Callable):
        self._decode = decode

    def __call__(self, data: dict) -> Any:
        content = data["image"]
        usual = content.startswith(JPEG)
        limits = Limits(getattr(self._decode, "ignore_orientation", False))
        check = check_image_bytes(content, limits) if usual else None
        if check is None or check.reasons or check.size is None:
            return self._decode(data)
        width, height = check.size
        picture = LatePicture(height, width, functools.partial(self._pixels, {**data}))
        return {**data, "image": picture}

    def _pixels(self, data: dict) -> np.ndarray:
        decoded = self._decode({**data})
        if decoded is None:
            file = data.get("img_path", "another picture")
            raise UserError(f"Copy-Paste takes text from {file}, which cannot be decoded as an image.")
        return decoded["image"]
