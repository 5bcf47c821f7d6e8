"""Do the parts of a config fit together?

A config can be right word for word and still stop its training: at the first step, at the first evaluation, or after
hours. The checks here find that before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import did_you_mean
from .names import DETECTION_EVAL_BATCH, DETECTION_TRAIN_BATCH
from .networks import networks

MULTI_SCALE_SETS = ("MultiScaleDataSet", "MSTextRecDataset")
# Arguments of backbones that change what becomes of the height of a line.
STRIDE_ARGUMENTS = ("strides", "last_pool", "last_conv_stride", "large_stride", "small_stride", "last_pool_kernel_size")
STRIDE = 32  # pixels; the maps of a detector have the size of the picture only if its sides are multiples of this
NETWORK_ARGUMENTS = ("pair", "students", "network", "teacher")  # arguments of losses that name networks
# Transforms that take lines as DecodeImage reads them, with three channels, to (channels, height, width) pixels.
LINE_RESIZERS = ("RecResizeImg", "ClsResizeImg", "TextLineResize", "SVTRRecResizeImg")
CLASS_LABELLERS: dict[str, list[str] | None] = {  # transforms that make the labels of a classifier: their default
    "ClsLabelEncode": None,
    "RandomHalfTurn": ["0", "180"],
    "HalfTurnByName": ["0", "180"],
}
CHANNELS_FIRST = ("ToCHWImage", "NormalizeToCHW")  # after them a picture is (3, H, W)
# Transforms that take (H, W, 3) pixels; of (3, H, W) they would make a picture of three rows, huge or none.
CHANNELS_LAST = (*LINE_RESIZERS, *CHANNELS_FIRST, "DetResizeForTest", "EastRandomCropData", "IaaAugment", "RecAug")
# Backbones that divide the height of a line by 32 in all, and whose neck needs it to become 1: {backbone: height}.
LINE_HEIGHTS = {"LCNet": 32, "MobileNetV1Enhance": 32, "MobileNetV3": 32}
LARGEST_BATCH = 64 * 2**30  # bytes of pictures
METRIC_VALUES = {  # what each metric reports; Metric.main_indicator must be one of them, and is the first by default
    "DetMetric": ("hmean", "precision", "recall"),
    "RecMetric": ("acc", "norm_edit_dis"),
    "ClsMetric": ("acc",),
}


def find_conflicts(config: dict) -> Iterator[str]:
    """A sentence for each pair of settings that contradict each other.

    Args:
        config: a config in which :mod:`.vocabulary` found every word known and every section of the right form.
    """
    yield from _loss_networks(config)
    yield from _metric_networks(config)
    yield from _detector_train_batch(config)
    yield from _detector_eval_batch(config)
    yield from _image_first(config)
    yield from _centers_in_float32(config)
    yield from _order_of_transforms(config)
    yield from _input_channels(config)
    yield from _line_heights(config)
    yield from _classes(config)
    yield from _samplers(config)
    yield from _batch_memory(config)


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
    for name in ("EastRandomCropData", "RandomTextWindow", "RandomSceneCrop", "RandomSceneWindow"):
        size = transforms.get(name, {}).get("size")
        if isinstance(size, list) and any(isinstance(side, int) and side % STRIDE for side in size):
            yield f"Train.dataset.transforms.{name}.size must be multiples of {STRIDE}, got {size!r}."


def _image_shapes(config: dict, mode: str) -> dict[str, list[int]]:
    """{transform: [channels, height, width]} of the transforms that resize lines."""
    shapes = {name: _transforms(config, mode).get(name, {}).get("image_shape") for name in LINE_RESIZERS}
    whole = {name: shape for name, shape in shapes.items() if isinstance(shape, list) and len(shape) == 3}
    return {name: shape for name, shape in whole.items() if all(isinstance(side, int) for side in shape)}


def _order_of_transforms(config: dict) -> Iterator[str]:
    """KeepKeys makes the batch, so it is last; what works on pixels comes before the channels go first."""
    for mode in ("Train", "Eval"):
        entries = [name for entry in config[mode]["dataset"].get("transforms") or () for name in entry]
        if "KeepKeys" in entries and entries[-1] != "KeepKeys":
            yield f"{mode}.dataset.transforms must end in KeepKeys, which makes the batch, got {entries[-1]}."
        first = next((index for index, name in enumerate(entries) if name in CHANNELS_FIRST), len(entries))
        for name in entries[first + 1 :]:
            if name in CHANNELS_LAST:
                yield f"{mode}.dataset.transforms: {name} must come before {entries[first]}: it takes (H, W, 3) pixels."


def _input_channels(config: dict) -> Iterator[str]:
    """DecodeImage reads every picture with three channels; with GRAY it fails, and one channel holds no such line."""
    for mode in ("Train", "Eval"):
        transforms = _transforms(config, mode)
        if transforms.get("DecodeImage", {}).get("img_mode") == "GRAY":
            yield (
                f"{mode}.dataset.transforms.DecodeImage.img_mode must be BGR or RGB, got 'GRAY': pictures are read with"
                " three channels, grey ones too."
            )
        for name, shape in _image_shapes(config, mode).items():
            if shape[0] != 3 and "DecodeImage" in transforms and "GrayImageChannelFormat" not in transforms:
                yield (
                    f"{mode}.dataset.transforms.{name}.image_shape must begin with 3, got {shape!r}: pictures are read"
                    " with three channels, grey ones too."
                )


def _line_heights(config: dict) -> Iterator[str]:
    """A recognizer reads one row of frames: the strides of its backbone must bring the height of a line to 1."""
    for network in networks(config["Architecture"]).values():
        backbone, neck = network.get("Backbone") or {}, network.get("Neck") or {}
        height = LINE_HEIGHTS.get(str(backbone.get("name")))
        if network.get("model_type") != "rec" or neck.get("name") != "SequenceEncoder" or height is None:
            continue
        if any(key in backbone for key in STRIDE_ARGUMENTS) or network.get("Transform"):
            continue
        for mode in ("Train", "Eval"):
            for name, shape in _image_shapes(config, mode).items():
                if shape[1] // height != 1:
                    yield (
                        f"{mode}.dataset.transforms.{name}.image_shape must have lines of {height} pixels height for"
                        f" the backbone {backbone['name']}, got {shape!r}; [channels, height, width] is the order, and"
                        " tall pictures of upright text must be turned before."
                    )
        return


def _classes(config: dict) -> Iterator[str]:
    """The labels of a classifier, the classes of its head and those of its post-process are the same."""
    post_process = config["PostProcess"]
    given: dict[str, Any] = {}
    for mode in ("Train", "Eval"):
        for name, arguments in _transforms(config, mode).items():
            if name in CLASS_LABELLERS:
                labels = arguments.get("label_list", CLASS_LABELLERS[name])
                given[f"{mode}.dataset.transforms.{name}.label_list"] = labels
    if post_process.get("name") == "ClsPostProcess":
        given["PostProcess.label_list"] = post_process.get("label_list")
    lists = {where: list(map(str, labels)) for where, labels in given.items() if isinstance(labels, list)}
    if not lists:
        return
    first, expected = next(iter(lists.items()))
    for where, labels in lists.items():
        if len(set(labels)) < len(labels):
            yield f"{where} names a label twice: {labels!r}."
        if labels != expected:
            yield f"{where} is {labels!r} and {first} is {expected!r}; they must be the same."
    for network in networks(config["Architecture"]).values():
        classes = (network.get("Head") or {}).get("class_dim")
        if isinstance(classes, int) and classes != len(expected):
            yield f"Architecture.Head.class_dim is {classes}, but {first} names {len(expected)}: {expected!r}."


def _samplers(config: dict) -> Iterator[str]:
    """MultiScaleSampler draws sizes beside numbers, which only MultiScaleDataSet understands, and it no others."""
    for mode in ("Train", "Eval"):
        dataset = (config[mode].get("dataset") or {}).get("name")
        sampler = (config[mode].get("sampler") or {}).get("name") if mode == "Train" else None
        if sampler == "MultiScaleSampler" and dataset not in MULTI_SCALE_SETS:
            yield f"{mode}.sampler MultiScaleSampler needs {mode}.dataset.name=MultiScaleDataSet, got {dataset!r}."
        if mode == "Train" and dataset in MULTI_SCALE_SETS and sampler != "MultiScaleSampler":
            yield f"{mode}.dataset {dataset} needs {mode}.sampler.name=MultiScaleSampler, got {sampler!r}."


def _batch_memory(config: dict) -> Iterator[str]:
    for mode in ("Train", "Eval"):
        lines = (config[mode].get("loader") or {}).get("batch_size_per_card", 1)
        for name, shape in _image_shapes(config, mode).items():
            size = 4 * lines * shape[0] * shape[1] * shape[2]
            if size > LARGEST_BATCH:
                yield (
                    f"{mode}: a batch of {lines} pictures of {name}.image_shape {shape!r} takes {size / 2**30:.0f} GiB;"
                    f" lower {mode}.loader.batch_size_per_card."
                )


def find_doubts(config: dict) -> Iterator[str]:
    """A sentence for each pair of settings that may be meant and often is not."""
    shapes = {mode: list(_image_shapes(config, mode).values())[-1:] for mode in ("Train", "Eval")}
    if shapes["Train"] and shapes["Eval"] and shapes["Train"] != shapes["Eval"]:
        yield (
            f"Train resizes lines to {shapes['Train'][0]!r} and Eval to {shapes['Eval'][0]!r} (channels, height,"
            " width): a network is best at the size that it was trained on."
        )
