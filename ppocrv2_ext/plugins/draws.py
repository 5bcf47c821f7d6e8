"""What the random transforms share: a random generator for every process of a data loader."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from paddle.io import get_worker_info

from ..arguments import whole_number


class Draws:
    """The random generators of one transform.

    Every worker process of a data loader gets a generator of its own, and another one in every epoch. Without that,
    all workers would draw the same numbers.

    Args:
        owner: name of the transform. Two transforms with the same seed draw different numbers.
        seed: whole number >= 0, for the same draws in every run. None takes a seed from NumPy's global generator.
    Raises:
        ValueError: ``seed`` is not a whole number >= 0.
    """

    def __init__(self, owner: str, seed: int | None = None) -> None:
        self.seed = None if seed is None else whole_number(seed, "seed", 0)
        self._stream = tuple(owner.encode())
        self._process: tuple | None = None
        self._generator: np.random.Generator | None = None

    def generator(self) -> np.random.Generator:
        """The generator of this process. A worker that was started for a new epoch gets a new one."""
        process = _describe_process()
        if self._generator is None or self._process != process:
            seed = np.random.randint(2**31) if self.seed is None else self.seed
            self._process, self._generator = process, np.random.default_rng([seed, *self._stream, *process])
        return self._generator

    def restart(self, step: Sequence[int]) -> None:
        """Begin anew, with the draws of one step of a training.

        Args:
            step: whole numbers >= 0. The first is the seed of the training; if the transform has a seed, that counts.
        """
        seed = step[0] if self.seed is None else self.seed
        self._process = _describe_process()
        self._generator = np.random.default_rng([seed, *self._stream, *step[1:]])


def _describe_process() -> tuple[int, ...]:
    """(number, seed) of a worker of a data loader; () for the training process."""
    worker = get_worker_info()
    return () if worker is None else (worker.id, worker.seed)
