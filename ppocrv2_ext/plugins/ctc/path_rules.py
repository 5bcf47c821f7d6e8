"""What every search for CTC paths shares: where a path may go, and how little a score can be.

Shape legend: B lines, S = 2 L + 1 states: blank, first character, blank, ..., blank.
"""

from __future__ import annotations

import numpy as np

# Logarithms of probabilities.
UNREACHABLE = -1e30  # of a path that there is not: far below any other, and finite, as the sum of two must not be NaN
LEAST = -1e9  # of a class: a probability may be 0, its log -inf


def can_skip_blanks(states: np.ndarray) -> np.ndarray:
    """(B, S) booleans: a path may come to the state from two before it, over the blank between different characters.

    Args:
        states: (B, S) classes.
    """
    can_skip = np.zeros(states.shape, bool)
    can_skip[:, 2:] = (states[:, 2:] != 0) & (states[:, 2:] != states[:, :-2])
    return can_skip
