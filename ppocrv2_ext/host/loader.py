"""The loader of PaddleOCR's loops: every batch knows its files, and what failed travels beside it.

So it is the training process, not a worker, that names each file once, and that stops when nothing is left to read.
"""

import gc
import itertools

import numpy as np
import paddle
from paddle.io.dataloader.collate import default_collate_fn

from .datasets import Failure, SampleError, given_up, is_training, load, seed_generators, tell

SHOWN = 8  # files named in one sentence
NOTES = ("failures", "others", "lost")  # what :class:`_Collate` says of a batch, lists of Failure


class Batch(list):
    """A batch as PaddleOCR's loops take it, that knows its ``files``."""

    def __init__(self, fields, files):
        super().__init__(fields)
        self.files = files


def named(files):
    """``"3 images: a.png, b.png, c.png"``, the first SHOWN of them."""
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return f"{len(files)} image{'s' * (len(files) != 1)}: {', '.join(map(str, files[:SHOWN]))}{more}"


def loader(dataset, **options):
    """Stands in for ``paddle.io.DataLoader``: the same arguments; a set that :func:`load` can read is watched."""
    if not hasattr(type(dataset).__getitem__, "__wrapped__"):
        return paddle.io.DataLoader(dataset=dataset, **options)
    return Loader(dataset, **options)


class Loader:
    """A DataLoader of which every batch knows its files, that logs what failed, and stops when nothing is left.

    A failure comes as data: an exception in Paddle's reader thread makes the training process wait for ever.
    """

    def __init__(self, dataset, collate_fn=None, **options):
        self.dataset = dataset
        collate = _Collate(collate_fn or default_collate_fn)
        self._loader = paddle.io.DataLoader(
            dataset=_Source(dataset), collate_fn=collate, worker_init_fn=self._start_worker, **options
        )
        self._seed()  # for a loader without workers

    def _start_worker(self, worker):
        # Garbage collection is to leave alone what the training process had: among it may be a reader that was used
        # up, whose destructor waits for threads that no worker has, for ever.
        gc.freeze()
        self._seed()

    def _seed(self):
        """By NumPy's generator, which PaddleOCR seeds in the training process and Paddle in every worker."""
        seed_generators(getattr(self.dataset, "ops", ()), np.random.randint(2**31))

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def __len__(self):
        return len(self._loader)

    def __call__(self):
        return iter(self)

    def __iter__(self):
        """
        Raises:
            SampleError: training found TRIES failing samples in a row, or evaluation found no other.
        """
        training, failed, count = is_training(self.dataset), [], 0
        for came in self._loader:
            failures, others, lost = (list(itertools.starmap(Failure, came[key])) for key in NOTES)
            tell(self.dataset, [*failures, *others])
            if lost and training:
                raise SampleError(given_up(lost))
            failed += failures
            count += len(came["files"])
            if came["files"]:
                batch = came["batch"]  # a list, unless a collate function has a form of its own
                yield Batch(batch, came["files"]) if isinstance(batch, list) else batch
        if failed and not count:
            raise SampleError(given_up(failed))
        if failed:
            fate = "replaced by others" if training else "left out of the metrics"
            names = named([failure.file for failure in failed])
            self.dataset.logger.warning(f"{fate}, {count} samples were used: {names}")


class _Source(paddle.io.Dataset):
    """``dataset`` as the workers read it."""

    def __init__(self, dataset):
        super().__init__()
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return load(self.dataset, index)


class _Collate:
    """The batch of those samples that are there, beside what is to be known of them."""

    def __init__(self, collate):
        self.collate = collate

    def __call__(self, loaded):
        there = [each for each in loaded if each.sample is not None]
        return {
            # Paddle takes a batch without a tensor for the end.
            "batch": self.collate([each.sample for each in there]) if there else np.zeros(1),
            "files": [each.file for each in there],
            "failures": [list(failure) for each in loaded for failure in each.failures],
            "others": [list(failure) for each in loaded for failure in each.others],
            "lost": next(([*map(list, each.failures)] for each in loaded if each.sample is None), []),
        }
