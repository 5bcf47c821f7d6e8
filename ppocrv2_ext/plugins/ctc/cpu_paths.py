"""The most likely CTC path of each label: by the compiled loop where numba is installed, else by NumPy.

Shape legend: B lines, T frames, C classes, S = 2 L + 1 states: blank, first character, blank, ..., blank.
"""

from __future__ import annotations

import numpy as np

from ..fast_cpu.memory import has_numba, run_in_parts
from .path_rules import LEAST, UNREACHABLE, can_skip_blanks


def trace_paths(log_probs: np.ndarray, states: np.ndarray, lengths: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """The classes of the frames on the best path, (B, T), as :mod:`~.alignment` finds them.

    Args:
        log_probs: (B, T, C), float32.
        states: (B, S) classes.
        lengths: (B,) characters of each label, for which the frames are enough.
        frames: (B,) in 1..T, frames of each line. The others become blank.
    """
    if not has_numba():
        return trace_by_numpy(log_probs, states, lengths, frames)
    from . import path_kernels

    paths = np.zeros(log_probs.shape[:2], np.int64)
    run_in_parts(path_kernels.trace_paths, len(paths), log_probs, states, lengths, frames, paths)
    return paths


def trace_by_numpy(log_probs: np.ndarray, states: np.ndarray, lengths: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """:func:`trace_paths`, frame by frame for all lines at once."""
    lines, count = states.shape
    line, frame = np.ogrid[:lines, : log_probs.shape[1]]
    emissions = np.maximum(log_probs[line[..., None], frame[..., None], states[:, None]], LEAST)
    emissions = (emissions - emissions.max(axis=2, keepdims=True)).transpose(1, 0, 2)
    penalties = np.where(can_skip_blanks(states), np.float32(0), -np.inf).astype(np.float32)

    steps = np.zeros(emissions.shape, np.int8)  # how many states a path moved on since the frame before
    padded = np.full((lines, count + 2), -np.inf, np.float32)  # two states before the first, which nobody is in
    scores, one_before, two_before = padded[:, 2:], padded[:, 1:-1], padded[:, :-2]
    scores[:] = np.where(np.arange(count) < 2, emissions[0], UNREACHABLE)
    is_inside = np.arange(len(emissions))[:, None] < frames
    for t in range(1, len(emissions)):
        skip = two_before + penalties
        nearer = np.maximum(scores, one_before)
        steps[t] = np.where(skip > nearer, 2, one_before > scores)
        following = np.maximum(nearer, skip) + emissions[t]
        np.copyto(scores, following, where=is_inside[t][:, None])
    rows = np.arange(lines)
    blank = 2 * lengths  # the state behind the last character
    character = np.maximum(blank - 1, 0)
    state = np.where(scores[rows, character] > scores[rows, blank], character, blank)
    paths = np.zeros(log_probs.shape[:2], np.int64)
    for t in range(len(emissions) - 1, -1, -1):
        paths[:, t] = states[rows, state] * is_inside[t]
        state = state - steps[t, rows, state] * is_inside[t]
    return paths
