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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import nn

from ...config.names import MEMBER_OPTIONS
from ...config.networks import networks, trainable_networks, without_centers
from ...data.label_rules import is_read_by_ctc
from ...data.line_frames import Frames
from ...data.line_shapes import Lines, list_line_shapes
from ...errors import UserError, summarise
from ...plugins.fast_cpu.memory import paddle_only
from .shapes_only import compute_shapes_only, zero_weights
from .trained_network import with_classes

OPTION = "frames_by_width"
CLASSES = 8  # of the heads that are built here; their number changes no frame
WIDER = 128  # pixels, by which a line is made wider to see if it has more frames
Counter = Callable[[tuple[int, ...], bool], int]  # from the shape of a line, and whether it is one of training
Network = tuple[str, str, Counter]  # its backbone, the option for Frames, and what counts its frames


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
        lines, training = list_line_shapes(config, mode), mode == "Train"
        reason = _find_obstacle(counters, lines, training)
        if reason is None:
            measured = [_measure(*each, lines, training) for each in counters]
            found[mode] = min(measured, key=lambda each: each.number)
        else:
            notes.append(f"{mode}: no text is compared with the frames of the network: {reason}.")
    return found, notes


def _list_counters(config: Mapping[str, Any]) -> list[Network]:
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


def _find_errors(count: Counter, lines: Sequence[Lines], training: bool) -> dict[Lines, Exception]:
    """{lines at which a network stops: with what}"""
    errors = {}
    for each in lines:
        try:
            count(each.shape, training)
        except Exception as error:  # whatever the network raises; training would stop at it with all the details
            errors[each] = error
    return errors


def _find_obstacle(counters: Sequence[Network], lines: Sequence[Lines], training: bool) -> str | None:
    """Why the frames of these lines are not known; None if they are."""
    if not lines:
        return "no transform says how wide a line is"
    for _, _, count in counters:
        errors, evaluated = _find_errors(count, lines, training), _find_errors(count, lines, False)
        for each, error in (errors or (evaluated if len(evaluated) == len(lines) else {})).items():
            advice = f"; leave {name_heights([each])} out of {each.key}" if len(lines) > 1 else ""
            return f"on lines of {list(each.shape)} the network stops with {summarise(error)}{advice}"
    return None


def name_heights(lines: Iterable[Lines]) -> str:
    """Scales of a sampler, by their heights."""
    return f"the scales of height {', '.join(str(each.shape[1]) for each in lines)}"


def _measure(backbone: str, option: str, count: Counter, lines: Sequence[Lines], training: bool) -> Frames:
    """The fewest frames of several kinds of lines. The option is advised without those at which the network stops."""
    stopping = _find_errors(count, lines, False)
    read = min((each for each in lines if each not in stopping), key=lambda each: count(each.shape, False))
    key, shape = read.key, read.shape
    number, evaluated = min(count(each.shape, training) for each in lines), count(shape, False)
    wider = (*shape[:2], shape[2] + WIDER)
    try:
        more, follows = count(wider, False) - evaluated, count(wider, training) > count(shape, training)
    except Exception:  # a network of one width, such as SVTRNet
        more, follows = 0, False
    pixels = WIDER / more if more > 0 else None
    option = "" if follows or not pixels else f"{option} without {name_heights(stopping)}" if stopping else option
    key = key.rpartition("transforms.")[2]  # by this name, `-o` finds it too
    return Frames(backbone, key, shape[2], number, evaluated, pixels, option, _count_by_ratio(count, lines, training))


def _count_by_ratio(count: Counter, lines: Sequence[Lines], training: bool) -> tuple[int, ...]:
    """The fewest frames of lines 1, 2, ... heights wide, where their pictures decide; none where one width is set."""
    shapes = [each.shape for each in lines if each.by_ratio]
    most = max((width // height for _, height, width in shapes), default=0)
    return tuple(
        min(count((channels, height, min(number * height, width)), training) for channels, height, width in shapes)
        for number in range(1, most + 1)
    )


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
