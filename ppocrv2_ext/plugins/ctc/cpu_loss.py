"""CTC in place of Paddle's, whose softmax over thousands of classes is slow on a CPU. It needs NumPy alone.

Shape legend: B lines, T frames, C classes, class 0 the blank, L the longest label, S = 2 L + 1 states: the characters
of a label with a blank before, between and after them.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor
from paddle.autograd import PyLayer

from ..fast_cpu.memory import run_in_parts, view
from .path_rules import can_skip_blanks


class _CTC(PyLayer):
    @staticmethod
    def forward(ctx, logits, labels, lengths):
        logits = logits.contiguous()
        softmax = paddle.empty_like(logits)
        log_sums = np.empty(logits.shape[:2])
        run_in_parts(_softmax, len(logits), view(logits), view(softmax), log_sums)
        states = _interleave_blanks(labels, lengths)
        lines, frames = np.ogrid[: logits.shape[0], : logits.shape[1]]
        log_probabilities = view(logits)[lines[..., None], frames[..., None], states[:, None]] - log_sums[..., None]
        losses, shares = align_states(log_probabilities, states, lengths)
        ctx.save_for_backward(softmax)
        ctx.states, ctx.shares = states, shares.astype(np.float32)
        return paddle.to_tensor(losses.astype(np.float32))

    @staticmethod
    def backward(ctx, loss_grads):
        (softmax,) = ctx.saved_tensor()
        grad = paddle.empty_like(softmax)
        run_in_parts(_gradient, len(softmax), view(softmax), ctx.states, ctx.shares, loss_grads.numpy(), view(grad))
        return grad


def ctc_losses(logits: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """Negative log-likelihood of each label, as ``F.ctc_loss`` computes it, but without a limit on a frame's share.

    Args:
        logits: (B, T, C), float32, on the CPU.
        labels: (B, L) classes, padded; within the lengths they are in 1..C-1, and the frames are enough for them.
        lengths: (B,) integers in 0..L.
    Returns:
        (B,) nats per line, >= 0.
    """
    return _CTC.apply(logits, labels.numpy(), lengths.numpy())


def _interleave_blanks(labels: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The classes of the states, (B, S). What lies behind a label is a blank."""
    states = np.zeros((len(labels), 2 * labels.shape[1] + 1), np.int64)
    states[:, 1::2] = np.where(np.arange(labels.shape[1]) < lengths.reshape(-1, 1), labels, 0)
    return states


@np.errstate(invalid="ignore")  # a NaN among the logits gives a NaN loss, which the host reports
def align_states(
    log_probabilities: np.ndarray, states: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each line, and how probable each state is at each frame, given the label (Graves et al., ICML 2006).

    Args:
        log_probabilities: (B, T, S), of the class of each state.
        states: (B, S) classes. lengths: (B,) integers.
    Returns:
        (B,) nats, and (B, T, S) shares that sum to 1 over the states of a frame.
    """
    frames, count = log_probabilities.shape[1:]
    last = 2 * lengths.reshape(-1, 1)  # the blank behind the label
    positions = np.arange(count)
    exists = np.where(positions <= last, 0.0, -np.inf)
    skips = np.where(can_skip_blanks(states), 0.0, -np.inf)

    before = np.empty_like(log_probabilities)  # log-probability of all ways to a state, its frame included
    after = np.empty_like(log_probabilities)  # and of all ways from it to the end, its frame excluded
    before[:, 0] = np.where(positions < 2, log_probabilities[:, 0], -np.inf) + exists
    for t in range(1, frames):
        ways = before[:, t - 1].copy()
        ways[:, 1:] = np.logaddexp(ways[:, 1:], before[:, t - 1, :-1])
        ways[:, 2:] = np.logaddexp(ways[:, 2:], before[:, t - 1, :-2] + skips[:, 2:])
        before[:, t] = ways + log_probabilities[:, t] + exists
    after[:, -1] = np.where((positions == last) | (positions == last - 1), 0.0, -np.inf)
    for t in range(frames - 1, 0, -1):
        following = after[:, t] + log_probabilities[:, t]
        ways = following.copy()
        ways[:, :-1] = np.logaddexp(ways[:, :-1], following[:, 1:])
        ways[:, :-2] = np.logaddexp(ways[:, :-2], following[:, 2:] + skips[:, 2:])
        after[:, t - 1] = ways + exists
    likelihood = np.logaddexp.reduce(before[:, -1] + after[:, -1], axis=1)
    return -likelihood, np.exp(before + after - likelihood.reshape(-1, 1, 1))


def _softmax(first: int, last: int, logits: np.ndarray, softmax: np.ndarray, log_sums: np.ndarray) -> None:
    """Softmax of lines ``first`` to ``last``, and the log of the sum of exponentials of each frame, (B, T)."""
    for b in range(first, last):
        highest = logits[b].max(axis=-1, keepdims=True)
        np.subtract(logits[b], highest, out=softmax[b])
        np.exp(softmax[b], out=softmax[b])
        sums = softmax[b].sum(axis=-1, keepdims=True)
        softmax[b] /= sums
        log_sums[b] = highest[:, 0] + np.log(sums[:, 0], dtype=np.float64)


def _gradient(
    first: int,
    last: int,
    softmax: np.ndarray,
    states: np.ndarray,
    shares: np.ndarray,
    loss_grads: np.ndarray,
    grad: np.ndarray,
) -> None:
    """Gradient of the logits of lines ``first`` to ``last``: the softmax minus the shares of the classes."""
    rows = np.arange(softmax.shape[1]).reshape(-1, 1)
    for b in range(first, last):
        np.multiply(softmax[b], loss_grads[b], out=grad[b])
        np.subtract.at(grad[b], (rows, states[b]), shares[b] * loss_grads[b])
