"""Logarithms of probabilities that the search for a path bounds, the compiled one and that of NumPy alike."""

from __future__ import annotations

import numpy as np

UNREACHABLE = np.float32(-1e30)  # of a path that there is not
LEAST = np.float32(-1e9)  # of a class: a probability may be 0, its log -inf
