"""The component TextLineResize: a line of text as the input of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import whole_number
from ...data.line_pixels import natural_width, resize_line
from ...errors import UserError
from ...registry import TRANSFORMS


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
        if self.widens:
            width = int(height * max(width / height, image.shape[1] / image.shape[0]))
        used = min(natural_width(image, height), width) if self.padding or self.widens else width
        return {**data, "image": resize_line(image, height, width, used), "valid_ratio": used / width}
