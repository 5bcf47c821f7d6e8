"""Pixels to the numbers that a network gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import paddle
from paddle import Tensor

from ...arguments import number, positive
from ...errors import UserError
from ...registry import TRANSFORMS
from ..compact import Compact, Widen


def normalise(image: np.ndarray, scale: np.float32, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(image * scale - mean) / std in float32, in this order, for any type of pixels.

    Args:
        image: (H, W, 3).
        scale: a float32 number.
        mean, std: (3,) float32.
    Returns:
        (3, H, W) float32.
    """
    return np.ascontiguousarray(((image.astype(np.float32) * scale - mean) / std).transpose(2, 0, 1))


def normalise_bytes(image: np.ndarray, factors: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """:func:`normalise` for 8-bit pixels, up to the rounding of float32: ``image * factors + shifts``.

    Args:
        image: (H, W, 3) uint8.
        factors, shifts: (3,), scale / std and -mean / std.
    Returns:
        (3, H, W) float32.
    """
    result = np.empty((3, *image.shape[:2]), np.float32)
    for plane, values, factor, shift in zip(result, cv2.split(image), factors.tolist(), shifts.tolist()):
        cv2.addWeighted(values, factor, values, 0, shift, dst=plane, dtype=cv2.CV_32F)
    return result


@TRANSFORMS.register
class NormalizeToCHW(Compact):
    """Does the work of PaddleOCR's NormalizeImage and ToCHWImage, with the arguments of the first.

    Args:
        scale: factor before the mean is taken off, > 0. It may be written as a fraction, such as "1./255.".
        mean: of each channel, after the scale; three numbers.
        std: standard deviation of each channel, after the scale; three numbers > 0.
        order: "hwc", as the picture comes.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        scale: float | str = 1 / 255,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        order: str = "hwc",
    ) -> None:
        if order != "hwc":
            raise ValueError(f"`order` must be hwc, got {order!r}.")
        self.scale = np.float32(_read_fraction(scale, "scale"))
        self.mean, self.std = _read_channels(mean, "mean"), _read_channels(std, "std")
        for value in self.std:
            positive(float(value), "std")
        divisors = self.std.astype(np.float64)
        self.factors, self.shifts = self.scale / divisors, -self.mean / divisors

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with `image` (H, W, 3), of any type, as (3, H, W) float32; 8-bit pixels stay if compact.

        Raises:
            UserError: the image has no three channels.
        """
        image = data["image"]
        if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3:
            shape = getattr(image, "shape", type(image).__name__)
            raise UserError(f"invalid input 'img' in NormalizeToCHW: it must be (height, width, 3), got {shape}.")
        if image.dtype == np.uint8:
            if self.is_compact:
                return {**data, "image": np.stack(cv2.split(image))}
            return {**data, "image": normalise_bytes(image, self.factors, self.shifts)}
        return {**data, "image": normalise(image, self.scale, self.mean, self.std)}

    @property
    def widen(self) -> dict[str, Widen]:
        return {"image": self._normalise_batch}

    def _normalise_batch(self, images: Tensor) -> Tensor:
        """:func:`normalise_bytes` for (B, 3, H, W) uint8 on their device."""
        factors, shifts = (
            paddle.to_tensor(values.astype(np.float32).reshape(3, 1, 1)) for values in (self.factors, self.shifts)
        )
        return images.astype("float32").multiply_(factors).add_(shifts)


def _read_fraction(value: Any, argument: str) -> float:
    """A positive number, or one written as ``a/b``."""
    parts = value.split("/") if isinstance(value, str) else [value]
    try:
        numbers = [float(part) if isinstance(part, str) else part for part in parts]
        return positive(numbers[0] / numbers[1] if len(numbers) == 2 else numbers[0], argument)
    except (ValueError, TypeError, ZeroDivisionError):
        raise ValueError(f"`{argument}` must be a number > 0 or a fraction such as 1./255., got {value!r}.") from None


def _read_channels(values: Any, argument: str) -> np.ndarray:
    if not isinstance(values, (list, tuple)) or len(values) != 3:
        raise ValueError(f"`{argument}` must be three numbers, one for each channel, got {values!r}.")
    return np.array([number(value, argument, -1e6, 1e6) for value in values], np.float32)
