"""Arrays for tests: one in which every element is another number, and one of random numbers."""

import numpy as np


def count_up(*shape, start=0):
    """start, start + 1, ... in a float32 array of that shape."""
    return np.arange(start, start + int(np.prod(shape)), dtype="float32").reshape(shape)


def draw_normal(seed, *shape):
    """Standard normal numbers in a float32 array of that shape. The same seed gives the same numbers."""
    return np.random.RandomState(seed).randn(*shape).astype("float32")
