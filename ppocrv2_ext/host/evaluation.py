"""A trained network as evaluation has it, and the training set as evaluation reads it, every line once."""

import copy
import importlib
import logging
import os
from itertools import islice

import numpy as np
import paddle

from ..config.names import RECOGNITION_BATCH
from ..config.networks import networks
from ..errors import UserError, did_you_mean
from .datasets import SampleError

DEVICES = ("gpu", "xpu", "npu", "mlu", "gcu")  # Global.use_gpu ...; without one, the CPU
# Sets whose lines come in several sizes, for training; their files are those of the plain one.
PLAIN_SETS = {"MultiScaleDataSet": "SimpleDataSet", "MSTextRecDataset": "SimpleDataSet"}


def start(settings):
    """Choose the device that ``Global`` names and join the other processes of a distributed run.

    Returns:
        (rank of this process, number of processes)
    """
    chosen = next((kind for kind in DEVICES if settings.get(f"use_{kind}")), None)
    paddle.set_device(f"{chosen}:{os.environ.get(f'FLAGS_selected_{chosen}s', 0)}" if chosen else "cpu")
    if int(os.environ.get("PADDLE_TRAINERS_NUM", 1)) > 1:
        paddle.distributed.init_parallel_env()
    return paddle.distributed.get_rank(), paddle.distributed.get_world_size()


def trained_network(config, classes, name=None):
    """The recognizer of a config with the weights that ``Global`` names, in evaluation mode.

    Args:
        classes: outputs of every head.
        name: which of ``Architecture.Models``; None if the config has a single network.
    """
    from ppocr.modeling.architectures import build_model
    from ppocr.utils.save_load import load_model

    config = copy.deepcopy(config)
    architecture = config["Architecture"]
    for network in networks(architecture).values():
        network["Head"] = {**network["Head"], "out_channels": classes}
    model = build_model(architecture)
    load_model(config, model, model_type=architecture["model_type"])
    model.eval()
    return model if name is None else getattr(model, name)


class TrainingLines:
    """Batches of (images, labels, lengths): the lines of the training set, through the transforms of evaluation.

    Nothing is drawn at random, left out at the end or read twice. PaddleOCR puts another line in the place of one that
    gives no sample; here such a line is in ``skipped``, as its label file has it, as soon as its turn has come.

    Args:
        config: a resolved config; files are those of ``Train.dataset`` whatever its ``ratio_list``, transforms and
            batches those of ``Eval``.
        rank, ranks: this process reads every ``ranks``-th line, from number ``rank`` on.
    """

    def __init__(self, config, rank=0, ranks=1):
        self.dataset = _dataset(config)
        self.numbers = range(rank, len(self.dataset), ranks)
        self.kept = _kept(config["Eval"]["dataset"].get("transforms") or ())
        self.skipped = []
        loader = config["Eval"]["loader"]
        self.loader = paddle.io.DataLoader(
            paddle.io.Subset(_EachOnce(self.dataset), list(self.numbers)),
            batch_size=loader["batch_size_per_card"],
            num_workers=loader["num_workers"],
            use_shared_memory=loader.get("use_shared_memory", True),
            collate_fn=_collate,
        )

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        numbers = iter(self.numbers)
        for came, *columns in self.loader:
            came = came.numpy()
            self.skipped += [self._line(number) for number, fine in zip(islice(numbers, len(came)), came) if not fine]
            if columns:
                yield [columns[position] for position in self.kept]

    def _line(self, number):
        lines = getattr(self.dataset, "data_lines", None)  # an LMDB has none
        return f"sample {number}" if lines is None else lines[number].decode("utf-8", "replace").strip()


class _EachOnce(paddle.io.Dataset):
    """A set of PaddleOCR's; None for a line that gives no sample, where PaddleOCR asks itself for another line."""

    def __init__(self, dataset):
        super().__init__()
        self.dataset = dataset
        dataset.__getitem__ = _no_other

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, number):
        try:
            return type(self.dataset).__getitem__(self.dataset, number)
        except SampleError:
            return None


def _no_other(number):
    return None


def _collate(samples):
    """[(B,) booleans: which lines gave a sample, then what those hold, stacked]; the booleans alone if none did."""
    came = [sample for sample in samples if sample is not None]
    return [np.array([sample is not None for sample in samples]), *(np.stack(column) for column in zip(*came))]


def _dataset(config):
    files = {key: value for key, value in config["Train"]["dataset"].items() if key not in ("ratio_list", "ds_width")}
    section = {
        "dataset": {**files, "transforms": config["Eval"]["dataset"].get("transforms")},
        "loader": {**config["Eval"]["loader"], "shuffle": False},
    }
    name = PLAIN_SETS.get(files["name"], files["name"])
    known = importlib.import_module("ppocr.data")
    if not hasattr(known, name):
        near = did_you_mean(name, [other for other in dir(known) if "DataSet" in other])
        raise UserError(f"Train.dataset: PaddleOCR has no dataset {name!r}{near}")
    silent = logging.getLogger("ppocrv2_ext.lines")  # it would print a traceback for each line that gives no sample
    silent.setLevel(logging.CRITICAL)
    return getattr(known, name)(copy.deepcopy({**config, "Eval": section}), "Eval", silent)


def _kept(transforms):
    """Positions of image, label and length among what the transforms keep."""
    keys = next((entry["KeepKeys"]["keep_keys"] for entry in transforms if "KeepKeys" in entry), [])
    missing = [key for key in RECOGNITION_BATCH if key not in keys]
    if missing:
        raise UserError(
            f"Eval.dataset.transforms must end in KeepKeys with {', '.join(RECOGNITION_BATCH)},"
            f" it keeps no {missing[0]!r}."
        )
    return [list(keys).index(key) for key in RECOGNITION_BATCH]
