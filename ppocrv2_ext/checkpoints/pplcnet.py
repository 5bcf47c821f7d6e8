"""The ImageNet weights of PP-LCNet that PaddleClas publishes, under the names that our LCNet has.

PaddleClas calls the network PPLCNet (``ppcls/arch/backbone/legendary_models/pp_lcnet.py``) and publishes one
``.pdparams`` file for each of eight widths. The tensors are those of :class:`~ppocrv2_ext.plugins.lcnet.LCNet` and
:class:`~ppocrv2_ext.plugins.lcnet.LCNetClsHead`, in the same order. Only the names differ, and the scale of one tensor.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import UserError
from ..files import PathLike

STAGES = {"blocks2": 1, "blocks3": 2, "blocks4": 2, "blocks5": 6, "blocks6": 2}  # blocks in each
SE_STAGE = "blocks6"  # its blocks have squeeze-and-excitation
PARTS = {"conv": "_conv", "bn": "_batch_norm", "dw_conv": "_depthwise_conv", "pw_conv": "_pointwise_conv", "se": "_se"}
CONV_NORM = ("conv.weight", "bn.weight", "bn.bias", "bn._mean", "bn._variance")
SE = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")
WIDEST = "blocks6.1.pw_conv.conv.weight"  # (channels, ...): they tell the eight scales apart
SCALES = {128: 0.25, 176: 0.35, 256: 0.5, 384: 0.75, 512: 1.0, 768: 1.5, 1024: 2.0, 1280: 2.5}
HIDDEN, CLASSES = "last_conv.weight", "fc.weight"
# PaddleClas drops 20 % of the last features and scales by 0.8 in inference. LCNetClsHead scales in training instead.
KEPT_IN_INFERENCE = 0.8


def list_names() -> dict[str, str]:
    """{name in PaddleClas: name here} of all 146 tensors: 143 of the backbone and 3 of the classifier."""
    names = {f"conv1.{tensor}": f"backbone.conv1.{_rename(tensor)}" for tensor in CONV_NORM}
    blocks = [(stage, index) for stage, count in STAGES.items() for index in range(count)]
    for number, (stage, index) in enumerate(blocks):
        tensors = [f"dw_conv.{tensor}" for tensor in CONV_NORM]
        tensors += [f"se.{tensor}" for tensor in SE] if stage == SE_STAGE else []
        tensors += [f"pw_conv.{tensor}" for tensor in CONV_NORM]
        for tensor in tensors:
            names[f"{stage}.{index}.{tensor}"] = f"backbone.block_list.{number}.{_rename(tensor)}"
    return {**names, **{name: f"head.{name}" for name in (HIDDEN, CLASSES, "fc.bias")}}


def _rename(tensor: str) -> str:
    return ".".join(PARTS.get(part, part) for part in tensor.split("."))


def find_scale(params: Mapping[str, np.ndarray], path: PathLike) -> float:
    """The scale of a PPLCNet, by the width of its last block.

    Args:
        params: {name in PaddleClas: value}.
        path: the file, for the error.
    Raises:
        UserError: the names are not those of a PPLCNet, or no published one is so wide.
    """
    names = list_names()
    differences = [f"it has no {name!r}" for name in names if name not in params]
    differences += [f"it has {name!r}" for name in params if name not in names]
    if differences:
        raise UserError(f"{path} is not a PPLCNet of PaddleClas: {differences[0]}; name another file.")
    width = params[WIDEST].shape[0]
    if width not in SCALES:
        raise UserError(
            f"{path} is not a PPLCNet of PaddleClas: its last block has {width} channels, those published have"
            f" {', '.join(map(str, SCALES))}; name another file."
        )
    return SCALES[width]


def convert(params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors of a PPLCNet, as an LCNet with an LCNetClsHead of the default dropout has them.

    Args:
        params: {name in PaddleClas: value}, with all names of :func:`list_names`.
    """
    scaled = {**params, CLASSES: KEPT_IN_INFERENCE * params[CLASSES]}
    return {ours: scaled[theirs] for theirs, ours in list_names().items()}


def describe_network(params: Mapping[str, np.ndarray], scale: float) -> dict:
    """The network that the converted tensors belong to, as ``Architecture`` in a config.

    Args:
        params: {name in PaddleClas: value}.
        scale: what :func:`find_scale` returns.
    """
    head = {
        "name": "LCNetClsHead",
        "class_dim": int(params[CLASSES].shape[-1]),
        "hidden_channels": int(params[HIDDEN].shape[0]),
    }
    return {
        "model_type": "cls",
        "algorithm": "CLS",
        "Transform": None,
        "Backbone": {"name": "LCNet", "scale": scale, "strides": [2, 2, 2, 2], "last_pool": None},
        "Neck": None,
        "Head": head,
    }


def name_checkpoint(scale: float) -> str:
    """What the checkpoint is called, such as ``LCNet_x0_5``."""
    return f"LCNet_x{scale}".replace(".", "_")
