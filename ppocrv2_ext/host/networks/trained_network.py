"""A trained network in evaluation mode, and the device it runs on, for commands that no script of PaddleOCR runs."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

import paddle

from ...config.networks import networks
from ...process import count_ranks

# The classes that each branch of a MultiHead has beside those of CTC, as PaddleOCR's `tools/train.py` counts them.
MORE_CLASSES = {"CTCLabelDecode": 0, "SARLabelDecode": 2, "NRTRLabelDecode": 3}
DEVICES = ("gpu", "xpu", "npu", "mlu", "gcu")  # for Global.use_gpu and so on; the CPU if none of them is true


def init_device(settings: dict) -> tuple[int, int]:
    """Choose the device and join the other processes of a distributed run.

    Args:
        settings: the section ``Global``.
    Returns:
        (rank of this process, number of processes)
    """
    device = next((kind for kind in DEVICES if settings.get(f"use_{kind}")), None)
    paddle.set_device(f"{device}:{os.environ.get(f'FLAGS_selected_{device}s', 0)}" if device else "cpu")
    if count_ranks() > 1:
        paddle.distributed.init_parallel_env()
    return paddle.distributed.get_rank(), paddle.distributed.get_world_size()


def with_classes(head: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """The section of a recognizer's head, for so many classes of CTC."""
    if head.get("name") == "MultiHead":
        return {**head, "out_channels_list": {decoder: classes + more for decoder, more in MORE_CLASSES.items()}}
    return {**head, "out_channels": classes}


def load_trained_network(config: dict, classes: int, name: str | None = None) -> paddle.nn.Layer:
    """The recognizer of a config, in evaluation mode, with the weights that ``Global`` names.

    Args:
        classes: of every head, as CTC counts them.
        name: a network in ``Architecture.Models``; None if there is a single network.
    """
    from ppocr.modeling.architectures import build_model
    from ppocr.utils.save_load import load_model

    config = copy.deepcopy(config)
    architecture = config["Architecture"]
    for network in networks(architecture).values():
        network["Head"] = with_classes(network["Head"], classes)
    model = build_model(architecture)
    load_model(config, model, model_type=architecture["model_type"])
    model.eval()
    return model if name is None else getattr(model, name)
