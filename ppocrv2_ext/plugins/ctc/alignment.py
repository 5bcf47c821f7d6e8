"""Which frame reads which character: the most likely CTC path of a known label (Viterbi), for a whole batch at once.

Shape legend: B lines, T frames, C classes, L >= 1 the longest label, S = 2 L + 1 states: blank, first character,
blank, second character, ..., blank. Class 0 is the blank. CTC is by Graves et al., ICML 2006.

On a CPU a compiled loop does it, or NumPy where numba is missing (:mod:`~.cpu_paths`). Elsewhere Paddle's
operators do, and find the same paths.
"""

from __future__ import annotations

import paddle
from paddle import Tensor

from ..fast_cpu.memory import can_view, view
from .cpu_paths import trace_paths
from .frames import gather_classes, length_mask, to_float32
from .path_rules import LEAST, UNREACHABLE


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
    if can_view(log_probs) and labels.place.is_cpu_place():
        arrays = (each.numpy() for each in (states, lengths, frames))
        log_probs = log_probs.contiguous()
        return paddle.to_tensor(trace_paths(view(log_probs), *arrays))
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
    emissions = _interleave_blanks(blanks, characters).clip(min=LEAST)
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
    lines, count = states.shape
    positions = paddle.arange(count)
    skips = (states != 0) & (states != states.roll(2, axis=1)) & (positions >= 2)
    allowed = paddle.stack([paddle.ones_like(skips), (positions >= 1).expand(states.shape), skips], axis=2)
    penalties = (1 - allowed.astype(emissions.dtype)) * UNREACHABLE  # (B, S, 3), of moving on by 0, 1 or 2 states
    sources = positions.unsqueeze(1) - paddle.arange(3)  # (S, 3), the states that it moves on from
    sources = (sources.clip(min=0) + count * paddle.arange(lines).reshape([lines, 1, 1])).flatten()
    # Three operators a frame: on a GPU the number of operators is what costs time.
    costs = (emissions.unsqueeze(3) + penalties).flatten(start_axis=1).unbind(0)
    unreachable = paddle.full_like(emissions[0], UNREACHABLE)
    scores = [paddle.where((positions < 2).expand(states.shape), emissions[0], unreachable).flatten()]
    for cost in costs[1:]:
        scores.append((scores[-1].gather(sources) + cost).reshape([-1, 3]).max(axis=1))
    scores = paddle.stack(scores).reshape(emissions.shape)
    # The same comparisons again, for all frames at once. That is faster than storing the outcome of every frame.
    before = scores.roll(1, axis=0)  # a slice would be empty for one frame
    padded = paddle.concat([paddle.full_like(before[:, :, :2], UNREACHABLE), before], axis=2)
    one, two = padded[:, :, 1:-1], padded[:, :, :-2] + penalties[:, :, 2]
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
    """The states of the best path, from its last one back.

    Each frame maps a state to the one of the frame before. Neighbouring maps are joined in pairs, then the pairs in
    pairs, so that log2 T rounds are enough.

    Args:
        steps: (T, B, S). last: (B, 1), the state at the last frame.
    Returns:
        (B, T) states.
    """
    frames, lines, count = steps.shape
    states = paddle.arange(lines * count)  # of all lines, one after the other
    rows = states.numel() * paddle.arange(frames).unsqueeze(1)
    back = paddle.concat([states - steps.flatten(start_axis=1), states.unsqueeze(0)])[1:]
    reach = 1  # back[t] goes from frame t + reach, or the last one, to frame t
    while reach < frames:
        ends = paddle.concat([back[reach:], states.expand([reach, lines * count])])
        back = back.flatten().gather((rows + ends).flatten()).reshape(back.shape)
        reach *= 2
    first = count * paddle.arange(lines)
    return (back.index_select(first + last.squeeze(1), axis=1) - first).t()
