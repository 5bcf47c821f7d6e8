"""``build_model`` and ``apply_to_static``; stands in for ``ppocr/modeling/architectures/__init__.py``."""

import copy

from ppocrv2_ext.errors import UserError

from ...component import lookup, with_attributes
from .base_model import BaseModel

__all__ = ["apply_to_static", "build_model"]

ARCHITECTURES = {"BaseModel": BaseModel}


def build_model(config):
    """The network of the ``Architecture`` section; ``name`` may pick another class than :class:`BaseModel`."""
    config = copy.deepcopy(config)
    name = config.pop("name", None) or "BaseModel"
    return lookup("architecture", with_attributes(ARCHITECTURES, globals()), name)(config)


def apply_to_static(model, config, logger):
    """``model`` unchanged: training in static-graph mode is not part of the stand-in."""
    if config["Global"].get("to_static"):
        raise UserError(
            "`Global.to_static` must be false on the paddleocr wheel; use a clone of PaddleOCR (--paddleocr DIR)"
            " to train in static-graph mode."
        )
    return model
