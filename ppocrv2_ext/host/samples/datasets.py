"""PaddleOCR's data sets, made to name what they cannot read, and to stop. :mod:`.lmdb_datasets` has more for LMDBs.

When a sample fails, PaddleOCR prints a traceback and reads another sample, without limit. If nothing can be read, that
ends in a RecursionError or never. If little can be read, the model is trained on that little. In evaluation some
samples count twice.

:func:`extend_dataset` makes a subclass that tries other samples only in training, and only so many. The samples are
still read and transformed by PaddleOCR's own code.
"""

from __future__ import annotations

import copy
import functools
import logging
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import paddle

from ...data.transforms import list_originals
from ...errors import UserError, reason_of, summarise
from .late_decoding import decode_late, let_paste_late

TRIES = 100  # failing samples in a row after which training stops; if half the samples fail, this never happens
DRAWS = 20  # pictures drawn for each other picture of Copy-Paste before it goes without
FOUR_POINTS = ("CopyPaste",)  # transforms of PaddleOCR that fail if the other picture's polygons have not four points

REFUSALS = {  # transform: what is wrong with a sample for which it returns None
    "DecodeImage": "it cannot be decoded as an image",
    "DetLabelEncode": "its label has no text region",
    "CTCLabelEncode": "its text is empty, longer than max_text_length or without a character of the dictionary",
    "ClsLabelEncode": "its label is not in label_list",
}
READ_ERRORS = {  # exception that PaddleOCR's dataset raises before the transforms: what is wrong with the sample
    IndexError: "its line has no label after the file name",
    UnicodeDecodeError: "its line is not UTF-8",
}

_logged_paths: set[str] = set()  # of one process; each file is logged once


class SampleError(UserError):
    """A file gives no sample. The message says why."""


class Failure(NamedTuple):
    """A sample that cannot be used: its file, as the label file writes it, and why, in half a sentence."""

    file: str | None  # None if the line itself cannot be read
    reason: str

    def __str__(self) -> str:
        return f"{self.file or 'a line of the label file'}: {self.reason}"


class LoadedSample(NamedTuple):
    """What a dataset gives for one index."""

    sample: Any  # None if there is none
    file: str | None  # the sample comes from it
    failures: list[Failure]  # of the samples tried before this one
    other_failures: list[Failure]  # of the pictures tried as the other one of Copy-Paste


class ReportingDataSet(paddle.io.Dataset):
    """The part of :func:`extend_dataset` that is ours. The class after it is one of PaddleOCR's.

    PaddleOCR's ``__getitem__`` calls three things that are replaced here: ``logger.error`` once it has caught an
    exception, ``_try_parse_filename_list`` for the name of the file, and ``get_ext_data`` for the other pictures.
    """

    data_dir = ""  # an LMDB has its own names for files

    def __init__(self, config: dict, mode: str, logger: logging.Logger, seed: int | None = None):
        # A clone gives no seed, and Python would shuffle the lines by the time of day.
        super().__init__(config, mode, logger, 0 if seed is None else seed)
        self.seed = seed
        self.logger = _RaisingLogger(logger, {})
        self.file: str | None = None  # the one being read
        self.other_failures: list[Failure] = []  # since the last call of read
        let_paste_late(getattr(self, "ops", None) or [])
        self._take_shares()

    def __getitem__(self, index: Any) -> Any:
        """The sample of ``index``, or in training, if that fails, another.

        Raises:
            SampleError: there is none. In training ``TRIES`` samples have failed by then.
        """
        loaded = self.read(index)
        if loaded.sample is None:
            raise SampleError(failure_message(loaded.failures))
        self.log_failures([*loaded.failures, *loaded.other_failures])
        return loaded.sample

    @property
    def is_training(self) -> bool:
        """Whether another sample replaces one that fails."""
        return self.mode == "train"

    def read(self, index: Any) -> LoadedSample:
        """As ``self[index]``, but a failure is returned, and not logged. So a worker can send it to the trainer.

        Args:
            index: what the sampler yields: a number, or (width, height, number, ...) for MultiScaleDataSet.
        Raises:
            IndexError: ``index`` is a number past the end. A loop over the dataset ends with it.
        """
        if isinstance(index, int) and index >= len(self):
            raise IndexError(f"there is no sample {index}, the dataset has {len(self)}.")
        failures, self.other_failures = [], []
        for _ in range(TRIES if self.is_training else 1):
            if failures:
                index = self._next_index(index)
            sample, failure = _try_sample(self, super().__getitem__, index)
            if failure is None:
                return LoadedSample(sample, self.file, failures, self.other_failures)
            failures.append(failure)
        return LoadedSample(None, None, failures, self.other_failures)

    def get_ext_data(self) -> list[dict]:
        """Other samples for the first transform that has ``ext_data_num``: as many as it says, or fewer.

        Each is drawn evenly by NumPy's global generator, as PaddleOCR does. None is from the file being read, unless
        that is the only one. Polygons may have any number of points, where PaddleOCR takes only those of four.
        """
        op = next((op for op in self.ops if hasattr(op, "ext_data_num")), None)
        if op is None:
            return []
        source: Any = copy.copy(self)
        source.ops = decode_late(self.ops[: self.ext_op_transform_idx], op)
        source.get_ext_data = list  # another picture needs no other pictures
        read_number = functools.partial(self._getitem_of_number(), source)
        others: list[dict] = []
        for _ in range(DRAWS * op.ext_data_num):
            sample, failure = _try_sample(source, read_number, np.random.randint(len(self)))
            if failure:
                self.other_failures.append(failure)
            elif (source.file != self.file or len(self) == 1) and _has_usual_polygons(sample, op):
                others.append(sample)
            if len(others) == op.ext_data_num:
                break
        return others

    def log_failures(self, failures: Iterable[Failure]) -> None:
        """Log each file that this process has not logged before."""
        for failure in failures:
            path = os.path.join(self.data_dir, failure.file or failure.reason)
            if path not in _logged_paths:
                _logged_paths.add(path)
                self.logger.warning(f"not used: {failure}")

    def reset_data_lines(self, seed: int | None = None, epoch: int | None = None) -> None:
        """Choose the lines of another epoch, where ``ratio_list`` takes a share. Only a clone calls this."""
        super().reset_data_lines(seed=seed, epoch=epoch)
        self._take_shares()

    def _take_shares(self) -> None:
        """Let MultiScaleDataSet of a clone read the lines that ``ratio_list`` draws. By itself it reads the first."""
        drawn = getattr(self, "_index_map", None)
        if drawn is None or not hasattr(self, "ds_width"):
            return
        self.data_lines = [self._all_lines[number] for number in drawn]
        if self.ds_width:
            self.wh_aware()

    @staticmethod
    def _getitem_of_number() -> Callable:
        """PaddleOCR's method that gives the sample of a number. MultiScaleDataSet's own takes sizes too."""
        from ppocr.data.simple_dataset import SimpleDataSet

        return SimpleDataSet.__getitem__

    def _try_parse_filename_list(self, name: str) -> str:
        self.file = super()._try_parse_filename_list(name)
        return self.file

    def _next_index(self, index: Any) -> Any:
        """The index that PaddleOCR's dataset tries in training after ``index``."""
        if isinstance(index, (tuple, list)):  # of MultiScaleDataSet
            width, height, number, *ratio = index
            return (width, height, (number + 1) % len(self), *ratio)
        return np.random.randint(len(self))


