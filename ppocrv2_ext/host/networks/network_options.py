"""The options of ``Architecture``, or of one of its ``Models``, that PaddleOCR's ``build_model`` does not know.

- ``merged``, ``restore_norm``: the form of the network (:mod:`.merging`)
- ``freeze_norm``: its BatchNorm computes in training what it computes in evaluation
- ``frames_by_width``: its frames follow the width of the image (:mod:`.frames_by_width`)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from paddle import nn

from ...config.names import FORM_OPTIONS
from ...config.networks import name_section, networks
from ...errors import UserError
from ...plugins.fast_cpu.layers import speed_up
from ...plugins.frozen_norm import freeze_norm
from ...registry import ARCHITECTURES
from .frames_by_width import follow_width
from .merging import merge
from .save_load import moving_class_rows


def extend_networks(build_model: Callable) -> Callable:
    """PaddleOCR's ``build_model``, whose networks do what these options say, with the fast kernels on a CPU.

    Raises (the new function):
        UserError: an option would change nothing, or the architecture does not take it.
    """

    @functools.wraps(build_model)
    def build(config: dict) -> nn.Layer:
        _refuse_forms_of_members(config)
        with moving_class_rows(config):
            model = build_model({key: value for key, value in config.items() if key not in FORM_OPTIONS})
        merge(model, config)
        for name, section in networks(config).items():
            network = model if name is None else getattr(model, name)
            if section.get("freeze_norm", False):
                freeze_norm(network)
            if section.get("frames_by_width", False):
                follow_width(network, section, name_section(name))
        speed_up(model)
        return model

    return build


def _refuse_forms_of_members(config: dict[str, Any]) -> None:
    """Networks of one model are merged before they load their weights, which only our architecture does."""
    if config.get("name") in ARCHITECTURES:
        return
    for name, network in (config.get("Models") or {}).items():
        for option in FORM_OPTIONS:
            if network.get(option):
                raise UserError(f"{name_section(name)}.{option} needs `Architecture.name: CollaborativeModel`.")
