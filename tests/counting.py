"""Arrays for the tests of weights, of which each element is another number."""

import numpy as np


def counting(*shape, start=0):
    """start, start + 1, ... in an array of that shape, float32."""
    return np.arange(start, start + int(np.prod(shape)), dtype="float32").reshape(shape)
