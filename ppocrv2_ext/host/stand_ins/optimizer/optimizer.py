"""Optimizers over the trainable parameters of a model; stands in for ``ppocr/optimizer/optimizer.py``."""

from __future__ import annotations

import paddle
from paddle import nn
from paddle.optimizer.lr import LRScheduler

from ppocrv2_ext.errors import UserError


def _trainable_parameters(model: nn.Layer) -> list[paddle.Tensor]:
    parameters = [p for p in model.parameters() if p.trainable]
    if not parameters:
        raise UserError("there is nothing to train: every parameter of the model is frozen; unfreeze a network.")
    return parameters


class Adam:
    """Adam (Kingma and Ba, ICLR 2015). Call it with a model to get Paddle's optimizer.

    Args:
        learning_rate: A number or a scheduler.
        beta1, beta2: Decay of the two running means per step, in [0, 1).
        epsilon: Keeps the division by the root of the second mean finite.
        weight_decay: L2 decay: ``weight_decay`` * weight is added to the gradient; None for no decay.
    """

    def __init__(
        self,
        learning_rate: LRScheduler | float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float | None = None,
    ):
        self.options = {
            "learning_rate": learning_rate,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }

    def __call__(self, model: nn.Layer, clipping: nn.ClipGradBase | None = None) -> paddle.optimizer.Optimizer:
        return paddle.optimizer.Adam(parameters=_trainable_parameters(model), grad_clip=clipping, **self.options)


class AdamW:
    """AdamW (Loshchilov and Hutter, ICLR 2019). Call it with a model to get Paddle's optimizer.

    Args:
        learning_rate: A number or a scheduler.
        beta1, beta2: Decay of the two running means per step, in [0, 1).
        weight_decay: Each step also subtracts learning rate * ``weight_decay`` * weight.
        one_dim_param_no_weight_decay: Leave parameters with a single dimension, such as biases, out of the decay.
    """

    def __init__(
        self,
        learning_rate: LRScheduler | float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        weight_decay: float = 0.01,
        one_dim_param_no_weight_decay: bool = False,
    ):
        self.options = {
            "learning_rate": learning_rate,
            "beta1": beta1,
            "beta2": beta2,
            "weight_decay": weight_decay,
        }
        self.one_dim_param_no_weight_decay = one_dim_param_no_weight_decay

    def __call__(self, model: nn.Layer, clipping: nn.ClipGradBase | None = None) -> paddle.optimizer.Optimizer:
        no_decay = {p.name for p in model.parameters() if self.one_dim_param_no_weight_decay and p.ndim == 1}
        return paddle.optimizer.AdamW(
            parameters=_trainable_parameters(model),
            grad_clip=clipping,
            apply_decay_param_fun=lambda name: name not in no_decay,
            **self.options,
        )
