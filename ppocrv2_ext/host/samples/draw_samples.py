"""Training samples for a person to look at, made by PaddleOCR's own dataset and every transform of the config."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from ...data.sample_keys import DB_MAPS
from ...errors import UserError, did_you_mean
from ...preview.costs import Cost
from ...preview.training_samples import LineSample, SceneSample, denormalise, measure_used_width
from .generators import find_generators, seed_generators
from .stopwatches import Stopwatch, put_stopwatches
from .worker_memory import keep_freed_memory

AS_IT_IS = (1, 0, 1)  # scale, mean and std of a network that gets the picture itself
OF_LINES = (1 / 255, 0.5, 0.5)  # those of PaddleOCR's transforms that resize lines, which also normalise them
SOURCE = "ppocrv2_source"  # key of a sample for what its file holds: (bytes, label)


class Pasted(str):
    """The text of an object from another picture. Transforms treat it like any other text."""


def draw(config: dict, count: int, seed: int) -> tuple[list[SceneSample | LineSample], list[Cost]]:
    """``count`` training samples, in an order in which an epoch takes them, in this process.

    Args:
        config: a resolved config. Its section ``Train`` says what is drawn.
        count: the number of samples. A small set is read more than once, and its augmentation makes other samples.
        seed: whole number from 0 to 2 ** 32 - 1. The same seed draws the same samples.
    Returns:
        (samples, costs): what each transform costs, and last what all the rest does, such as reading files.
    Raises:
        UserError: there are no data or no transforms, no transform makes a key that KeepKeys names, or the samples are
            neither scenes nor lines.
    """
    dataset, indexes = _build_dataset(config, seed)
    ops, keys = _split_keep_keys(dataset.ops)
    dataset.ops = [*ops, _return_all_keys]
    first = next(indexes)
    keep_freed_memory()  # as loading workers do, whose costs are shown
    data = dataset[first]  # libraries load on their first call: this sample is not timed
    for key in keys:
        if key not in data:
            raise UserError(f"Train.dataset.transforms.KeepKeys: no transform makes {key!r}{did_you_mean(key, data)}")
    stopwatches = put_stopwatches(ops, kind=_NotingStopwatch)
    dataset.ops = [*stopwatches, _return_all_keys]
    seed_generators((seed,), find_generators(ops))
    samples, laps = [], []
    for index in islice(chain([first], indexes), count):
        start = perf_counter()
        data = dataset[index]
        elapsed = 1000 * (perf_counter() - start)
        lap = [stopwatch.lap() for stopwatch in stopwatches]
        laps.append([*lap, elapsed - sum(lap)])
        samples.append(_describe(data, ops, config["Train"]["dataset"]))
    names = [*(type(stopwatch).__name__ for stopwatch in stopwatches), "(reading files)"]
    refused = [*(stopwatch.calls - stopwatch.results for stopwatch in stopwatches), 0]
    costs = [Cost(name, list(times), number) for name, times, number in zip(names, zip(*laps), refused)]
    return samples, costs


def _build_dataset(config: dict, seed: int) -> tuple[Any, Iterator[Any]]:
    """The training set of a config, and the indexes of its samples in the order of epochs, without end."""
    from ppocr.data import build_dataloader

    train = config["Train"]
    if not train["dataset"].get("transforms"):
        raise UserError("Train.dataset.transforms is empty: there is nothing to preview.")
    loader_settings = {**train["loader"], "batch_size_per_card": 1, "drop_last": False, "num_workers": 0}
    config = {"Global": {**config["Global"], "seed": seed}, "Train": {**train, "loader": loader_settings}}
    logger = logging.getLogger("ppocrv2.preview")
    logger.setLevel(logging.WARNING)
    # PaddleOCR 3.7 takes the loader's seed for the number of the epoch: this is the first.
    loader = build_dataloader(config, "Train", "cpu", logger, seed=0)
    sampler = loader.batch_sampler
    sampler.set_epoch(seed)
    return loader.dataset, chain.from_iterable(chain.from_iterable(repeat(sampler)))


class _NotingStopwatch(Stopwatch):
    """It keeps in a sample what its file holds."""

    def __call__(self, data: dict) -> Any:
        _note_source(data)
        made = super().__call__(data)
        if isinstance(made, dict):
            made.setdefault(SOURCE, data[SOURCE])  # MultiLabelEncode makes a new sample
        return made


def _note_source(data: dict) -> None:
    """Keep in the sample what its file holds, and mark the text of other pictures. Later calls change nothing."""
    if SOURCE in data:
        return
    data[SOURCE] = data["image"], data["label"]
    for other in data.get("ext_data") or ():
        if isinstance(other, dict) and "texts" in other:
            other["texts"] = [Pasted(text) for text in other["texts"]]


def _return_all_keys(data: dict) -> dict:
    """Takes the place of KeepKeys."""
    return data


def _split_keep_keys(ops: list) -> tuple[list, list[str]]:
    """(the transforms without KeepKeys, the keys that it names)."""
    keep = [op for op in ops if hasattr(op, "keep_keys")]
    return [op for op in ops if op not in keep], [key for op in keep for key in op.keep_keys]


def _describe(data: dict, ops: list, dataset: dict) -> SceneSample | LineSample:
    """A sample of PaddleOCR's as the preview shows it. ``dataset`` is the section of the config."""
    name = data.get("img_path", "").removeprefix(dataset.get("data_dir") or "").lstrip("/\\")
    mode = _find_attribute(ops, "img_mode") or "BGR"
    if "polys" in data:
        return SceneSample(
            name,
            _to_rgb(denormalise(data["image"], *find_normalisation(ops, AS_IT_IS)), mode),
            [np.reshape(polygon, (-1, 2)) for polygon in data["polys"]],
            list(data["texts"]),
            np.array(data["ignore_tags"], dtype=bool),
            np.array([isinstance(text, Pasted) for text in data["texts"]], dtype=bool),
            **{key: data.get(key) for key in DB_MAPS},
        )
    raw, written = data[SOURCE]
    # MultiLabelEncode keeps an encoder for each of two branches.
    characters = _find_attribute([getattr(op, "ctc_encode", op) for op in ops], "character")
    classes = _find_attribute(ops, "label_list")
    if characters and "length" in data:
        indexes = data["label_ctc"] if "label_ctc" in data else data["label"]
        label = "".join(characters[index] for index in indexes[: int(data["length"])])
    elif classes:
        label = written = str(classes[int(data["label"])])
    else:
        raise UserError(
            "preview shows scenes with polygons, lines labelled by TextLineEncode or CTCLabelEncode and classes by"
            " ClsLabelEncode; "
            f"the transforms of Train make {', '.join(sorted(set(data) - {SOURCE}))}."
        )
    source: Any = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    image = _to_rgb(denormalise(data["image"], *OF_LINES), mode)
    return LineSample(name, source[:, :, ::-1], image, measure_used_width(data["image"]), label, written)


def find_normalisation(ops: Sequence[Any], default: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    """(scale, mean, std) of NormalizeImage, by which a picture is ``(pixels * scale - mean) / std``.

    Args:
        ops: transforms.
        default: what is true without it.
    """
    attributes = ("scale", "mean", "std")  # some transforms that resize lines have the last two, in other units
    found = (op for op in ops if all(hasattr(op, attribute) for attribute in attributes))
    return next(((op.scale, op.mean, op.std) for op in found), default)


def _find_attribute(ops: list, attribute: str) -> Any:
    """The attribute of the first transform that has it."""
    return next((getattr(op, attribute) for op in ops if hasattr(op, attribute)), None)


def _to_rgb(image: np.ndarray, mode: str) -> np.ndarray:
    return image if mode == "RGB" else image[:, :, ::-1]
