"""Learning rates over the steps of a run; stands in for ``ppocr/optimizer/learning_rate.py``.

Keys count in epochs. Every schedule rises linearly from 0 over ``warmup_epoch``; its own clock starts after that, as in
stock, so that a decay with a warm-up ends a little above its end.
"""

from paddle.optimizer import lr

from ppocrv2_ext.errors import UserError


def _number(key, value):
    """``value`` as a float; YAML 1.1 reads 1e-3 as text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"`Optimizer.lr.{key}` must be a number, got {value!r}.") from None


class _Schedule:
    """What the schedules share: the run's length, and the warm-up to ``learning_rate``."""

    def __init__(self, learning_rate, epochs, step_each_epoch, warmup_epoch=0):
        self.learning_rate = _number("learning_rate", learning_rate)
        self.steps = epochs * step_each_epoch
        self.warmup_steps = round(_number("warmup_epoch", warmup_epoch) * step_each_epoch)

    def decay(self):
        raise NotImplementedError

    def __call__(self):
        if self.warmup_steps <= 0:
            return self.decay()
        return lr.LinearWarmup(self.decay(), self.warmup_steps, start_lr=0.0, end_lr=self.learning_rate)


class Const(_Schedule):
    """One value; a float unless there is a warm-up."""

    def decay(self):
        return self.learning_rate


class Cosine(_Schedule):
    """Half a cosine from ``learning_rate`` to 0."""

    def decay(self):
        return lr.CosineAnnealingDecay(self.learning_rate, T_max=self.steps)


class Linear(_Schedule):
    """``learning_rate`` to ``end_lr`` along (1 - progress)^``power``."""

    def __init__(self, learning_rate, epochs, step_each_epoch, end_lr=0.0, power=1.0, warmup_epoch=0):
        super().__init__(learning_rate, epochs, step_each_epoch, warmup_epoch)
        self.end_lr = _number("end_lr", end_lr)
        self.power = _number("power", power)

    def decay(self):
        return lr.PolynomialDecay(self.learning_rate, self.steps, end_lr=self.end_lr, power=self.power)


class Piecewise(_Schedule):
    """``values[i]`` until ``decay_epochs[i]``, the last value from there on."""

    def __init__(self, epochs, step_each_epoch, decay_epochs, values, warmup_epoch=0):
        if len(values) != len(decay_epochs) + 1:
            raise UserError(
                f"`Optimizer.lr.values` needs one entry more than `decay_epochs`, got {values!r} and {decay_epochs!r}."
            )
        super().__init__(values[0], epochs, step_each_epoch, warmup_epoch)
        self.boundaries = [step_each_epoch * epoch for epoch in decay_epochs]
        self.values = [_number("values", value) for value in values]

    def decay(self):
        return lr.PiecewiseDecay(self.boundaries, self.values)
