"""``build_optimizer``; stands in for ``ppocr/optimizer/__init__.py`` of PaddleOCR 2.10."""

from __future__ import annotations

import copy

import paddle
from paddle import nn
from paddle.optimizer.lr import LRScheduler

from ppocrv2_ext.errors import UserError

from ..component import build_component
from .learning_rate import Const, Cosine, Piecewise
from .optimizer import Adam, AdamW
from .regularizer import L2Decay

__all__ = ["build_optimizer"]

LEARNING_RATES = {"Const": Const, "Cosine": Cosine, "Piecewise": Piecewise}
REGULARIZERS = {"L2": L2Decay, "L2Decay": L2Decay}
OPTIMIZERS = {"Adam": Adam, "AdamW": AdamW}
# The first one takes a tensor of gradients whose norm is larger down to it; the second one takes all of them together.
CLIPPINGS = {"clip_norm": nn.ClipGradByNorm, "clip_norm_global": nn.ClipGradByGlobalNorm}


def build_optimizer(
    config: dict, epochs: int, step_each_epoch: int, model: nn.Layer
) -> tuple[paddle.optimizer.Optimizer, LRScheduler | float]:
    """Build the optimizer of the ``Optimizer`` section for the trainable parameters of ``model``.

    A parameter's own regularizer, such as the CTC head's ``fc_decay``, wins over the config's. Gradients are clipped
    before any decay is added to them.

    Returns:
        (optimizer, learning rate). The learning rate is a scheduler to step once per batch, or a float for ``Const``
        without a warm-up. PaddleOCR 2.10 returns these two; later versions return three values.
    Raises:
        UserError: a name, a key or a value is wrong, or every parameter of the model is frozen.
    """
    config = copy.deepcopy(config)
    learning_rate = _build_learning_rate(config.pop("lr", None), epochs, step_each_epoch)
    weight_decay, regularizer = config.pop("weight_decay", None), config.pop("regularizer", None)
    if regularizer is not None:
        if weight_decay is not None:
            raise UserError("`Optimizer` takes `regularizer` or `weight_decay`, not both; remove one.")
        weight_decay = build_component("regularizer", REGULARIZERS, regularizer)()
    clipping = _build_clipping({key: config.pop(key) for key in CLIPPINGS if key in config})
    options = {"learning_rate": learning_rate}
    if weight_decay is not None:
        options["weight_decay"] = weight_decay
    return build_component("optimizer", OPTIMIZERS, {**config, **options})(model, clipping), learning_rate


def _build_clipping(norms: dict) -> nn.ClipGradBase | None:
    """Paddle's clipping of the gradients for ``{"clip_norm": 5}``; None for a config without one."""
    given = {key: norm for key, norm in norms.items() if norm is not None}
    if len(given) > 1:
        raise UserError("`Optimizer` takes `clip_norm` or `clip_norm_global`, not both; remove one.")
    return next((CLIPPINGS[key](clip_norm=norm) for key, norm in given.items()), None)


def _build_learning_rate(config: dict | None, epochs: int, step_each_epoch: int) -> LRScheduler | float:
    """The schedule of ``Optimizer.lr``; without a ``name`` it is ``Const``."""
    if not isinstance(config, dict):
        raise UserError(f"`Optimizer.lr` must be a mapping such as {{learning_rate: 0.001}}, got {config!r}.")
    length = {"epochs": epochs, "step_each_epoch": step_each_epoch}
    return build_component("learning rate", LEARNING_RATES, {"name": "Const", **config, **length})()
