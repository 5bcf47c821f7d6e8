"""Do the parts of a config fit together?

A config can be right word for word and still stop its training: at the first step, at the first evaluation, or after
hours. The checks here find that before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Callable

from ..errors import did_you_mean
from .names import DETECTION_EVAL_BATCH, DETECTION_TRAIN_BATCH
from .networks import networks
from .numbers import positive, whole_number

STRIDE = 32  # pixels; the maps of a detector have the size of the picture only if its sides are multiples of this
NETWORK_ARGUMENTS = ("pair", "students", "network", "teacher")  # arguments of losses that name networks
METRIC_VALUES = {  # what each metric reports; Metric.main_indicator must be one of them, and is the first by default
    "DetMetric": ("hmean", "precision", "recall"),
    "RecMetric": ("acc", "norm_edit_dis"),
    "ClsMetric": ("acc",),
}
NUMBER_RANGES = {  # whole numbers: (least, most), None for no bound
    "Global.epoch_num": (1, None),
    "Global.print_batch_step": (1, None),
    "Global.save_epoch_step": (1, None),
    "Global.log_smooth_window": (1, None),
    "Global.seed": (0, 2**32 - 1),
    "Train.loader.batch_size_per_card": (1, None),
    "Train.loader.num_workers": (0, None),
    "Eval.loader.batch_size_per_card": (1, None),
    "Eval.loader.num_workers": (0, None),
}


def find_conflicts(config: dict) -> Iterator[str]:
    """A sentence for each pair of settings that contradict each other, and for each number out of its range.

    Args:
        config: a config in which :mod:`.vocabulary` found every word known and every section of the right form.
    """
    yield from _loss_networks(config)
    yield from _metric_networks(config)
    yield from _detector_train_batch(config)
    yield from _detector_eval_batch(config)
    yield from _image_first(config)
    yield from _centers_in_float32(config)
    yield from _number_ranges(config)


def _loss_networks(config: dict) -> Iterator[str]:
    """A loss may only name networks that the model has."""
    members = config["Architecture"].get("Models", {})
    loss = config["Loss"]
    terms = {"Loss": loss}
    if loss.get("name") == "CombinedLoss":
        entries = enumerate(loss.get("loss_config_list") or ())
        terms = {f"Loss.loss_config_list.{n}.{name}": term for n, entry in entries for name, term in entry.items()}
    for where, term in terms.items():
        for argument in NETWORK_ARGUMENTS:
            value = (term or {}).get(argument)
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str) and name not in members:
                    hint = did_you_mean(name, members) if members else ", but Architecture has a single network."
                    yield f"{where}.{argument} names {name!r}{hint}"


def _centers_in_float32(config: dict) -> Iterator[str]:
    """AMP of level O2 keeps a network in half precision, which is too coarse for the small steps of running means."""
    settings = config["Global"]
    if not settings.get("use_amp") or settings.get("amp_level", "O2") != "O2":
        return
    for network in networks(config["Architecture"]).values():
        if (network.get("Head") or {}).get("name") == "CenterCTCHead":
            yield "Global.amp_level must be O1 with a CenterCTCHead: O2 would keep its centers in half precision."
            return


def _metric_networks(config: dict) -> Iterator[str]:
    """An evaluation decodes networks of the model, compares networks that it decodes, by a value that it reports."""
    metric, post_process = config["Metric"], config["PostProcess"]
    values = METRIC_VALUES.get(metric.get("base_metric_name", metric.get("name")), ())
    if values:
        indicator = metric.get("main_indicator", values[0])
        if indicator not in values:
            yield f"Metric.main_indicator is {indicator!r}{did_you_mean(indicator, values)}"
    members, decoded = config["Architecture"].get("Models", ()), post_process.get("model_name")
    if not members or not isinstance(decoded, list):
        return
    compared = metric.get("networks")
    for where, names, known in (
        ("PostProcess.model_name", decoded, members),
        ("Metric.networks", compared if isinstance(compared, list) else [], decoded),
    ):
        for name in names:
            if name not in known:
                yield f"{where} names {name!r}{did_you_mean(name, known)}"


def _transforms(config: dict, mode: str) -> dict[str, dict]:
    """{transform: its arguments} of a data set."""
    entries = (config[mode].get("dataset") or {}).get("transforms") or ()
    return {name: arguments or {} for entry in entries for name, arguments in entry.items()}


def _keep_keys(config: dict, mode: str) -> Any | None:
    return _transforms(config, mode).get("KeepKeys", {}).get("keep_keys")


def _image_first(config: dict) -> Iterator[str]:
    """PaddleOCR calls these networks with the first entry of a batch."""
    types = {network.get("model_type") for network in networks(config["Architecture"]).values()}
    for mode in ("Train", "Eval"):
        keys = _keep_keys(config, mode)
        if types <= {"det", "rec", "cls"} and isinstance(keys, list) and keys[:1] != ["image"]:
            yield f"{mode}.dataset.transforms.KeepKeys.keep_keys must begin with image, got {keys!r}."


def _detector_eval_batch(config: dict) -> Iterator[str]:
    """DBPostProcess and DetMetric unpack the batch by position; pictures of several sizes do not stack."""
    metric, keys = config["Metric"], _keep_keys(config, "Eval")
    if metric.get("base_metric_name", metric.get("name")) != "DetMetric":
        return
    if keys is not None and not (isinstance(keys, list) and keys[:4] == list(DETECTION_EVAL_BATCH)):
        yield f"Eval.dataset.transforms.KeepKeys.keep_keys must be {', '.join(DETECTION_EVAL_BATCH)}, got {keys!r}."
    size = (config["Eval"].get("loader") or {}).get("batch_size_per_card", 1)
    if size != 1:
        yield f"Eval.loader.batch_size_per_card must be 1, scenes are of any size; got {size!r}."


def _detector_train_batch(config: dict) -> Iterator[str]:
    """The loss of a detector unpacks the batch by position; its crops must be multiples of the stride."""
    transforms, keys = _transforms(config, "Train"), _keep_keys(config, "Train")
    unpacks = config["Loss"].get("name") in ("DBLoss", "CMLLoss")
    if unpacks and keys is not None and keys != list(DETECTION_TRAIN_BATCH):
        yield f"Train.dataset.transforms.KeepKeys.keep_keys must be {', '.join(DETECTION_TRAIN_BATCH)}, got {keys!r}."
    for name in ("EastRandomCropData", "RandomTextWindow"):
        size = transforms.get(name, {}).get("size")
        if isinstance(size, list) and any(isinstance(side, int) and side % STRIDE for side in size):
            yield f"Train.dataset.transforms.{name}.size must be multiples of {STRIDE}, got {size!r}."


def _number_ranges(config: dict) -> Iterator[str]:
    """PaddleOCR's loops end in a traceback on numbers out of these ranges, some of them after hours."""
    for path, (least, most) in NUMBER_RANGES.items():
        section, *steps, key = path.split(".")
        node = config[section]
        for step in steps:
            node = node.get(step) or {}
        yield from _refusal(whole_number, node.get(key, least), path, least, most)
    step = config["Global"].get("eval_batch_step", 1)
    start, interval = step if isinstance(step, list) and len(step) == 2 else (0, step)
    if [*_refusal(whole_number, start, "start", 0), *_refusal(whole_number, interval, "interval")]:
        yield f"Global.eval_batch_step must be [first step, every so many], such as [0, 500], got {step!r}."
    rate = (config["Optimizer"].get("lr") or {}).get("learning_rate", 1.0)
    yield from _refusal(positive, rate, "Optimizer.lr.learning_rate")


def _refusal(rule: Callable, *arguments: Any) -> Iterator[str]:
    """The sentence with which a rule of :mod:`.numbers` refuses its arguments; nothing if it takes them."""
    try:
        rule(*arguments)
    except ValueError as error:
        yield str(error)
