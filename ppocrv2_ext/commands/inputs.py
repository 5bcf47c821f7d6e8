"""The files that a command reads. What it writes must not take the place of one of them.

They are yielded one after the other, because a training set may have a million pictures.
:func:`~ppocrv2_ext.write_checks.require_writable_file` looks at them only if the file to write is there already.
"""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..checkpoints import published
from ..checkpoints.paths import without_any_suffix
from ..config import yaml_files
from ..config.networks import find_ctc_head, networks
from ..data.label_files import read_entries
from ..data.sources import LABEL_FILE_SETS, LMDB_SETS, list_label_files
from ..errors import UserError
from ..files import PathLike


def list_config_inputs(name: str, config: Mapping[str, Any]) -> Iterator[Path]:
    """A config file, and all files that it names: dictionary, weights, centers, label files and pictures.

    Args:
        name: what the user gave as ``-c``.
        config: the same, resolved.
    """
    yield yaml_files.locate(name)
    settings = config["Global"]
    files = [settings.get("character_dict_path")]
    checkpoints = [settings.get("checkpoints"), settings.get("pretrained_model")]
    for network in networks(config["Architecture"]).values():
        checkpoints.append(network.get("pretrained"))
        files.append(find_ctc_head(network).section.get("centers"))
    yield from (Path(file) for file in files if file)
    for checkpoint in filter(None, checkpoints):
        yield from list_checkpoint_files(checkpoint)
    for mode in ("Train", "Eval"):
        yield from _list_samples(config[mode]["dataset"])


def list_checkpoint_files(checkpoint: PathLike) -> Iterator[Path]:
    """The files of a checkpoint: its weights, and what lies beside them under its name.

    Args:
        checkpoint: with or without suffix.
    """
    path = Path(without_any_suffix(checkpoint))
    yield from path.parent.glob(f"{glob.escape(path.name)}.*")


def list_label_inputs(labels: PathLike, folder: PathLike | None, delimiter: str = "\t") -> Iterator[Path]:
    """A label file and its pictures. One that cannot be read names none.

    Args:
        folder: what its images are relative to; None for its own.
    """
    yield Path(labels)
    folder = Path(labels).parent if folder is None else Path(folder)
    with contextlib.suppress(UserError):
        for entry in read_entries(labels, delimiter):
            yield from (folder / image for image in entry.images)


def list_model_files(*models: PathLike | None) -> Iterator[Path]:
    """The files of exported models.

    Args:
        models: their folders, or ONNX files. None and "official" stand for no files.
    """
    for model in models:
        if model and model != published.KEYWORD:
            yield Path(model)
            yield from Path(model).glob("inference.*")
            yield Path(model).absolute().parent / "inference.yml"  # of a network of several


def _list_samples(dataset: Mapping[str, Any]) -> Iterator[Path]:
    if dataset.get("name") in LMDB_SETS:
        yield from Path(dataset["data_dir"]).rglob("*.mdb")
    elif dataset.get("name") in LABEL_FILE_SETS:
        for file in list_label_files(dataset):
            yield from list_label_inputs(file, dataset["data_dir"], dataset.get("delimiter", "\t"))
