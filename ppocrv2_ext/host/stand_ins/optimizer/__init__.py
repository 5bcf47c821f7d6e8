"""``build_optimizer``; stands in for ``ppocr/optimizer/__init__.py`` of PaddleOCR 2.10."""

import copy

import paddle

from ppocrv2_ext.errors import UserError

from ..component import build_component
from .learning_rate import Const, Cosine, Linear, Piecewise
from .optimizer import Adam, AdamW, Momentum
from .regularizer import L1Decay, L2Decay

__all__ = ["build_optimizer"]

LEARNING_RATES = {"Const": Const, "Cosine": Cosine, "Linear": Linear, "Piecewise": Piecewise}
REGULARIZERS = {"L1": L1Decay, "L1Decay": L1Decay, "L2": L2Decay, "L2Decay": L2Decay}
OPTIMIZERS = {"Adam": Adam, "AdamW": AdamW, "Momentum": Momentum}
CLIPS = {"clip_norm": paddle.nn.ClipGradByNorm, "clip_norm_global": paddle.nn.ClipGradByGlobalNorm}


def build_optimizer(config, epochs, step_each_epoch, model):
    """Optimizer and learning rate of the ``Optimizer`` section, for the trainable parameters of ``model``.

    A parameter's own regularizer (BatchNorm of LCNet, the CTC head's ``fc_decay``) wins over the config's.

    Returns:
        (optimizer, learning rate): the latter a scheduler to step once per batch, or a float for ``Const`` without
        warm-up. Two values as 2.10 has it; later versions of PaddleOCR return three.
    """
    config = copy.deepcopy(config)
    learning_rate = build_lr_scheduler(config.pop("lr", None), epochs, step_each_epoch)
    key, weight_decay = _pop_either(config, "regularizer", "weight_decay")
    if key == "regularizer":
        weight_decay = build_component("regularizer", REGULARIZERS, weight_decay)()
    key, limit = _pop_either(config, "clip_norm", "clip_norm_global")
    given = {
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "grad_clip": CLIPS[key](limit) if key else None,
    }
    return build_component("optimizer", OPTIMIZERS, {**config, **given})(model), learning_rate


def build_lr_scheduler(config, epochs, step_each_epoch):
    """The schedule of ``Optimizer.lr``, ``Const`` unless it has a ``name``."""
    if not isinstance(config, dict):
        raise UserError(f"`Optimizer.lr` must be a mapping such as {{learning_rate: 0.001}}, got {config!r}.")
    run = {"epochs": epochs, "step_each_epoch": step_each_epoch}
    return build_component("learning rate", LEARNING_RATES, {"name": "Const", **config, **run})()


def _pop_either(config, first, second):
    """(key, value) of whichever of two keys the config has, (None, None) for neither; both are an error."""
    values = [(key, config.pop(key, None)) for key in (first, second)]
    given = [(key, value) for key, value in values if value is not None]
    if len(given) > 1:
        raise UserError(f"`Optimizer` takes `{first}` or `{second}`, not both; remove one.")
    return given[0] if given else (None, None)
