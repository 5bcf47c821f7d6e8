"""The best class of each frame, found without copying the output of the network, for PaddleOCR's decoder of CTC."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle

from ...plugins.fast_cpu.memory import can_view, view


class FrameMaxima:
    """The two things that PaddleOCR's ``CTCLabelDecode`` asks of an array (B, T, C), by one pass over it.

    Args:
        values: (B, T, C) probabilities or logits.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.classes = values.argmax(axis=2)
        self.values = np.take_along_axis(values, self.classes[..., None], axis=2)[..., 0]

    def argmax(self, axis: int) -> np.ndarray:
        """(B, T) integers; ``axis`` is 2."""
        return self.classes

    def max(self, axis: int) -> np.ndarray:
        """(B, T); ``axis`` is 2."""
        return self.values


def read_frames_once(decode: Callable) -> Callable:
    """``CTCLabelDecode.__call__`` that does not copy tensors of the CPU, and searches their classes once, not twice."""

    @functools.wraps(decode)
    def decode_frames(self: Any, preds: Any, *context: Any, **options: Any) -> Any:
        if isinstance(preds, (list, tuple)):
            preds = preds[-1]
        if isinstance(preds, paddle.Tensor) and preds.ndim == 3 and can_view(preds) and preds.is_contiguous():
            preds = FrameMaxima(view(preds))
        return decode(self, preds, *context, **options)

    return decode_frames
