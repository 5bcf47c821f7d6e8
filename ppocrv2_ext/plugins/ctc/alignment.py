"""Which frame reads which character: the most likely CTC path of a known label (Viterbi), for a whole batch at once.

Shape legend: B lines, T frames, C classes, L >= 1 the longest label, S = 2 L + 1 states: blank, first,
blank, second, ..., blank. Class 0 is the blank. CTC: Graves et al., 2006.
"""

import paddle

from .frames import gather_classes, in_float32, within

UNREACHABLE = -1e30  # far below the sum of any path, and finite: two of them must not make a NaN


def feasible(labels, lengths, frames):
    """Can the label be read from so few frames? Equal neighbours need a blank between them.

    Args:
        labels: (B, L) classes, padded. lengths: (B,) integers in 0..L.
        frames: T, or (B,) integers.
    Returns:
        (B,) booleans: length + number of equal neighbours <= frames. An empty label fits into anything.
    """
    labels, lengths = labels.astype("int64"), lengths.astype("int64")
    inside = (paddle.arange(labels.shape[1]) > 0) & within(lengths, labels.shape[1])
    repeated = (labels == labels.roll(1, axis=1)) & inside
    return lengths + repeated.astype("int64").sum(axis=1) <= frames


@paddle.no_grad()
def align(log_probs, labels, lengths, frames=None):
    """The most likely path among those that CTC reads as the label: repeats merged, then blanks removed.

    Args:
        log_probs: (B, T, C) log-probabilities or logits: what a frame adds to all its classes favours no path.
        labels: (B, L) classes in 1..C-1, padded with anything in 0..C-1. lengths: (B,) integers in 0..L.
        frames: (B,) integers in 1..T, the frames that belong to the line; None for all. The others become blank.
    Returns:
        (B, T) int64 classes, 0 for blank. All blank where the label is not :func:`feasible`. Carries no gradient.
    """
    lines, width = log_probs.shape[:2]
    labels, lengths = labels.astype("int64"), lengths.astype("int64")
    frames = paddle.full([lines], width, dtype="int64") if frames is None else frames.astype("int64")
    # An empty label has one path, all blank: just what is wanted for one that does not fit.
    lengths = paddle.where(feasible(labels, lengths, frames), lengths, paddle.zeros_like(lengths))
    states = _between_blanks(paddle.zeros_like(labels), labels)  # (B, S)
    scores, steps = _best_scores(_emissions(log_probs, labels), states)
    inside = paddle.arange(width).unsqueeze(1) < frames  # (T, B)
    last = _last_states(scores, lengths, frames)
    path = _trace_back(steps * inside.unsqueeze(2).astype("int64"), last)
    return paddle.take_along_axis(states, path, 1) * inside.t().astype("int64")


def _between_blanks(blanks, characters):
    """(..., L) and (..., L) -> (..., S): blank, first, blank, second, ..., blank."""
    pairs = paddle.stack([blanks, characters], axis=-1)
    return paddle.concat([pairs.flatten(start_axis=-2), blanks[..., :1]], axis=-1)


def _emissions(log_probs, labels):
    """Score of every state at every frame, (T, B, S), at most 0: relative to the best of the frame's states."""
    log_probs = in_float32(log_probs)
    found = gather_classes(log_probs, labels)
    blanks = log_probs[:, :, :1].expand(found.shape)
    emissions = _between_blanks(blanks, found).clip(min=-1e9)  # a probability may be 0, its log -inf
    return (emissions - emissions.max(axis=-1, keepdim=True)).transpose([1, 0, 2])


def _best_scores(emissions, states):
    """Viterbi's forward pass.

    Returns:
        (T, B, S) score of the best path that ends in a state, and (T, B, S) int64 in 0..2: by how many states that path
        went on since the frame before; the first frame's mean nothing.
    """
    first = paddle.arange(states.shape[1]) < 2
    skips = (states != 0) & (states != states.roll(2, axis=1)) & ~first
    unreachable = paddle.full_like(emissions[0], UNREACHABLE)
    forbidden = paddle.where(skips, paddle.zeros_like(unreachable), unreachable)
    wall = unreachable[:, :2]
    scores = [paddle.where(first.expand(states.shape), emissions[0], unreachable)]
    for emission in emissions.unbind(0)[1:]:
        padded = paddle.concat([wall, scores[-1]], axis=1)
        best = paddle.maximum(scores[-1], padded[:, 1:-1])
        scores.append(paddle.maximum(best, padded[:, :-2] + forbidden) + emission)
    scores = paddle.stack(scores)
    # The same comparisons once more, for all frames at once: quicker than to keep their outcome one by one.
    before = scores.roll(1, axis=0)  # a slice would be empty for one frame
    padded = paddle.concat([paddle.full_like(before[:, :, :2], UNREACHABLE), before], axis=2)
    one, two = padded[:, :, 1:-1], padded[:, :, :-2] + forbidden
    by_one, by_two = (one > before).astype("int64"), (two > paddle.maximum(before, one)).astype("int64")
    return scores, paddle.maximum(by_one, 2 * by_two)


def _last_states(scores, lengths, frames):
    """(B, 1) where the best whole path ends: on the blank after the last character, or on that character."""
    lines = paddle.arange(lengths.shape[0])
    final = scores.transpose([1, 0, 2]).gather_nd(paddle.stack([lines, frames - 1], axis=1))  # (B, S)
    on_blank = (2 * lengths).unsqueeze(1)
    on_character = (on_blank - 1).clip(min=0)
    better = paddle.take_along_axis(final, on_character, 1) > paddle.take_along_axis(final, on_blank, 1)
    return paddle.where(better, on_character, on_blank)


def _trace_back(steps, last):
    """steps: (T, B, S), last: (B, 1) state at the last frame -> (B, T) states."""
    lines, count = steps.shape[1:]
    rows = paddle.arange(lines) * count
    path = [rows + last.squeeze(1)]
    for step in reversed(steps.flatten(start_axis=1).unbind(0)[1:]):
        path.append(path[-1] - step.gather(path[-1]))
    return paddle.stack(path[::-1], axis=1) - rows.unsqueeze(1)
