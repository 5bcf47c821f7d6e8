"""What random transforms share: a generator in every process of a data loader."""

import numpy as np
from paddle.io import get_worker_info

from ..config.numbers import whole_number


class Draws:
    """Hands out the random generator of the process that asks.

    Args:
        owner: name of the transform; two of them draw differently from the same seed.
        seed: for the same draws in every run; None draws one from NumPy's global generator. Workers, and those of
            another epoch, draw differently either way.
    """

    def __init__(self, owner, seed=None):
        self.seed = None if seed is None else whole_number(seed, "seed", 0)
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
