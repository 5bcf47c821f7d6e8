"""Optimizers over a model's trainable parameters; stands in for ``ppocr/optimizer/optimizer.py``."""

import paddle

from ppocrv2_ext.errors import UserError


def _trainable(model):
    parameters = [p for p in model.parameters() if p.trainable]
    if not parameters:
        raise UserError("there is nothing to train: every parameter of the model is frozen; unfreeze a network.")
    return parameters


class Adam:
    """Calling it with a model gives Paddle's optimizer."""

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        weight_decay=None,
        grad_clip=None,
        lazy_mode=False,
    ):
        self.options = {
            "learning_rate": learning_rate,
            "beta1": beta1,
            "beta2": beta2,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
            "grad_clip": grad_clip,
            "lazy_mode": lazy_mode,
        }

    def __call__(self, model):
        return paddle.optimizer.Adam(parameters=_trainable(model), **self.options)


class AdamW(Adam):
    """Decay is 0.01 unless given.

    It spares parameters with a word of ``no_weight_decay_name`` in their name and, with
    ``one_dim_param_no_weight_decay``, those with a single dimension.
    """

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        weight_decay=None,
        grad_clip=None,
        lazy_mode=False,
        multi_precision=False,
        no_weight_decay_name=None,
        one_dim_param_no_weight_decay=False,
    ):
        if isinstance(weight_decay, paddle.regularizer.L1Decay):
            raise UserError("optimizer 'AdamW' takes an L2 regularizer or `weight_decay`; L1 works with 'Adam'.")
        weight_decay = 0.01 if weight_decay is None else weight_decay
        super().__init__(learning_rate, beta1, beta2, epsilon, weight_decay, grad_clip, lazy_mode)
        self.options["multi_precision"] = multi_precision
        self.spared_words = (no_weight_decay_name or "").split()
        self.spare_one_dim = one_dim_param_no_weight_decay

    def __call__(self, model):
        spared = {
            p.name
            for name, p in model.named_parameters()
            if any(word in name for word in self.spared_words) or (self.spare_one_dim and p.ndim == 1)
        }
        return paddle.optimizer.AdamW(
            parameters=_trainable(model), apply_decay_param_fun=lambda name: name not in spared, **self.options
        )


class Momentum:
    """Calling it with a model gives Paddle's optimizer."""

    def __init__(self, learning_rate, momentum, weight_decay=None, grad_clip=None):
        self.options = {
            "learning_rate": learning_rate,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "grad_clip": grad_clip,
        }

    def __call__(self, model):
        return paddle.optimizer.Momentum(parameters=_trainable(model), **self.options)
