"""Lines of text in the size of a network's input, as numbers in [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ...config.numbers import whole_number
from ...errors import UserError
from ...registry import TRANSFORMS

# (value / 255 - 0.5) / 0.5 for each 8-bit value, with the roundings of float32 after every step, as in PaddleOCR.
NORMALISED = (np.arange(256, dtype=np.float32) / 255 - np.float32(0.5)) / np.float32(0.5)


def resize_line(image: np.ndarray, height: int, width: int, resized_width: int) -> np.ndarray:
    """A line as the input of a network: scaled, its values in [-1, 1], and 0 to the right of it.

    Args:
        image: (H, W) or (H, W, C) uint8.
        height, width: of the result, pixels.
        resized_width: of the line in the result, <= ``width``.
    Returns:
        (C, height, width) float32, C = 1 for (H, W).
    """
    resized = cv2.resize(image, (resized_width, height))
    values = cv2.LUT(resized, NORMALISED).reshape(height, resized_width, -1)
    result = np.zeros((values.shape[2], height, width), dtype=np.float32)
    result[:, :, :resized_width] = values.transpose(2, 0, 1)
    return result


@TRANSFORMS.register
class TextLineResize:
    """Scales a line to the height of the network's input and fills up its width, as PaddleOCR's RecResizeImg does.

    A line that would be wider than the input is squeezed.

    Args:
        image_shape: [channels, height, width] of the input. Channels are 3, or 1 for grey images of (H, W).
        infer_mode: with a dictionary, a wider line makes the input wider. PaddleOCR puts `Global.infer_mode` here.
        eval_mode: as ``infer_mode``, without a dictionary too.
        character_dict_path: the dictionary, only to know if there is one. PaddleOCR puts `Global.character_dict_path`
            here.
        padding: False: every line is stretched or squeezed to the whole width.
    Raises:
        ValueError: ``image_shape`` is not as it must be.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        infer_mode: bool = False,
        eval_mode: bool = False,
        character_dict_path: str | None = "./ppocr/utils/ppocr_keys_v1.txt",
        padding: bool = True,
    ) -> None:
        if not isinstance(image_shape, (list, tuple)) or len(image_shape) != 3 or image_shape[0] not in (1, 3):
            raise ValueError(
                f"`image_shape` must be [channels, height, width] with 1 or 3 channels, got {image_shape!r}."
            )
        self.image_shape = [whole_number(value, "image_shape", 1) for value in image_shape]
        self.widens = bool(eval_mode or (infer_mode and character_dict_path is not None))
        self.padding = padding

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with its `image` as the network takes it, and `valid_ratio`, the used share of its width.

        Args:
            data: a sample with `image`, (H, W, 3) uint8, or (H, W) if ``image_shape`` has one channel.
        Raises:
            UserError: the image has another form, or no pixels.
        """
        image = data["image"]
        channels, height, width = self.image_shape
        if image.shape[2:] != (3,) * (channels == 3) or image.ndim < 2 or image.dtype != np.uint8 or not image.size:
            form = "(height, width, 3)" if channels == 3 else "(height, width)"
            raise UserError(
                f"TextLineResize takes images of {form} with 8 bits for `image_shape` {self.image_shape}, got"
                f" {image.shape} {image.dtype}."
            )
        ratio = image.shape[1] / image.shape[0]
        if self.widens:
            width = int(height * max(width / height, ratio))
        natural_width = math.ceil(height * ratio) if self.padding or self.widens else width
        resized_width = min(natural_width, width)
        resized = resize_line(image, height, width, resized_width)
        return {**data, "image": resized, "valid_ratio": min(1.0, resized_width / width)}
