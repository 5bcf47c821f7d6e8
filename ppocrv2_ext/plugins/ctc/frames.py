"""Operations on the frames of lines. Shape legend: B lines, T frames, C classes, L the longest label."""

from __future__ import annotations

import paddle
from paddle import Tensor


def to_float32(x: Tensor) -> Tensor:
    """``x`` in at least float32: half precision becomes float32, float64 stays."""
    return x if x.dtype in (paddle.float32, paddle.float64) else x.astype("float32")


def log_softmax(logits: Tensor) -> Tensor:
    """Log-probabilities over the last axis, in the type of ``logits``. Paddle's own is far slower on a CPU."""
    below = logits - logits.max(axis=-1, keepdim=True).detach()
    return below - below.exp().sum(axis=-1, keepdim=True).log()


def gather_classes(values: Tensor, classes: Tensor) -> Tensor:
    """``values[b, t, classes[b, l]]``: (B, T, C) values and (B, L) int64 classes -> (B, T, L).

    Indexing the flat tensor is far faster on a CPU than Paddle's take_along_axis.
    """
    lines, frames, count = values.shape
    rows = paddle.arange(lines * frames).reshape([lines, frames, 1]) * count
    return values.flatten().gather((rows + classes.unsqueeze(1)).flatten()).reshape([lines, frames, classes.shape[1]])


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """(B,) integers -> (B, longest) booleans, true at the positions before the end of each line."""
    return paddle.arange(longest).unsqueeze(0) < lengths.astype("int64").unsqueeze(1)
