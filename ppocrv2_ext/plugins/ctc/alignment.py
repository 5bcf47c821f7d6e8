"""Which frame reads which character: the most likely CTC path of a known label (Viterbi), for a whole batch at once.

Shape legend: B lines, T frames, C classes, L >= 1 the longest label, S = 2 L + 1 states: blank, first character,
blank, second character, ..., blank. Class 0 is the blank. CTC is by Graves et al., ICML 2006.
"""

from __future__ import annotations

import paddle
from paddle import Tensor

from .frames import gather_classes, length_mask, to_float32

UNREACHABLE = -1e30  # far below the score of any path, and finite: the sum of two must not be NaN


def is_feasible(labels: Tensor, lengths: Tensor, frames: int | Tensor) -> Tensor:
    """Whether so few frames can hold each label. Two equal characters in a row need a blank between them.

    Args:
        labels: (B, L) classes, padded.
        lengths: (B,) integers in 0..L.
        frames: T, or (B,) integers.
    Returns:
        (B,) booleans: length + number of equal neighbours <= frames. An empty label is always feasible.
    """
    labels, lengths = labels.astype("int64"), lengths.astype("int64")
    inside = (paddle.arange(labels.shape[1]) > 0) & length_mask(lengths, labels.shape[1])
    repeats = (labels == labels.roll(1, axis=1)) & inside
    return lengths + repeats.astype("int64").sum(axis=1) <= frames


@paddle.no_grad()
def align(log_probs: Tensor, labels: Tensor, lengths: Tensor, frames: Tensor | None = None) -> Tensor:
    """The most likely of all paths that CTC reads as the label.

    CTC reads a path by merging repeats and then removing blanks.

    Args:
        log_probs: (B, T, C) log-probabilities or logits. A constant added to all classes of a frame changes nothing.
        labels: (B, L) classes in 1..C-1, padded with anything in 0..C-1.
        lengths: (B,) integers in 0..L.
        frames: (B,) integers in 1..T, how many frames belong to each line; None for all. The others become blank.
    Returns:
        (B, T) int64 classes, 0 for blank, without gradient. All blank where the label is infeasible, see
        :func:`is_feasible`.
    """
    lines, width = log_probs.shape[:2]
    labels, lengths = labels.astype("int64"), lengths.astype("int64")
    frames = paddle.full([lines], width, dtype="int64") if frames is None else frames.astype("int64")
    # The only path of an empty label is all blank, which is also what an infeasible label must get.
    lengths = paddle.where(is_feasible(labels, lengths, frames), lengths, paddle.zeros_like(lengths))
    states = _interleave_blanks(paddle.zeros_like(labels), labels)  # (B, S)
    scores, steps = _best_scores(_emissions(log_probs, labels), states)
    inside = paddle.arange(width).unsqueeze(1) < frames  # (T, B)
    last = _last_states(scores, lengths, frames)
    path = _trace_back(steps * inside.unsqueeze(2).astype("int64"), last)
    return paddle.take_along_axis(states, path, 1) * inside.t().astype("int64")


def _interleave_blanks(blanks: Tensor, characters: Tensor) -> Tensor:
    """(..., L) and (..., L) -> (..., S): blank, first, blank, second, ..., blank."""
    pairs = paddle.stack([blanks, characters], axis=-1)
    return paddle.concat([pairs.flatten(start_axis=-2), blanks[..., :1]], axis=-1)


def _emissions(log_probs: Tensor, labels: Tensor) -> Tensor:
    """(T, B, S) score of every state at every frame, at most 0: relative to the best state of the frame."""
    log_probs = to_float32(log_probs)
    characters = gather_classes(log_probs, labels)
    blanks = log_probs[:, :, :1].expand(characters.shape)
    emissions = _interleave_blanks(blanks, characters).clip(min=-1e9)  # a probability may be 0, its log -inf
    return (emissions - emissions.max(axis=-1, keepdim=True)).transpose([1, 0, 2])


def _best_scores(emissions: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """Viterbi's forward pass.

    Args:
        emissions: (T, B, S).
        states: (B, S) classes.
    Returns:
        (T, B, S) scores of the best path that ends in each state, and (T, B, S) int64 in 0..2: how many states that
        path moved on since the frame before. The steps of the first frame mean nothing.
    """
    first = paddle.arange(states.shape[1]) < 2
    skips = (states != 0) & (states != states.roll(2, axis=1)) & ~first
    unreachable = paddle.full_like(emissions[0], UNREACHABLE)
    skip_penalty = paddle.where(skips, paddle.zeros_like(unreachable), unreachable)
    wall = unreachable[:, :2]
    scores = [paddle.where(first.expand(states.shape), emissions[0], unreachable)]
    for emission in emissions.unbind(0)[1:]:
        padded = paddle.concat([wall, scores[-1]], axis=1)
        best = paddle.maximum(scores[-1], padded[:, 1:-1])
        scores.append(paddle.maximum(best, padded[:, :-2] + skip_penalty) + emission)
    scores = paddle.stack(scores)
    # The same comparisons again, for all frames at once. That is faster than storing the outcome of every frame.
    before = scores.roll(1, axis=0)  # a slice would be empty for one frame
    padded = paddle.concat([paddle.full_like(before[:, :, :2], UNREACHABLE), before], axis=2)
    one, two = padded[:, :, 1:-1], padded[:, :, :-2] + skip_penalty
    by_one, by_two = (one > before).astype("int64"), (two > paddle.maximum(before, one)).astype("int64")
    return scores, paddle.maximum(by_one, 2 * by_two)


def _last_states(scores: Tensor, lengths: Tensor, frames: Tensor) -> Tensor:
    """(B, 1) the state in which the best whole path ends: the last character, or the blank after it."""
    lines = paddle.arange(lengths.shape[0])
    final = scores.transpose([1, 0, 2]).gather_nd(paddle.stack([lines, frames - 1], axis=1))  # (B, S)
    on_blank = (2 * lengths).unsqueeze(1)
    on_character = (on_blank - 1).clip(min=0)
    better = paddle.take_along_axis(final, on_character, 1) > paddle.take_along_axis(final, on_blank, 1)
    return paddle.where(better, on_character, on_blank)


def _trace_back(steps: Tensor, last: Tensor) -> Tensor:
    """steps (T, B, S) and last (B, 1), the state at the last frame -> (B, T) states."""
    lines, count = steps.shape[1:]
    rows = paddle.arange(lines) * count
    path = [rows + last.squeeze(1)]
    for step in reversed(steps.flatten(start_axis=1).unbind(0)[1:]):
        path.append(path[-1] - step.gather(path[-1]))
    return paddle.stack(path[::-1], axis=1) - rows.unsqueeze(1)
