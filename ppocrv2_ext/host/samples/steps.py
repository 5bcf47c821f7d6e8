"""The steps of a training as functions of their place: which samples a step takes, and what is drawn at random for it.

A place is (``Global.seed``, rank, epoch, step of the epoch). Before a batch is read, every generator that its
transforms draw from is seeded by its place: Python's, NumPy's, those of this package and of albumentations. Before a
step is taken, Paddle's is. So a training that begins at a step takes that step as if it had taken all before,
whatever the number of loader processes, and though they read ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import paddle

from .generators import find_generators, keep_generators, seed_generators

DEFAULT_SEED = 1024  # of PaddleOCR's trainer

Place = tuple  # (seed, rank, epoch, step), whole numbers >= 0


class First(NamedTuple):
    """The index of the first sample of a batch, with the place of the batch."""

    place: Place
    index: Any


class PlacedSampler:
    """A batch sampler of PaddleOCR's that can begin at a place. Until :meth:`begin` is called it is as it was."""

    def __init__(self, sampler: Any):
        self._sampler = sampler
        self._place: tuple[int, int, int] | None = None
        self._skipped = 0

    def __getattr__(self, name: str) -> Any:
        if name == "_sampler":  # a copy that is not filled yet
            raise AttributeError(name)
        return getattr(self._sampler, name)

    def __len__(self) -> int:
        return len(self._sampler)

    def begin(self, seed: int, rank: int, epoch: int, step: int) -> None:
        """The next loop over this sampler gives the batches of ``epoch``, without the first ``step``."""
        self._place, self._skipped = (seed, rank, epoch), step

    def restore_order(self, epochs: int) -> None:
        """Bring the order of the samples to where it is after ``epochs`` loops over the sampler.

        Paddle's DistributedBatchSampler counts its loops. MultiScaleSampler shuffles what it has shuffled before, by
        Python's generator.
        """
        if isinstance(self._sampler, paddle.io.DistributedBatchSampler):
            self._sampler.set_epoch(epochs if self._sampler.shuffle else 0)
            return
        with keep_generators():
            for _ in range(epochs):
                next(iter(self._sampler), None)

    def __iter__(self) -> Iterator[list]:
        place, skipped = self._place, self._skipped
        for step, batch in enumerate(self._sampler):
            if place is None:
                yield batch
            elif step >= skipped:
                yield [First((*place, step), batch[0]), *batch[1:]]


class PlacedDataSet(paddle.io.Dataset):
    """A dataset whose generators are seeded where a batch begins.

    Args:
        dataset: what gives the samples.
        owner: the dataset of PaddleOCR that has the transforms, in ``ops``.
    """

    def __init__(self, dataset: Any, owner: Any):
        super().__init__()
        self._dataset, self._owner = dataset, owner
        self._generators: list | None = None

    def __len__(self) -> int:
        return len(self._dataset)

    def __getattr__(self, name: str) -> Any:
        if name == "_dataset":
            raise AttributeError(name)
        return getattr(self._dataset, name)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, First):
            if self._generators is None:
                self._generators = list(find_generators(getattr(self._owner, "ops", None) or ()))
            seed_generators(index.place, self._generators)
            index = index.index
        return self._dataset[index]


def seed_step(place: Place) -> None:
    """Seed Paddle's generator, of which dropout draws."""
    paddle.seed(int(np.random.SeedSequence((*place, 1)).generate_state(1)[0]))
