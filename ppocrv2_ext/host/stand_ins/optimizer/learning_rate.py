"""Learning rates over the steps of a training; stands in for ``ppocr/optimizer/learning_rate.py``.

The keys of a config count in epochs. Every schedule starts with a linear warm-up from 0 to ``learning_rate`` that takes
``warmup_epoch`` epochs. As in PaddleOCR, the decay is counted from the end of the warm-up but is as long as the whole
training, so that with a warm-up a training stops a little before the end of its decay.
"""

from __future__ import annotations

from typing import Any

from paddle.optimizer import lr

from ppocrv2_ext.errors import UserError


def _to_number(key: str, value: Any) -> float:
    """``value`` as a float; YAML 1.1 reads 1e-3 as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"`Optimizer.lr.{key}` must be a number, got {value!r}.") from None


class _Schedule:
    """What the schedules share: the number of steps and the warm-up."""

    def __init__(self, learning_rate: float, epochs: int, step_each_epoch: int, warmup_epoch: float = 0):
        self.learning_rate = _to_number("learning_rate", learning_rate)
        self.steps = epochs * step_each_epoch
        self.warmup_steps = round(_to_number("warmup_epoch", warmup_epoch) * step_each_epoch)

    def decay(self) -> lr.LRScheduler | float:
        """The learning rate after the warm-up."""
        raise NotImplementedError

    def __call__(self) -> lr.LRScheduler | float:
        """The learning rate of the whole training."""
        if self.warmup_steps <= 0:
            return self.decay()
        return lr.LinearWarmup(self.decay(), self.warmup_steps, start_lr=0.0, end_lr=self.learning_rate)


class Const(_Schedule):
    """``learning_rate`` at every step; a float unless there is a warm-up."""

    def decay(self) -> float:
        return self.learning_rate


class Cosine(_Schedule):
    """Half a cosine from ``learning_rate`` to 0."""

    def decay(self) -> lr.LRScheduler:
        return lr.CosineAnnealingDecay(self.learning_rate, T_max=self.steps)


class Piecewise(_Schedule):
    """``values[i]`` until epoch ``decay_epochs[i]``, which need not be a whole number, then the last of ``values``."""

    def __init__(
        self,
        epochs: int,
        step_each_epoch: int,
        decay_epochs: list[float],
        values: list[float],
        warmup_epoch: float = 0,
    ):
        if len(values) != len(decay_epochs) + 1:
            raise UserError(
                f"`Optimizer.lr.values` needs one entry more than `decay_epochs`, got {values!r} and {decay_epochs!r}."
            )
        super().__init__(values[0], epochs, step_each_epoch, warmup_epoch)
        self.boundaries = [step_each_epoch * epoch for epoch in decay_epochs]
        self.values = [_to_number("values", value) for value in values]

    def decay(self) -> lr.LRScheduler:
        return lr.PiecewiseDecay(self.boundaries, self.values)
