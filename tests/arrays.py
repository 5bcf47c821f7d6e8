"""Arrays for tests: of which each element is another number, and drawn ones."""

import numpy as np


def counting(*shape, start=0):
    """start, start + 1, ... in an array of that shape, float32."""
    return np.arange(start, start + int(np.prod(shape)), dtype="float32").reshape(shape)


def drawn(seed, *shape):
    """Standard normal numbers of a seed, float32."""
    return np.random.RandomState(seed).randn(*shape).astype("float32")
