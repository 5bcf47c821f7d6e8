"""Training samples drawn by PaddleOCR's own dataset, through every transform of the config, for a person to look at."""

import logging
from itertools import chain, islice, repeat
from time import perf_counter

import cv2
import numpy as np

from ..config.names import DB_MAPS
from ..errors import UserError, did_you_mean
from ..preview.costs import Cost
from ..preview.samples import LineSample, SceneSample, denormalise, measure_used_width
from .datasets import seed_generators

SOURCE = "ppocrv2_source"  # key under which a sample carries what its file held: (bytes, label)


class Pasted(str):
    """The text of an object that came from another picture; transforms hand it on as any other text."""


def draw(config, count, seed):
    """``count`` training samples, in an order in which an epoch takes them, in this process.

    Args:
        config: a resolved config; its ``Train`` section says what is drawn.
        count: how many samples; a small set is gone through again, and its augmentation makes other samples of it.
        seed: whole number from 0 to 2 ** 32 - 1; the same seed draws the same samples.
    Returns:
        (samples, costs): a list of SceneSample or LineSample, and the Cost of each transform and of what is not one.
    Raises:
        UserError: no data or no transforms; a key to keep that none of them makes; neither scenes nor lines.
    """
    from ppocr.utils.utility import set_seed

    dataset, indexes = _first_epoch(config, seed)
    ops, keys = _without_keep_keys(dataset.ops)
    dataset.ops = [*ops, _everything]
    first = next(indexes)
    made = dataset[first]  # it also pays for what libraries load on their first call
    for key in keys:
        if key not in made:
            raise UserError(f"Train.dataset.transforms.KeepKeys: no transform makes {key!r}{did_you_mean(key, made)}")
    # A transform that fails is told by the name of its class.
    watched = [type(type(op).__name__, (_Watched,), {})(op) for op in ops]
    dataset.ops = [*watched, _everything]
    set_seed(seed)
    seed_generators(ops, seed)
    drawn, laps = [], []
    for index in islice(chain([first], indexes), count):
        start = perf_counter()
        drawn.append(dataset[index])
        elapsed = 1000 * (perf_counter() - start)
        lap = [each.lap() for each in watched]
        laps.append([*lap, elapsed - sum(lap)])
    names = [*(type(each).__name__ for each in watched), "(reading files)"]
    refused = [*(each.calls - each.passed for each in watched), 0]
    costs = [Cost(name, list(own), times) for name, own, times in zip(names, zip(*laps), refused)]
    return [_sample(data, ops, config["Train"]["dataset"]) for data in drawn], costs


def _first_epoch(config, seed):
    """The training set of a config, and the numbers of its samples as epochs take them, without end."""
    from ppocr.data import build_dataloader

    train = config["Train"]
    if not train["dataset"].get("transforms"):
        raise UserError("Train.dataset.transforms is empty: there is nothing to preview.")
    one_by_one = {**train["loader"], "batch_size_per_card": 1, "drop_last": False, "num_workers": 0}
    config = {"Global": {**config["Global"], "seed": seed}, "Train": {**train, "loader": one_by_one}}
    logger = logging.getLogger("ppocrv2.preview")
    logger.setLevel(logging.WARNING)
    # PaddleOCR 3.7 takes the loader's seed for the number of the epoch: this is the first.
    loader = build_dataloader(config, "Train", "cpu", logger, seed=0)
    if not len(loader.dataset):
        raise UserError("Train.dataset: ratio_list leaves no sample.")
    order = loader.batch_sampler
    order.set_epoch(seed)
    return loader.dataset, chain.from_iterable(chain.from_iterable(repeat(order)))


class _Watched:
    """A transform under a stopwatch, which runs for the pictures loaded for Copy-Paste too."""

    def __init__(self, op):
        self.op, self.calls, self.passed, self._seconds = op, 0, 0, 0.0
        if hasattr(op, "ext_data_num"):  # what PaddleOCR's dataset asks its transforms for
            self.ext_data_num = op.ext_data_num

    def __call__(self, data):
        _mark(data)
        self.calls += 1
        start = perf_counter()
        result = self.op(data)
        self._seconds += perf_counter() - start
        self.passed += result is not None
        return result

    def lap(self):
        """Milliseconds since the last lap."""
        seconds, self._seconds = self._seconds, 0.0
        return 1000 * seconds


def _mark(data):
    """Before the first transform: put aside what the file held, and mark the text that may be pasted from elsewhere."""
    if SOURCE in data:
        return
    data[SOURCE] = data["image"], data["label"]
    for other in data.get("ext_data") or ():
        if isinstance(other, dict) and "texts" in other:
            other["texts"] = [Pasted(text) for text in other["texts"]]


def _everything(data):
    return data


def _without_keep_keys(ops):
    """(ops, keys): the transforms but for KeepKeys, and what that keeps."""
    keep = [op for op in ops if hasattr(op, "keep_keys")]
    return [op for op in ops if op not in keep], [key for op in keep for key in op.keep_keys]


def _sample(data, ops, dataset):
    """What PaddleOCR's transforms made, as a SceneSample or a LineSample."""
    name = data.get("img_path", "").removeprefix(dataset.get("data_dir") or "").lstrip("/\\")
    mode = _of(ops, "img_mode") or "BGR"
    if "polys" in data:
        return SceneSample(
            name,
            _rgb(denormalise(data["image"], *_normalisation(ops)), mode),
            [np.reshape(polygon, (-1, 2)) for polygon in data["polys"]],
            list(data["texts"]),
            np.array(data["ignore_tags"], dtype=bool),
            np.array([isinstance(text, Pasted) for text in data["texts"]], dtype=bool),
            **{key: data.get(key) for key in DB_MAPS},
        )
    raw, written = data[SOURCE]
    characters, classes = _of(ops, "character"), _of(ops, "label_list")
    if characters and "length" in data:
        label = "".join(characters[index] for index in data["label"][: int(data["length"])])
    elif classes:
        label = written = str(classes[int(data["label"])])
    else:
        raise UserError(
            "preview shows scenes with polygons, lines labelled by CTCLabelEncode and classes by ClsLabelEncode; "
            f"the transforms of Train make {', '.join(sorted(set(data) - {SOURCE}))}."
        )
    source = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
    # PaddleOCR's resizing of lines normalises too, always like this.
    image = _rgb(denormalise(data["image"], 1 / 255, 0.5, 0.5), mode)
    return LineSample(name, source[:, :, ::-1], image, measure_used_width(data["image"]), label, written)


def _normalisation(ops):
    """(scale, mean, std) of NormalizeImage; without one, the network gets the picture itself."""
    return next(((op.scale, op.mean, op.std) for op in ops if hasattr(op, "mean") and hasattr(op, "std")), (1, 0, 1))


def _of(ops, attribute):
    """The attribute of the first transform that has it."""
    return next((getattr(op, attribute) for op in ops if hasattr(op, attribute)), None)


def _rgb(image, mode):
    return image if mode == "RGB" else image[:, :, ::-1]
