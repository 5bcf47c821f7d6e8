"""Networks whose training branches are merged, ``Architecture.merged``, and the order in which a network runs.

PP-OCRv3 and later train some convolutions as several parallel branches. PaddleOCR's exporter merges each of them into
one convolution (``rep`` of its layers; ``ppocr/utils/export_model.py``). What is published for them is merged, so a
network that starts from it has to be merged too. ``Architecture.restore_norm`` puts BatchNorm back, whose statistics
:mod:`..training.norm_statistics` measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import paddle
from paddle import nn

from ...errors import UserError
from ...plugins.restored_norm import restore_norm, run_in_evaluation

PARTS = ("backbone", "neck", "head")
IMAGE_SHAPES = {"rec": (3, 48, 320), "det": (3, 160, 160)}  # of an image that such a network takes


def merge(network: nn.Layer, section: Mapping[str, Any], where: str = "Architecture") -> None:
    """Merge the branches of a new network, and restore its BatchNorm, where its section of the config says so.

    Args:
        section: ``Architecture``, or one of its ``Models``.
        where: the key of that section, for messages.
    Raises:
        UserError: ``merged`` is neither a switch nor a list of parts, ``restore_norm`` is set for a network whose
            backbone is not merged or whose ``model_type`` has no image here, or one of the two would change nothing.
    """
    value = section.get("merged")
    parts = read_parts(value, where)
    count = merge_branches(network, parts)
    if value and not count:
        raise UserError(
            f"{where}.merged merges the training branches of PP-OCRv3 and later, and this network has none in its"
            f" {' or '.join(parts)}; leave it out."
        )
    if not section.get("restore_norm", False):
        return
    if "backbone" not in parts:
        raise UserError(
            f"{where}.restore_norm puts BatchNorm back into a merged backbone, and this one is not merged; set"
            " `merged: true` beside it, or leave it out."
        )
    if section["model_type"] not in IMAGE_SHAPES:
        raise UserError(
            f"{where}.restore_norm is for a model_type of {' or '.join(IMAGE_SHAPES)}, got {section['model_type']};"
            " leave it out."
        )
    kept = [part for part in parts if part != "head" and hasattr(network, part)]
    if not restore_norm(network, kept, IMAGE_SHAPES[section["model_type"]]):
        raise UserError(
            f"{where}.restore_norm puts BatchNorm back behind convolutions with a bias, and the {' and '.join(kept)} of"
            " this network has none; leave it out."
        )


def read_parts(value: Any, where: str = "Architecture") -> tuple[str, ...]:
    """The parts that ``merged`` of a config names.

    Args:
        value: true for all parts, false or None for none, or a list of :data:`PARTS`.
        where: the key of the network's section, for the message.
    Raises:
        UserError: it is something else.
    """
    if value is None or isinstance(value, bool):
        return PARTS if value else ()
    unknown = [part for part in value if part not in PARTS] if isinstance(value, list) else [value]
    if unknown:
        raise UserError(f"`{where}.merged` takes true, false, or a list of {', '.join(PARTS)}; got {value!r}.")
    return tuple(value)


def merge_branches(network: nn.Layer, parts: Sequence[str] = PARTS) -> int:
    """Merge the parallel branches of ``network`` in place, as PaddleOCR's exporter does.

    In evaluation mode the result is the same before and after, up to rounding.

    Args:
        parts: of :data:`PARTS`. The files of PP-OCRv4 and v5 come from an exporter that left the head as it was.
    Returns:
        How many layers were merged; 0 for a network that has no branches.
    """
    count = 0
    for part in parts:
        layers = getattr(network, part).sublayers(include_self=True) if hasattr(network, part) else []
        for layer in layers:
            if hasattr(layer, "rep") and not getattr(layer, "is_repped", False):
                layer.rep()
                count += 1
    return count


def list_parameters_in_order(network: nn.Layer, image_shape: Sequence[int]) -> list[tuple[str, Any]]:
    """The parameters and statistics that ``network`` uses to read one image, in the order of use, each once.

    Parts that run only in training, such as the threshold branch of DBHead, are left out.

    Args:
        image_shape: (C, H, W) of the image.
    Returns:
        [(name as in the state_dict, tensor), ...]
    """
    names = {id(tensor): name for name, tensor in network.state_dict().items()}
    order = {}

    def note(layer: nn.Layer, _: Any) -> None:
        for tensor in (*layer._parameters.values(), *layer._buffers.values()):
            if tensor is not None and id(tensor) in names:
                order[names[id(tensor)]] = tensor

    hooks = [layer.register_forward_pre_hook(note) for layer in network.sublayers(include_self=True)]
    run_in_evaluation(network, paddle.zeros([1, *image_shape]))
    for hook in hooks:
        hook.remove()
    return list(order.items())
