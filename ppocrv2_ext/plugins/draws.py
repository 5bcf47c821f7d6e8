"""What random transforms share: a generator in every process of a data loader, and arguments that are checked."""

from numbers import Integral, Real

import numpy as np
from paddle.io import get_worker_info


class Draws:
    """Hands out the random generator of the process that asks.

    Args:
        owner: name of the transform; two of them draw differently from the same seed.
        seed: for the same draws in every run; None draws one from NumPy's global generator. Workers, and those of
            another epoch, draw differently either way.
    """

    def __init__(self, owner, seed=None):
        self.seed = None if seed is None else checked_integer(owner, "seed", seed, 0)
        self._stream = tuple(owner.encode())
        self._process, self._generator = None, None

    def generator(self):
        """The numpy.random.Generator of this process; another one in workers that were started anew for an epoch."""
        worker = get_worker_info()
        process = () if worker is None else (worker.id, worker.seed)
        if self._generator is None or self._process != process:
            seed = np.random.randint(2**31) if self.seed is None else self.seed
            self._process, self._generator = process, np.random.default_rng([seed, *self._stream, *process])
        return self._generator


def checked_number(owner, name, value, low, high):
    """``value`` as a float; a ValueError that names the transform ``owner`` unless it is from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:
        raise ValueError(f"{owner}: `{name}` must be a number from {low} to {high}, got {value!r}.")
    return float(value)


def checked_integer(owner, name, value, low):
    """``value`` as an int; a ValueError that names the transform ``owner`` unless it is ``low`` or more."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise ValueError(f"{owner}: `{name}` must be a whole number of at least {low}, got {value!r}.")
    return int(value)