def extend_dataset(base: type) -> type:
    """A subclass of ``base`` under the same name, in which failures are reported and the tries are limited.

    Args:
        base: PaddleOCR's SimpleDataSet, or a class that inherits from it.
    """
    return type(base.__name__, (ReportingDataSet, base), {})


def name_failing_transform(transform: Callable) -> Callable:
    """PaddleOCR's ``transform`` (apply one transform after another), with an error for the one that fails.

    Raises (the new function):
        SampleError: a transform raises an exception or returns None. The message names it.
    """

    @functools.wraps(transform)
    def transform_or_raise(data: dict, ops: list | None = None) -> Any:
        for op in ops or ():
            name = type(op).__name__
            try:
                data = transform(data, [op])
            except UserError as error:  # one of our transforms, whose sentence is for people
                raise SampleError(f"{name}: {reason_of(error).removeprefix(f'{name}: ')}") from error
            except Exception as error:
                raise SampleError(f"{name} failed: {summarise(error)}") from error
            if data is None:
                raise SampleError(REFUSALS.get(list_originals(name)[0], f"{name} leaves it out"))
        return data

    return transform_or_raise


def failure_message(failures: list[Failure]) -> str:
    """The message for samples that failed one after another. It shows the first, and what to do."""
    count = f"{len(failures)} samples in a row cannot be used, the first is " if len(failures) > 1 else ""
    return (
        f"{count}{failures[0]}; `ppocrv2 check -c CONFIG` looks for broken data, `--fix DIR` writes files without it."
    )


class _RaisingLogger(logging.LoggerAdapter):
    """A logger whose ``error`` raises the exception that the caller has just caught.

    PaddleOCR's ``__getitem__`` catches every exception, Ctrl-C included, calls ``error`` and reads another sample.
    With this logger the exception leaves ``__getitem__`` instead.
    """

    def error(self, msg: object, *args: Any, **options: Any) -> None:
        raise


def _try_sample(dataset: Any, getitem: Callable, index: Any) -> tuple[Any, Failure | None]:
    """(sample, None) or (None, failure). ``getitem`` is a method of ``dataset`` and notes in it which file it reads."""
    dataset.file = None
    try:
        return getitem(index), None
    except Exception as error:
        reason = str(error) if isinstance(error, SampleError) else READ_ERRORS.get(type(error)) or summarise(error)
        return None, Failure(dataset.file, reason)


def _has_usual_polygons(sample: dict, op: Any) -> bool:
    return type(op).__name__ not in FOUR_POINTS or sample["polys"].shape[1] == 4
