"""PaddleOCR's LMDBDataSet and its subclasses, which also take a share of each LMDB and corrections of its labels."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from ...data.lmdbs import Labels, read_corrections
from .datasets import ReportingDataSet, SampleError


class ReportingLMDB(ReportingDataSet):
    """The part of :func:`extend_lmdb` that is ours. The class after it is PaddleOCR's LMDBDataSet or inherits from it.

    The section of the data set may have ``corrections``: the path of a JSON file, {folder: {number: label, or null}}.
    It says which label to read in place of a sample's own. A sample with null is left out.
    """

    def __init__(self, config: dict, mode: str, logger: logging.Logger, seed: int | None = None):
        dataset = config[mode]["dataset"]
        self.mode = mode.lower()
        share = dataset.get("ratio_list", 1.0)
        self._share = float(share[0] if isinstance(share, list) else share)
        self._corrections = read_corrections(mode, dataset)
        # PaddleOCR looks at the shares, and reads everything.
        section = {**config[mode], "dataset": {**dataset, "ratio_list": [self._share]}}
        super().__init__({**config, mode: section}, mode, logger, seed)

    def reset_data_lines(self, seed: int | None = None, epoch: int | None = None) -> None:
        """Draw the share of another epoch."""
        self.seed = seed
        self._take_shares()

    def _take_shares(self) -> None:
        """Leave out what the corrections leave out, and draw the share of each LMDB that ``ratio_list`` takes."""
        rng, chosen = random.Random(self.seed or 0), []
        for number, lmdb in self.lmdb_sets.items():
            removed = {int(each) for each, label in self._corrections_of(lmdb).items() if label is None}
            numbers = [each for each in range(1, lmdb["num_samples"] + 1) if each not in removed]
            share = round(self._share * len(numbers))
            chosen += [(number, each) for each in (rng.sample(numbers, share) if self._share < 1 else numbers)]
        if self.do_shuffle:
            rng.shuffle(chosen)
        self.data_idx_order_list = np.array(chosen, dtype=np.int64).reshape(-1, 2)

    def _corrections_of(self, lmdb: dict) -> Labels:
        return self._corrections.get(os.path.normpath(lmdb["dirpath"]), {})

    def get_lmdb_sample_info(self, txn: Any, index: int) -> Any:
        """What PaddleOCR's method returns, an (image, label) for an LMDB of words, with the corrected label.

        Raises:
            SampleError: the LMDB lacks the sample.
        """
        lmdb = next(each for each in self.lmdb_sets.values() if each["txn"] is txn)
        self.file = f"{lmdb['dirpath']}:{index}"
        sample = super().get_lmdb_sample_info(txn, index)
        if sample is None or sample[0] is None:
            raise SampleError("the LMDB has no image or no label of this number")
        corrected = self._corrections_of(lmdb).get(str(index))
        return (sample[0], corrected) if corrected is not None and len(sample) == 2 else sample

    @staticmethod
    def _getitem_of_number() -> Callable:
        from ppocr.data.lmdb_dataset import LMDBDataSet

        return LMDBDataSet.__getitem__


class SharedLMDBs:
    """The module ``lmdb`` as PaddleOCR sees it: an LMDB that is open already is not opened again, which would fail.

    A process may open each only once, and a data set for training and one for evaluation may read the same.
    """

    def __init__(self, module: Any):
        self._module = module
        self._open: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def open(self, path: str, **options: Any) -> Any:
        """The environment of an LMDB. The options of who opens it first count."""
        key = os.path.realpath(path)
        if key not in self._open:
            self._open[key] = self._module.open(path, **options)
        return self._open[key]


def extend_lmdb(base: type) -> type:
    """As :func:`.datasets.extend_dataset`, for PaddleOCR's LMDBDataSet and classes that inherit from it."""
    return type(base.__name__, (ReportingLMDB, base), {})
