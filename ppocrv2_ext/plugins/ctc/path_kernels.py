"""The most likely CTC path of a label as a loop over frames and states, compiled on the first call.

Shape legend: B lines, T frames, C classes, S = 2 L + 1 states: blank, first character, blank, ..., blank.
"""

from __future__ import annotations

import numpy as np

from ..fast_cpu.compilation import compiled_as_written
from . import path_rules

UNREACHABLE, LEAST = np.float32(path_rules.UNREACHABLE), np.float32(path_rules.LEAST)


@compiled_as_written  # of two paths that are nearly equal, Paddle's operators must choose the same one
def trace_paths(
    first: int,
    last: int,
    log_probs: np.ndarray,
    states: np.ndarray,
    lengths: np.ndarray,
    frames: np.ndarray,
    paths: np.ndarray,
) -> None:
    """The best path of lines ``first`` to ``last``.

    Args:
        first, last: the lines.
        log_probs: (B, T, C).
        states: (B, S) classes.
        lengths: (B,) characters of each label.
        frames: (B,) in 1..T, frames of each line.
        paths: (B, T) zeros, which receive the classes of the frames.
    """
    width = states.shape[1]
    emissions = np.empty(width, np.float32)
    steps = np.empty((log_probs.shape[1], width), np.int8)  # how many states a path moved on since the frame before
    for b in range(first, last):
        final = 2 * lengths[b]  # the blank after the last character
        scores = np.full(width, UNREACHABLE, np.float32)  # of the best path that ends in each state
        for t in range(frames[b]):
            best = -np.float32(np.inf)
            for s in range(width):
                emission = max(log_probs[b, t, states[b, s]], LEAST)
                emissions[s] = emission
                best = max(best, emission)
            if t == 0:
                for s in range(min(2, width)):
                    scores[s] = emissions[s] - best
                continue
            for s in range(final, -1, -1):  # from the end on, as a state looks at the scores before it
                score, step = scores[s], 0
                if s > 0 and scores[s - 1] > score:
                    score, step = scores[s - 1], 1
                if s > 1 and states[b, s] != 0 and states[b, s] != states[b, s - 2] and scores[s - 2] > score:
                    score, step = scores[s - 2], 2
                scores[s], steps[t, s] = score + (emissions[s] - best), step
        state = final
        if final > 0 and scores[final - 1] > scores[final]:
            state = final - 1
        for t in range(frames[b] - 1, -1, -1):
            paths[b, t] = states[b, state]
            if t > 0:
                state -= steps[t, state]
