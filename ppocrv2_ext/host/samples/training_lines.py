"""The training set with the transforms of evaluation, every line once."""

from __future__ import annotations

import copy
import importlib
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import paddle

from ...data.sample_keys import RECOGNITION_BATCH
from ...errors import UserError, did_you_mean
from .datasets import SampleError

# Datasets that give lines in several sizes, for training: the plain dataset that reads the same files.
PLAIN_DATASETS = {"MultiScaleDataSet": "SimpleDataSet", "MSTextRecDataset": "SimpleDataSet"}
LABEL_NAMES = {"label_ctc": "label"}  # what MultiLabelEncode calls the label that CTC reads


class TrainingLines:
    """Batches of (images, labels, lengths): the lines of the training set, with the transforms of evaluation.

    No line is drawn at random, left out at the end or read twice. PaddleOCR replaces a line that gives no sample by
    another. Here it is added to ``skipped_lines``, as its label file writes it, once the batch it belongs to is read.

    Args:
        config: a resolved config. The files are those of ``Train.dataset``, whatever its ``ratio_list``. Transforms
            and batch size are those of ``Eval``.
        rank: number of this process, from 0.
        ranks: number of processes. This one reads every ``ranks``-th line, from line ``rank`` on.
    Raises:
        UserError: there is no such dataset, or the transforms do not keep image, label and length.
    """

    def __init__(self, config: dict, rank: int = 0, ranks: int = 1):
        self.dataset = _build_dataset(config)
        self.numbers = range(rank, len(self.dataset), ranks)
        self.positions = _find_positions(config["Eval"]["dataset"].get("transforms") or ())
        self.skipped_lines: list[str] = []
        loader = config["Eval"]["loader"]
        self.loader = paddle.io.DataLoader(
            paddle.io.Subset(_WithoutReplacement(self.dataset), list(self.numbers)),
            batch_size=loader["batch_size_per_card"],
            num_workers=loader["num_workers"],
            use_shared_memory=loader.get("use_shared_memory", True),
            collate_fn=_collate,
        )

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[list[paddle.Tensor]]:
        """Lists of (B, 3, H, W) images, (B, L) labels and (B,) lengths."""
        numbers = iter(self.numbers)
        for is_sample, *columns in self.loader:
            is_sample = is_sample.numpy()
            batch_numbers = islice(numbers, len(is_sample))
            self.skipped_lines += [self._line(number) for number, fine in zip(batch_numbers, is_sample) if not fine]
            if columns:
                yield [columns[position] for position in self.positions]

    def _line(self, number: int) -> str:
        lines = getattr(self.dataset, "data_lines", None)  # an LMDB has none
        return f"sample {number}" if lines is None else lines[number].decode("utf-8", "replace").strip()


class _WithoutReplacement(paddle.io.Dataset):
    """A dataset of PaddleOCR's, with None for a line that gives no sample."""

    def __init__(self, dataset: Any):
        super().__init__()
        self.dataset = dataset
        # PaddleOCR's datasets call their own `__getitem__` for another sample; datasets.py extends only some of them.
        dataset.__getitem__ = _return_none

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, number: int) -> Any:
        try:
            return type(self.dataset).__getitem__(self.dataset, number)
        except SampleError:
            return None


def _return_none(number: int) -> None:
    return None


def _collate(samples: list) -> list[np.ndarray]:
    """[(B,) booleans: whether a line gave a sample, then each column of the samples, stacked]. Columns may be none."""
    usable = [sample for sample in samples if sample is not None]
    return [np.array([sample is not None for sample in samples]), *(np.stack(column) for column in zip(*usable))]


def _build_dataset(config: dict) -> Any:
    files = {key: value for key, value in config["Train"]["dataset"].items() if key not in ("ratio_list", "ds_width")}
    section = {
        "dataset": {**files, "transforms": config["Eval"]["dataset"].get("transforms")},
        "loader": {**config["Eval"]["loader"], "shuffle": False},
    }
    name = PLAIN_DATASETS.get(files["name"], files["name"])
    module = importlib.import_module("ppocr.data")
    if not hasattr(module, name):
        near = did_you_mean(name, [other for other in dir(module) if "DataSet" in other])
        raise UserError(f"Train.dataset: PaddleOCR has no dataset {name!r}{near}")
    silent = logging.getLogger("ppocrv2_ext.lines")  # some datasets log a traceback for a line that gives no sample
    silent.setLevel(logging.CRITICAL)
    return getattr(module, name)(copy.deepcopy({**config, "Eval": section}), "Eval", silent)


def _find_positions(transforms: Sequence[dict]) -> list[int]:
    """The positions of image, label and length in the samples."""
    kept = next((entry["KeepKeys"]["keep_keys"] for entry in transforms if "KeepKeys" in entry), [])
    keys = [LABEL_NAMES.get(key, key) for key in kept]
    missing = [key for key in RECOGNITION_BATCH if key not in keys]
    if missing:
        raise UserError(
            f"Eval.dataset.transforms must end in KeepKeys with {', '.join(RECOGNITION_BATCH)},"
            f" it keeps no {missing[0]!r}."
        )
    return [keys.index(key) for key in RECOGNITION_BATCH]
