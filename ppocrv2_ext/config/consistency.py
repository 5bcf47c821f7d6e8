"""Do the parts of a config fit together?

A config can be right word for word and still stop its training: at the first step, at the first evaluation, or after
hours. The checks here find that before anything runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from ..data.line_shapes import FIRST_BATCH, SAMPLER, Lines, list_line_shapes
from ..data.sample_keys import DETECTION_EVAL_BATCH, DETECTION_TRAIN_BATCH, RECOGNITION_BATCH
from ..data.sources import MULTI_SCALE_SETS
from ..data.transforms import DIRECTIONS, Role, list_originals, list_players, list_transforms, plays
from ..errors import did_you_mean
from .components import Component, list_components
from .names import CENTER_HEAD, CENTER_LOSS, LINE_BACKBONES
from .networks import find_center_head, find_ctc_head, name_section, networks, trainable_networks
from .without_effect import find_settings_without_effect

# Arguments of backbones that decide how many rows they make of a line.
STRIDE_ARGUMENTS = ("strides", "last_pool", "last_conv_stride", "large_stride", "small_stride", "last_pool_kernel_size")
STRIDE = 32  # pixels; the maps of a detector have the size of the picture only if its sides are multiples of this
UDML_PAIR = ("Student", "Teacher")  # UDMLLoss.pair by default
NETWORK_ARGUMENTS = ("pair", "students", "network", "teacher")  # arguments of losses that name networks
CLASS_LABELLERS: dict[str, list[str] | None] = {  # transforms that make the labels of a classifier: their default
    "ClsLabelEncode": None,
    **{name: list(DIRECTIONS) for name in list_players(Role.SETS_CLASS)},
}
CTC_BATCHES = {  # how a batch begins, by the transform that encodes its texts for CTC
    "CTCLabelEncode": RECOGNITION_BATCH,
    "MultiLabelEncode": ("image", "label_ctc"),
}
EVALUATED_ENTRIES = 2  # of them, the image and the label, are used by an evaluation
ONCE = {  # what two transforms of a data set may not both do, and why
    Role.ENCODES_LABEL: "labels are encoded only once",
    Role.SETS_CLASS: "a line is turned only once",
    Role.NORMALISES: "pixels are normalised only once",
    Role.PUTS_CHANNELS_FIRST: "channels go first only once",
    Role.RESIZES_SCENE: "an evaluation knows only the last resize",
}
ORDER = (  # (what comes first, what comes later, why)
    (Role.DECODES, Role.TAKES_PICTURE, "it makes pixels of a file"),
    (Role.MAKES_OUTLINES, Role.READS_OUTLINES, "it says where text is"),
    (Role.TAKES_PICTURE, Role.PUTS_CHANNELS_FIRST, "it takes (H, W, 3) pixels"),
    (Role.TAKES_PIXELS, Role.NORMALISES, "it takes pixels as they were read"),
    (Role.SETS_CLASS, Role.ENCODES_LABEL, "it sets the label"),
    (Role.SETS_CLASS, Role.AUGMENTS_LINE, "after it, the edges of a line show whether it was turned"),
    (Role.JOINS_LINES, Role.ENCODES_LABEL, "it joins texts"),
    (Role.MOVES_TEXT, Role.MAKES_MAPS, "the maps show where text is"),
    (Role.MOVES_TEXT, Role.NOTES_FRAME, "the maps are cut at the edges of the picture that is there then"),
    (Role.READS_OUTLINES, Role.RESIZES_SCENE, "the outlines of text are not resized with it"),
)
LINE_HEIGHT = 32  # pixels; the backbones of lines make one row of it
LARGEST_BATCH = 64 * 2**30  # bytes
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
    for check in CHECKS:
        yield from check(config)


def _check_loss_networks(config: dict) -> Iterator[str]:
    """A loss may only name networks that the model has."""
    members = config["Architecture"].get("Models", {})
    losses = [each for each in list_components(config) if each.kind in ("loss", "term of a loss")]
    for loss, argument in itertools.product(losses, NETWORK_ARGUMENTS):
        value = loss.section.get(argument)
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and name not in members:
                hint = did_you_mean(name, members) if members else ", but Architecture has a single network."
                yield f"{loss.where}.{argument} names {name!r}{hint}"


def _check_networks_of_udml(config: dict) -> Iterator[str]:
    """A frozen network stays in evaluation mode, where the heads of CTC give probabilities and no logits."""
    members = config["Architecture"].get("Models") or {}
    for loss in list_components(config):
        section = loss.section or {}
        if loss.kind in ("loss", "term of a loss") and section.get("name") == "UDMLLoss":
            for name in section.get("pair", UDML_PAIR):
                if (members.get(name) or {}).get("freeze_params"):
                    yield (
                        f"{loss.where}.pair names {name!r}, which is frozen, but both networks of U-DML must learn; set"
                        f" {name_section(name)}.freeze_params=false."
                    )


def _check_perturbation(config: dict) -> Iterator[str]:
    """Noise is for a network that learns, and only our architecture adds it."""
    architecture = config["Architecture"]
    for name, network in networks(architecture).items():
        where = f"{name_section(name)}.perturbation"
        if network.get("perturbation") is None:
            continue
        if architecture.get("name") != "CollaborativeModel":
            yield f"{where} needs `Architecture.name: CollaborativeModel`."
        if network.get("freeze_params"):
            yield f"{where} adds noise to a frozen network, which could not learn it away; leave it out."


def _check_start_of_average(config: dict) -> Iterator[str]:
    """Only of weights that were read is a share worth keeping."""
    settings, architecture = config["Global"], config["Architecture"]
    if not (settings.get("use_ema") and settings.get("ema_start_share")):
        return
    if settings.get("pretrained_model") or settings.get("checkpoints"):
        return
    for name in trainable_networks(architecture):
        if not (name and networks(architecture)[name].get("pretrained")):
            key = f"{name_section(name)}.pretrained" if name else "Global.pretrained_model"
            yield f"Global.ema_start_share would keep a share of random weights; set {key}, or leave the share out."


def _list_center_losses(config: dict) -> list[Component]:
    return [each for each in list_components(config) if each.section and each.section.get("name") == CENTER_LOSS]


def _check_given_by_multi_head(config: dict) -> Iterator[str]:
    """A MultiHead says how wide its CenterCTCHead is, and how many classes it has."""
    for name, network in networks(config["Architecture"]).items():
        place, section = find_center_head(network) or ("Head", {})
        for key in ("name", "in_channels", "out_channels") if place != "Head" else ():
            if key in section:
                yield f"{name_section(name)}.{place}.{key} is for the MultiHead to say; leave it out."


def _check_center_heads(config: dict) -> Iterator[str]:
    """CTCCenterLoss reads features and centers: in a MultiLoss of a MultiHead, elsewhere of a head alone."""
    members, in_multi_loss = networks(config["Architecture"]), config["Loss"]["name"] == "MultiLoss"
    for loss in _list_center_losses(config):
        name = (loss.section or {}).get("network")
        if name not in members:
            continue
        place, head, _ = find_ctc_head(members[name])
        where = f"{name_section(name)}.Head"
        if head != CENTER_HEAD:
            yield (
                f"{loss.where}: {CENTER_LOSS} needs the features and centers of a {CENTER_HEAD}; put it in the place of"
                f" {head} in {where}."
            )
        elif (place == "Head") == in_multi_loss:
            yield (
                f"{loss.where}: {CENTER_LOSS} must be in a MultiLoss if its {CENTER_HEAD} is in a MultiHead, and only"
                f" then; change Loss.name or {where}.name."
            )


def _check_centers_in_float32(config: dict) -> Iterator[str]:
    """AMP of level O2 keeps a network in half precision, which is too coarse for the small steps of running means."""
    settings = config["Global"]
    if not settings.get("use_amp") or settings.get("amp_level", "O2") != "O2":
        return
    for network in networks(config["Architecture"]).values():
        if find_center_head(network):
            yield "Global.amp_level must be O1 with a CenterCTCHead: O2 would keep its centers in half precision."
            return


def _find_base_metric(config: dict) -> str:
    """The metric of a single network. A metric of several networks names it."""
    return config["Metric"].get("base_metric_name", config["Metric"]["name"])


def _check_main_indicator(config: dict) -> Iterator[str]:
    """The best epoch is chosen by a value that the metric reports."""
    values = METRIC_VALUES.get(_find_base_metric(config), ())
    indicator = config["Metric"].get("main_indicator", *values[:1])
    if values and indicator not in values:
        yield f"Metric.main_indicator is {indicator!r}{did_you_mean(indicator, values)}"


def _check_metric_networks(config: dict) -> Iterator[str]:
    """An evaluation decodes networks of the model. It compares networks that it decodes, and that learn."""
    members, decoded = config["Architecture"].get("Models", {}), config["PostProcess"].get("model_name")
    compared = config["Metric"].get("networks")
    compared = compared if isinstance(compared, list) else []
    for name in compared:
        if (members.get(name) or {}).get("freeze_params"):
            yield f"Metric.networks names {name!r}, which is frozen and the same in every checkpoint; leave it out."
    if not members or not isinstance(decoded, list):
        return
    for where, names, known in (
        ("PostProcess.model_name", decoded, members),
        ("Metric.networks", compared, decoded),
    ):
        for name in names:
            if name not in known:
                yield f"{where} names {name!r}{did_you_mean(name, known)}"


def _map_transforms(config: dict, mode: str) -> dict[str, dict]:
    """{transform: its arguments} of a data set."""
    return dict(list_transforms(config[mode]["dataset"]))


def _find_keep_keys(config: dict, mode: str) -> Any | None:
    """The argument of KeepKeys; None if there is none."""
    return _map_transforms(config, mode).get("KeepKeys", {}).get("keep_keys")


def _check_image_first(config: dict) -> Iterator[str]:
    """PaddleOCR calls these networks with the first entry of a batch."""
    types = {network.get("model_type") for network in networks(config["Architecture"]).values()}
    for mode in ("Train", "Eval"):
        keys = _find_keep_keys(config, mode)
        if types <= {"det", "rec", "cls"} and isinstance(keys, list) and keys[:1] != ["image"]:
            yield f"{mode}.dataset.transforms.KeepKeys.keep_keys must begin with image, got {keys!r}."


def _check_detector_eval_batch(config: dict) -> Iterator[str]:
    """DBPostProcess and DetMetric unpack the batch by position; pictures of several sizes do not stack."""
    keys = _find_keep_keys(config, "Eval")
    if _find_base_metric(config) != "DetMetric":
        return
    if keys is not None and not (isinstance(keys, list) and keys[:4] == list(DETECTION_EVAL_BATCH)):
        yield f"Eval.dataset.transforms.KeepKeys.keep_keys must be {', '.join(DETECTION_EVAL_BATCH)}, got {keys!r}."
    size = config["Eval"]["loader"]["batch_size_per_card"]
    if size != 1:
        yield f"Eval.loader.batch_size_per_card must be 1, because scenes differ in size; got {size!r}."


def _check_detector_train_batch(config: dict) -> Iterator[str]:
    """The loss of a detector unpacks the batch by position; its crops must be multiples of the stride."""
    transforms, keys = _map_transforms(config, "Train"), _find_keep_keys(config, "Train")
    unpacks = config["Loss"].get("name") in ("DBLoss", "CMLLoss")
    if unpacks and keys is not None and keys != list(DETECTION_TRAIN_BATCH):
        yield f"Train.dataset.transforms.KeepKeys.keep_keys must be {', '.join(DETECTION_TRAIN_BATCH)}, got {keys!r}."
    for name, arguments in transforms.items():
        size = arguments.get("size") if Role.CROPS in plays(name) else None
        if isinstance(size, list) and any(isinstance(side, int) and side % STRIDE for side in size):
            yield f"Train.dataset.transforms.{name}.size must be multiples of {STRIDE}, got {size!r}."


def _check_recognizer_batches(config: dict) -> Iterator[str]:
    """Losses of CTC and the evaluation of texts unpack the batch by position."""
    for mode, count in (("Train", None), ("Eval", EVALUATED_ENTRIES)):
        keys = _find_keep_keys(config, mode)
        for name in _map_transforms(config, mode):
            begin = list(CTC_BATCHES.get(list_originals(name)[0], ()))[:count]
            # Of a batch without its image in front, _check_image_first has told.
            if isinstance(keys, list) and keys[:1] == begin[:1] and keys[: len(begin)] != begin:
                yield (
                    f"{mode}.dataset.transforms.KeepKeys.keep_keys must begin with {', '.join(begin)} after {name}, got"
                    f" {keys!r}."
                )


def _check_decoder(config: dict) -> Iterator[str]:
    """What is trained with labels for CTC is decoded as CTC. Another decoder may run, and reads "aabb" for "ab"."""
    encoder = next((name for name in _map_transforms(config, "Train") if list_originals(name)[0] in CTC_BATCHES), None)
    decoder = config["PostProcess"].get("name")
    if encoder and "CTC" not in str(decoder):
        yield f"PostProcess.name must be a decoder of CTC, such as CTCLabelDecode, after {encoder}, got {decoder!r}."


def _list_lines(config: dict) -> Iterator[tuple[str, Lines]]:
    """(mode, lines) of each shape of lines."""
    for mode in ("Train", "Eval"):
        for lines in list_line_shapes(config, mode):
            yield mode, lines


def _check_order_of_transforms(config: dict) -> Iterator[str]:
    """Transforms work on what those before them have made. A wrong order seldom fails, and makes wrong samples."""
    for mode in ("Train", "Eval"):
        entries = [name for name, _ in list_transforms(config[mode]["dataset"])]
        if "KeepKeys" in entries and entries[-1] != "KeepKeys":
            yield f"{mode}.dataset.transforms must end in KeepKeys, which makes the batch, got {entries[-1]}."
        resizers = [name for name in entries if Role.RESIZES_SCENE in plays(name)]
        if resizers and any(Role.MAKES_MAPS in plays(name) for name in entries):
            yield f"{mode}.dataset.transforms: {resizers[0]} resizes no maps of where text is; leave it out."
            continue
        for index, name in enumerate(entries):
            for sentence in itertools.islice(_find_misplacements(name, entries[:index]), 1):
                yield f"{mode}.dataset.transforms: {sentence}"


def _check_evaluation_repeats(config: dict) -> Iterator[str]:
    """An evaluation judges the pictures as they are, so that two numbers differ only if the networks do."""
    for name in _map_transforms(config, "Eval"):
        if Role.DRAWS in plays(name):
            yield (
                f"Eval.dataset.transforms: {name} is for training: it may draw at random, and samples must be the same"
                " in each evaluation; leave it out."
            )


def _find_misplacements(name: str, before: list[str]) -> Iterator[str]:
    """What is wrong with a transform behind those ``before`` it."""
    for role, reason in ONCE.items():
        for other in before if role in plays(name) else ():
            if role in plays(other):
                yield f"{name} follows {'another' if other == name else other}, and {reason}; leave one of them out."
    for first, later, reason in ORDER:
        for other in before if first in plays(name) else ():
            if later in plays(other) and other != name:
                yield f"{name} must come before {other}: {reason}."


def _check_input_channels(config: dict) -> Iterator[str]:
    """DecodeImage reads every picture with three channels; with GRAY it fails, and one channel holds no such line."""
    reason = "pictures are read with three channels, grey ones too."
    for mode in ("Train", "Eval"):
        if _map_transforms(config, mode).get("DecodeImage", {}).get("img_mode") == "GRAY":
            yield f"{mode}.dataset.transforms.DecodeImage.img_mode must be BGR or RGB, got 'GRAY': {reason}"
    for mode, lines in _list_lines(config):
        transforms = _map_transforms(config, mode)
        is_grey = Role.RESIZES_LINE not in plays(lines.maker) or "GrayImageChannelFormat" in transforms
        if lines.shape[0] != 3 and "DecodeImage" in transforms and not is_grey:
            yield f"{lines.key} must begin with 3, got {list(lines.shape)}: {reason}"


def _check_line_heights(config: dict) -> Iterator[str]:
    """A recognizer reads one row of frames: the strides of its backbone must bring the height of a line to 1."""
    for network in networks(config["Architecture"]).values():
        backbone, neck = network.get("Backbone") or {}, network.get("Neck") or {}
        if network.get("model_type") != "rec" or neck.get("name") != "SequenceEncoder" or network.get("Transform"):
            continue
        if backbone.get("name") not in LINE_BACKBONES or any(key in backbone for key in STRIDE_ARGUMENTS):
            continue
        for _, lines in _list_lines(config):
            if lines.shape[1] // LINE_HEIGHT != 1:
                yield (
                    f"{lines.key} must have lines of {LINE_HEIGHT} pixels height for the backbone {backbone['name']},"
                    f" got {list(lines.shape)}; [channels, height, width] is the order, and tall pictures of vertical"
                    " text must be rotated first."
                )
        return


def _check_classes(config: dict) -> Iterator[str]:
    """The labels of a classifier, the classes of its head and those of its post-process are the same."""
    post_process = config["PostProcess"]
    given: dict[str, Any] = {}
    for mode in ("Train", "Eval"):
        for name, arguments in _map_transforms(config, mode).items():
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


def _check_sampler(config: dict) -> Iterator[str]:
    """MultiScaleSampler draws sizes beside numbers, which only MultiScaleDataSet understands, and it no others."""
    dataset = config["Train"]["dataset"].get("name")
    sampler = (config["Train"].get("sampler") or {}).get("name")
    if sampler == "MultiScaleSampler" and dataset not in MULTI_SCALE_SETS:
        yield f"Train.sampler MultiScaleSampler needs Train.dataset.name=MultiScaleDataSet, got {dataset!r}."
    if dataset in MULTI_SCALE_SETS and sampler != "MultiScaleSampler":
        yield f"Train.dataset {dataset} needs Train.sampler.name=MultiScaleSampler, got {sampler!r}."


def _check_resizing_set(config: dict) -> Iterator[str]:
    """MultiScaleDataSet resizes (H, W, 3) pixels to the size that the sampler draws, and puts the channels first."""
    for mode in ("Train", "Eval"):
        dataset = config[mode]["dataset"].get("name")
        for name in _map_transforms(config, mode) if dataset in MULTI_SCALE_SETS else ():
            if plays(name) & {Role.NORMALISES, Role.PUTS_CHANNELS_FIRST}:
                yield f"{mode}.dataset.transforms: {dataset} resizes and normalises lines itself; leave {name} out."


def _check_batch_memory(config: dict) -> Iterator[str]:
    """A batch of lines in float32 must fit into memory."""
    for mode, lines in _list_lines(config):
        key, number = f"{mode}.loader.batch_size_per_card", config[mode]["loader"]["batch_size_per_card"]
        if lines.maker == SAMPLER:
            key, number = f"{mode}.sampler.first_bs", config[mode]["sampler"].get("first_bs", FIRST_BATCH)
        size = 4 * number * math.prod(lines.shape)  # bytes
        if size > LARGEST_BATCH:
            yield (
                f"{mode}: a batch of {number} pictures of {lines.key} {list(lines.shape)} takes {size / 2**30:.0f} GiB;"
                f" lower {key}."
            )


def _check_clipping(config: dict) -> Iterator[str]:
    """PaddleOCR clips in one way. Given two, it takes the first one without a word."""
    if all(config["Optimizer"].get(key) is not None for key in ("clip_norm", "clip_norm_global")):
        yield (
            "Optimizer takes clip_norm, for each tensor of gradients alone, or clip_norm_global, for all together, and"
            " not both; remove one."
        )


CHECKS = (
    _check_loss_networks,
    _check_networks_of_udml,
    _check_perturbation,
    _check_start_of_average,
    _check_main_indicator,
    _check_metric_networks,
    _check_detector_train_batch,
    _check_detector_eval_batch,
    _check_image_first,
    _check_recognizer_batches,
    _check_decoder,
    _check_center_heads,
    _check_given_by_multi_head,
    _check_centers_in_float32,
    _check_order_of_transforms,
    _check_evaluation_repeats,
    _check_input_channels,
    _check_line_heights,
    _check_classes,
    _check_sampler,
    _check_resizing_set,
    _check_batch_memory,
    _check_clipping,
)


def _find_resting_centers(config: dict) -> Iterator[str]:
    """Only a CTCCenterLoss moves centers. Beside another loss the head learns as PaddleOCR's CTCHead does."""
    moved = {
        loss.section.get("network")
        for loss in _list_center_losses(config)
        if loss.section and loss.section.get("center_weight") != 0
    }
    for name, network in networks(config["Architecture"]).items():
        found = find_center_head(network)
        if found and name not in moved and not network.get("freeze_params"):
            yield f"{name_section(name)}.{found[0]}: no {CENTER_LOSS} moves the centers of this {CENTER_HEAD}."


def find_doubts(config: dict) -> Iterator[str]:
    """A sentence for each setting, or pair of settings, that may be meant and often is not."""
    yield from find_settings_without_effect(config)
    yield from _find_resting_centers(config)
    trained, evaluated = ([list(lines.shape) for lines in list_line_shapes(config, mode)] for mode in ("Train", "Eval"))
    draws_widths = config["Train"]["dataset"].get("ds_width")
    if trained and evaluated and evaluated[0] not in trained and not draws_widths:
        yield (
            f"Train resizes lines to {' or '.join(map(str, trained))} and Eval to {evaluated[0]} (channels, height,"
            " width): a network is best at the size that it was trained on."
        )
