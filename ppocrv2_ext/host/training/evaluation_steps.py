"""Warn before the first step of a training that ends without an evaluation, or long after its last one.

PaddleOCR evaluates at every so many steps, and saves ``best_accuracy`` only then. With few pictures a training may end
before that. If the last evaluation is long before the end, ``best_accuracy`` cannot come from the end, which is mostly
the best where the learning rate falls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...config.stopping import read_early_stop
from ...errors import UserError
from . import ranks
from .loop import find_start

LONG_END = 0.05  # share of a training after its last evaluation that is worth a warning


class Interval(NamedTuple):
    """When a config asks for evaluations: at each ``start + n * steps`` with n >= 1."""

    key: str  # of Global, which says so
    start: int  # >= 0
    steps: int  # >= 1

    def find_next(self, step: int) -> int:
        """The first step after ``step`` with an evaluation."""
        return self.start + self.steps * (max(0, step - self.start) // self.steps + 1)


def read_interval(settings: Mapping[str, Any], steps_per_epoch: int) -> Interval:
    """What the section ``Global`` asks for, as PaddleOCR's loop reads it (``tools/program.py``)."""
    asked, epochs = settings["eval_batch_step"], settings.get("eval_batch_epoch")
    if not isinstance(asked, list):
        return Interval("eval_batch_step", 0, asked)
    if epochs:
        return Interval("eval_batch_epoch", 0, epochs * steps_per_epoch)
    return Interval("eval_batch_step", *asked)


def explain_missing(settings: Mapping[str, Any], steps_per_epoch: int, step: int, last_step: int) -> str | None:
    """Why there is no evaluation between two steps, and what to set; None if there is one.

    Args:
        settings: the section ``Global``.
        step, last_step: the steps taken so far, and those at the end of the training.
    """
    interval = read_interval(settings, steps_per_epoch)
    asked = interval.find_next(step)
    if last_step >= asked:
        return None
    advice = 1 if interval.key == "eval_batch_epoch" else f"[0,{max(1, min(steps_per_epoch, last_step))}]"
    when = "one after every epoch" if last_step >= steps_per_epoch else "one at its end"
    return (
        f"the training ends at step {last_step}, and Global.{interval.key} asks for the next evaluation at step"
        f" {asked}; set Global.{interval.key}={advice} for {when}."
    )


def explain_long_end(settings: Mapping[str, Any], steps_per_epoch: int, last_step: int) -> str | None:
    """Which last steps of a training are not evaluated, and what to set; None if they are few.

    Args:
        settings: the section ``Global``.
        last_step: the number of steps at the end of the training, which has an evaluation before.
    """
    interval = read_interval(settings, steps_per_epoch)
    span, few = last_step - interval.start, LONG_END * last_step
    rest = span % interval.steps
    if rest <= few:
        return None
    fitting = (steps for steps in range(1, min(span, 2 * interval.steps) + 1) if span % steps <= few)
    nearest = min(fitting, key=lambda steps: abs(steps - interval.steps))
    advice = 1 if interval.key == "eval_batch_epoch" else f"[{interval.start},{nearest}]"
    return (
        f"the last {rest} of {last_step} steps are not evaluated, so that best_accuracy cannot come from them; set"
        f" Global.{interval.key}={advice} to evaluate at the end too."
    )


@contextlib.contextmanager
def require_evaluation(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
    """A context of the training loop that warns, on the first rank, if it ends without an evaluation or long after it.

    A resumed training that was evaluated before is fine. ``Global.max_minutes`` can make a training shorter: what that
    means is known once the time of a step is (:class:`..observers.budget.Budget`).

    See :func:`.loop.surround` for the arguments.

    Raises:
        UserError: there will be none, and ``Global.early_stop`` waits for evaluations.
    """
    settings, before, start = given["config"]["Global"], given["pre_best_model_dict"], find_start(given)
    last_step = start.find_last_step(settings["epoch_num"])
    reason = explain_missing(settings, start.steps_per_epoch, start.global_step, last_step)
    if reason and "best_epoch" not in before and start.global_step < last_step:
        if read_early_stop(settings):
            raise UserError(f"Global.early_stop needs an evaluation, and there will be none: {reason}")
        if ranks.is_first():
            given["logger"].warning(f"there will be no evaluation and no best_accuracy of this training: {reason}")
    elif not reason and not settings.get("max_minutes") and ranks.is_first():  # a budget may change the last step
        long_end = explain_long_end(settings, start.steps_per_epoch, last_step)
        if long_end:
            given["logger"].warning(long_end)
    yield
