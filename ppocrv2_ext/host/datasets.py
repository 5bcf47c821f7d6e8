"""PaddleOCR's datasets, made to say what they cannot read, and to end.

They answer a sample that fails with a traceback and another sample, without limit: from a set in which nothing can be
read comes a RecursionError or a hang, from one in which little can be read a model of that little, and in evaluation
some samples count twice. Here PaddleOCR's own code still reads and transforms each sample, but one try at a time
(:class:`_Try`); training goes on to another sample so many times, evaluation does not.
"""

import functools
import os
import random
import sys
from typing import Any, NamedTuple, Optional

import numpy as np

from ..errors import UserError

TRIES = 100  # samples in a row that fail before training stops; of a set in which half fail, never by chance
DRAWS = 20  # pictures tried as the other one of Copy-Paste before there is none
FOUR_POINTS = ("CopyPaste",)  # PaddleOCR's transforms that fail on polygons of another number of points

LEFT_OUT = {  # what it means that a transform of PaddleOCR returns nothing
    "DecodeImage": "it cannot be decoded as an image",
    "DetLabelEncode": "its label has no text region",
    "CTCLabelEncode": "its text is empty, longer than max_text_length or without a character of the dictionary",
    "ClsLabelEncode": "its label is not in label_list",
}
UNREADABLE = {  # raised by PaddleOCR's dataset itself, before any transform
    IndexError: "its line has no label after the file name",
    UnicodeDecodeError: "its line is not UTF-8",
}

_told = set()  # files a reason was logged for


class SampleError(UserError):
    """A file that gives no sample, and why."""


class Failure(NamedTuple):
    """``file`` as in the label file, None if not even that could be read; ``reason``: half a sentence."""

    file: Optional[str]
    reason: str

    def __str__(self):
        return f"{self.file or 'a line of the label file'}: {self.reason}"


class Loaded(NamedTuple):
    """A sample (None: there is none), the file it came from, and what failed on the way: in its place, beside it."""

    sample: Any
    file: Optional[str]
    failures: list
    others: list  # failures of pictures for `ext_data`


def bounded(getitem):
    """PaddleOCR's ``SimpleDataSet.__getitem__``, or a subclass's, without its recursion.

    In training a sample that fails is replaced by the one PaddleOCR chooses, at most TRIES times. In evaluation it is
    not replaced.

    Raises (the new method):
        SampleError: it gives none.
    """

    @functools.wraps(getitem)
    def one(self, index):
        loaded = load(self, index, getitem)
        if loaded.sample is None:
            raise SampleError(given_up(loaded.failures))
        tell(self, [*loaded.failures, *loaded.others])
        return loaded.sample

    return one


def load(dataset, index, getitem=None):
    """What ``dataset[index]`` is, as :class:`Loaded`; nothing is raised or logged.

    Args:
        index: what the dataset's batch sampler yields.
        getitem: PaddleOCR's method that reads it [default: that of the dataset's class].
    """
    getitem = getitem or type(dataset).__getitem__.__wrapped__
    failures, others = [], []
    for _ in range(TRIES if is_training(dataset) else 1):
        attempt = _Try(dataset, dataset.ops, lambda attempt: _other_pictures(dataset, others, attempt.file))
        sample = getitem(attempt, index)
        if sample is not None:
            return Loaded(sample, attempt.file, failures, others)
        failures.append(attempt.failure())
        index = attempt.instead
    return Loaded(None, None, failures, others)


def get_ext_data(self):
    """PaddleOCR's ``SimpleDataSet.get_ext_data``: the pictures that a transform with ``ext_data_num`` gets, or fewer.

    Each is drawn evenly with NumPy's generator and may have polygons of any number of points.
    """
    failures = []
    found = _other_pictures(self, failures)
    tell(self, failures)
    return found


def explained(transform):
    """PaddleOCR's ``transform`` that names the transform which failed or returned nothing."""

    @functools.wraps(transform)
    def explain(data, ops=None):
        for op in ops or ():
            name = type(op).__name__
            try:
                data = transform(data, [op])
            except Exception as error:
                raise SampleError(f"{name} failed: {_in_short(error)}") from error
            if data is None:
                raise SampleError(LEFT_OUT.get(name, f"{name} leaves it out"))
        return data

    return explain


def tell(dataset, failures):
    """Log each file of ``failures`` that was not logged before."""
    for failure in failures:
        path = os.path.join(dataset.data_dir, failure.file or failure.reason)
        if path not in _told:
            _told.add(path)
            dataset.logger.warning(f"not used: {failure}")


class _Try:
    """Passed to PaddleOCR's ``__getitem__`` as its ``self``, for one try; else it is the dataset.

    Where that code fails, it calls ``self.logger.error``, here :meth:`error`, which keeps the exception, and then
    ``self.__getitem__`` with the number of another sample, which here notes the number and returns None, in place of
    one more level of recursion.
    """

    def __init__(self, dataset, ops, other_pictures):
        self._dataset, self._other_pictures = dataset, other_pictures
        self.ops, self.logger = ops, self
        self.file, self.instead = None, None
        self._cause = None

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def get_ext_data(self):
        return self._other_pictures(self)

    def _try_parse_filename_list(self, name):
        self.file = self._dataset._try_parse_filename_list(name)
        return self.file

    def error(self, message):
        self._cause = sys.exc_info()[1]
        if not isinstance(self._cause, Exception):
            raise  # Ctrl-C; PaddleOCR catches everything

    def __getitem__(self, index):
        self.instead = index

    def failure(self):
        cause = self._cause
        reason = UNREADABLE.get(type(cause)) or (str(cause) if isinstance(cause, SampleError) else _in_short(cause))
        return Failure(self.file, reason)


def _other_pictures(dataset, failures, file=None):
    """Samples for the first transform with ``ext_data_num``, none from ``file`` unless that is the only one."""
    from ppocr.data.simple_dataset import SimpleDataSet

    op = next((op for op in dataset.ops if hasattr(op, "ext_data_num")), None)
    wanted = op.ext_data_num if op else 0
    usual = type(op).__name__ in FOUR_POINTS
    getitem = SimpleDataSet.__getitem__.__wrapped__  # by number, whatever the dataset's own is called with
    found = []
    for _ in range(DRAWS * wanted):
        attempt = _Try(dataset, dataset.ops[: dataset.ext_op_transform_idx], lambda attempt: [])
        sample = getitem(attempt, np.random.randint(len(dataset)))
        if sample is None:
            failures.append(attempt.failure())
        elif (attempt.file != file or len(dataset) == 1) and not (usual and sample["polys"].shape[1] != 4):
            found.append(sample)
        if len(found) == wanted:
            break
    return found


def seed_generators(ops, seed):
    """Seed what does not draw from the global generators: albumentations, from 1.4.19 on."""
    for op in ops:
        for part in vars(op).values():
            if hasattr(part, "set_random_state"):
                part.set_random_state(np.random.default_rng(seed), random.Random(seed))


def is_training(dataset):
    """Whether a sample that fails is to be replaced by another."""
    return dataset.mode == "train"


def _in_short(error):
    """The exception on one line; OpenCV's take several."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 200 else f"{text[:200]} ..."
    return text.rstrip("!") if type(error) is Exception else f"{type(error).__name__}: {text}"


def given_up(failures):
    """The sentence on samples that failed one after another, the first of ``failures`` being the cause to look at."""
    count = f"{len(failures)} samples in a row cannot be used, the first is " if len(failures) > 1 else ""
    return (
        f"{count}{failures[0]}; `ppocrv2 check -c CONFIG` looks for broken data, `--fix DIR` writes files without it."
    )
