"""``build_model`` and ``apply_to_static``; stands in for ``ppocr/modeling/architectures/__init__.py``."""

from __future__ import annotations

import copy
import logging

from paddle import nn

from ppocrv2_ext.errors import UserError

from ...component import lookup, with_attributes
from .base_model import BaseModel

__all__ = ["apply_to_static", "build_model"]

ARCHITECTURES = {"BaseModel": BaseModel}


def build_model(config: dict) -> nn.Layer:
    """Build the model of the ``Architecture`` section, a :class:`BaseModel` unless ``name`` says otherwise.

    ``config`` is not modified.
    """
    config = copy.deepcopy(config)
    name = config.pop("name", None) or "BaseModel"
    return lookup("architecture", with_attributes(ARCHITECTURES, globals()), name)(config)


def apply_to_static(model: nn.Layer, config: dict, logger: logging.Logger) -> nn.Layer:
    """Return ``model`` as it is.

    Raises:
        UserError: ``Global.to_static`` asks for training in static-graph mode, which the stand-in does not have.
    """
    if config["Global"].get("to_static"):
        raise UserError(
            "`Global.to_static` must be false on the paddleocr wheel; use a clone of PaddleOCR (--paddleocr DIR)"
            " to train in static-graph mode."
        )
    return model
