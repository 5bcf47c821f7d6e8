"""How many frames the recognizer of a config makes: it is built, and run on an empty line for the shapes alone.

No table of backbones could say it. PP-OCRv2's LCNet makes a frame of 4 pixels, MobileNetV1Enhance of 4 or 8 by its
arguments, and the backbones of PP-OCRv3 to v6 make 40 frames in training whatever the width and one of 8 pixels in
evaluation, unless ``Architecture.frames_by_width`` is set.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import paddle
from paddle import nn

from ...config.names import MEMBER_OPTIONS
from ...config.networks import networks, trainable_networks, without_centers
from ...data.frames import Frames
from ...data.label_rules import is_read_by_ctc
from ...data.sources import MULTI_SCALE_SETS
from ...data.transforms import list_transforms
from ...errors import UserError, summarise
from ...plugins.fast_cpu.memory import paddle_only
from .shapes_only import compute_shapes_only, zero_weights
from .trained_network import with_classes

OPTION = "frames_by_width"
CLASSES = 8  # of the heads that are built here; their number changes no frame
WIDEST = 480.0  # pixels: the default `max_w` of PaddleOCR's MultiScaleSampler
WIDER = 128  # pixels, by which a line is made wider to see if it has more frames
DIVISORS = [8, 16]  # of widths and heights: the default `divided_factor` there
Counter = Callable[[tuple[int, ...], bool], int]  # from the shape of a line, and whether it is one of training


class Lines(NamedTuple):
    """The lines of a data set as the network gets them."""

    key: str  # of the config, that sets their width
    shape: tuple[int, ...]  # (channels, height, width); of several the widest


def measure_frames(config: Mapping[str, Any], modes: Sequence[str]) -> tuple[dict[str, Frames], list[str]]:
    """The frames of each data set whose labels CTC reads.

    Of several networks that are trained, the one with the fewest frames counts.

    Returns:
        ({mode: frames}, sentences about the sets for which they are not known)
    """
    if {network.get("model_type") for network in networks(config["Architecture"]).values()} != {"rec"}:
        return {}, []
    found, notes, counters = {}, [], _list_counters(config)
    for mode in (mode for mode in modes if counters and is_read_by_ctc(config[mode]["dataset"])):
        lines = find_lines(config, mode)
        reason = "no transform says how wide a line is"
        if lines is not None:
            try:
                measured = [_measure(*each, lines, mode == "Train") for each in counters]
                found[mode] = min(measured, key=lambda each: each.number)
                continue
            except Exception as error:  # whatever the network raises; training would stop at it with all the details
                reason = f"on lines of {list(lines.shape)} the network stops with {summarise(error)}"
        notes.append(f"{mode}: no text is compared with the frames of the network: {reason}.")
    return found, notes


def find_lines(config: Mapping[str, Any], mode: str) -> Lines | None:
    """The lines of a data set; None if nothing says how wide they are."""
    dataset, sampler = config[mode]["dataset"], config[mode].get("sampler") or {}
    if dataset.get("name") in MULTI_SCALE_SETS and sampler.get("scales"):
        return _find_widest(sampler, bool(dataset.get("ds_width")), mode)
    return find_image_shape(dataset)


def find_image_shape(dataset: Mapping[str, Any]) -> Lines | None:
    """The shape of the images by the last transform of a data set that says it; None if none does."""
    for name, arguments in reversed(list_transforms(dataset)):
        shape = arguments.get("image_shape")
        if isinstance(shape, list) and len(shape) == 3 and shape[0] in (1, 3):  # RecConAug has (height, width, 3)
            return Lines(f"{name}.image_shape", tuple(shape))
    return None


def _find_widest(sampler: Mapping[str, Any], by_ratio: bool, mode: str) -> Lines:
    """The widest lines that PaddleOCR's MultiScaleSampler asks for."""
    divisors = sampler.get("divided_factor", DIVISORS)
    scales = [scale if isinstance(scale, list) else [scale, scale] for scale in sampler["scales"]]
    width, height = max([side // divisor * divisor for side, divisor in zip(scale, divisors)] for scale in scales)
    if by_ratio:
        return Lines(f"{mode}.sampler.max_w", (3, height, int(sampler.get("max_w", WIDEST))))
    return Lines(f"{mode}.sampler.scales", (3, height, width))


def _list_counters(config: Mapping[str, Any]) -> list[tuple[str, str, Counter]]:
    """For each network that is trained, alike ones once: its backbone, the option for :class:`.Frames`, its counter."""
    architecture = without_centers(dict(config))["Architecture"]
    several = bool(architecture.get("Models"))
    option = f"{OPTION}=true in each of Architecture.Models" if several else f"Architecture.{OPTION}=true"
    sections: list[dict] = []
    for name in trainable_networks(architecture):
        network = networks(architecture)[name]
        section = {key: value for key, value in network.items() if key == OPTION or key not in MEMBER_OPTIONS}
        if section not in sections:
            sections.append(section)
    return [((section.get("Backbone") or {}).get("name", "it"), option, _make_counter(section)) for section in sections]


def _make_counter(section: dict) -> Counter:
    """:func:`count_frames` of the network of a section. It is built once, and counts each kind of line once."""

    @functools.cache
    def build() -> nn.Layer:
        return _build(section)

    @functools.cache
    def count(shape: tuple[int, ...], training: bool) -> int:
        with _aside():
            return count_frames(build(), shape, training)

    return count


def _measure(backbone: str, option: str, count: Counter, lines: Lines, training: bool) -> Frames:
    *rest, width = lines.shape
    wider = (*rest, width + WIDER)
    evaluated, number = count(lines.shape, False), count(lines.shape, training)
    try:
        more, follows = count(wider, False) - evaluated, count(wider, training) > number
    except Exception:  # a network of one width, such as SVTRNet
        more, follows = 0, False
    pixels = WIDER / more if more > 0 else None
    return Frames(backbone, lines.key, width, number, evaluated, pixels, "" if follows or not pixels else option)


@contextlib.contextmanager
def _aside() -> Iterator[None]:
    """A context whose networks leave no trace: in the names of later parameters, in random numbers, on the device.

    Nor are the fast kernels used, as compiling or loading one takes longer than an empty line.
    """
    device = paddle.get_device()
    paddle.set_device("cpu")
    states = paddle.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        with paddle.utils.unique_name.guard(), paddle.no_grad(), paddle_only():
            yield
    finally:
        for restore, state in zip((paddle.set_rng_state, np.random.set_state, random.setstate), states):
            restore(state)
        paddle.set_device(device)


def _build(section: dict) -> nn.Layer:
    from ppocr.modeling.architectures import build_model

    architecture = copy.deepcopy(section)
    head = architecture["Head"] = with_classes(architecture["Head"], CLASSES)
    for branch in head.get("head_list", ()):
        if branch.get("NRTRHead"):  # it is large, and does not run in evaluation
            branch["NRTRHead"]["num_decoder_layers"] = 1
    with zero_weights():
        network = build_model(architecture)
    compute_shapes_only(network)
    return network


def count_frames(network: nn.Layer, shape: Sequence[int], training: bool) -> int:
    """The frames of the output of ``network`` for one line. Its statistics and the mode of its layers change.

    Args:
        shape: (channels, height, width) of the line.
        training: whether what makes the frames is in training. The head never is: it would want labels.
    """
    network.eval()
    for name in ("transform", "backbone"):
        if training and hasattr(network, name):
            getattr(network, name).train()
    frames = find_frames(network(paddle.zeros([1, *shape])))
    if frames is None:
        raise UserError("the network returns no (lines, frames, classes).")
    return frames


def find_frames(predicts: Any) -> int | None:
    """The frames of what a network returns, or the fewest of several networks; None if there are none."""
    if paddle.is_tensor(predicts):
        return predicts.shape[1] if predicts.ndim == 3 else None
    if isinstance(predicts, (list, tuple)):
        return find_frames(predicts[-1]) if predicts else None
    if not isinstance(predicts, dict):
        return None
    key = next((key for key in ("ctc", "head_out") if key in predicts), None)
    counts = [find_frames(each) for each in (predicts.values() if key is None else [predicts[key]])]
    return min((count for count in counts if count is not None), default=None)
