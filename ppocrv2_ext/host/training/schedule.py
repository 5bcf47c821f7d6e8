"""The schedule of the learning rate that a config asks for: its state at any step, and how it is fitted to others."""

from __future__ import annotations

import functools
import inspect
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import paddle
from paddle.optimizer.lr import LRScheduler

from ...checkpoints import pickles
from ...checkpoints.paths import with_suffix
from ...checkpoints.records import Position
from ...errors import UserError

SCHEDULE_POINTS = 10_000  # of the table of learning rates


def build_schedule(optimizer: dict, epochs: int, steps_per_epoch: int) -> LRScheduler | float:
    """A new schedule, as PaddleOCR builds it; a number if the rate is one.

    Args:
        optimizer: the section ``Optimizer``.
        epochs: ``Global.epoch_num``, in which warm-up and boundaries are given.
    """
    from ppocr.optimizer import build_optimizer

    with paddle.utils.unique_name.guard():  # the names of the network that is trained stay as they are
        return build_optimizer(optimizer, epochs, steps_per_epoch, paddle.nn.Linear(1, 1))[1]


def tabulate_schedule(optimizer: dict, epochs: int) -> list[float] | None:
    """The learning rates of a config at about :data:`SCHEDULE_POINTS` equal distances, from its beginning to its end.

    Args:
        optimizer: the section ``Optimizer``.
        epochs: ``Global.epoch_num``, in which warm-up and boundaries are given.
    Returns:
        None if the rate is one number.
    """
    steps_per_epoch = max(1, math.ceil(SCHEDULE_POINTS / epochs))
    schedule = build_schedule(optimizer, epochs, steps_per_epoch)
    if isinstance(schedule, float):
        return None
    rates = []
    for _ in range(steps_per_epoch * epochs):
        rates.append(float(schedule()))
        schedule.step()
    return rates


def leave_other_schedule(load_model: Callable) -> Callable:
    """PaddleOCR's ``load_model``, which restores no schedule of the learning rate from one of another form.

    A schedule with a warm-up holds the schedule after it, and Paddle restores both or fails. A rate that is a number
    has no state at all. Which form a config gives also depends on the length of an epoch: a warm-up of 0.2 epochs is
    none where an epoch has two steps. :func:`move_schedule` puts the schedule in its place anyhow.
    """

    @functools.wraps(load_model)
    def load(*arguments: Any, **options: Any) -> dict:
        given = inspect.signature(load_model).bind(*arguments, **options).arguments
        optimizer, checkpoint = given.get("optimizer"), given["config"]["Global"].get("checkpoints")
        if optimizer is None or not checkpoint or not isinstance(optimizer._learning_rate, LRScheduler):
            return load_model(*arguments, **options)
        schedule, state = optimizer._learning_rate, _read_optimizer_state(checkpoint)
        if not state or _has_form(state.get("LR_Scheduler"), schedule.state_dict()):
            return load_model(*arguments, **options)
        optimizer._learning_rate = float(schedule())  # for a number Paddle restores nothing
        try:
            return load_model(*arguments, **options)
        finally:
            optimizer._learning_rate = schedule

    return load


def _read_optimizer_state(checkpoint: str) -> dict | None:
    """The content of ``.pdopt``; None if it is none, which is told by who loads it."""
    file = with_suffix(checkpoint).with_suffix(".pdopt")
    try:
        state = pickles.read(file) if file.is_file() else None
    except UserError:
        return None
    return state if isinstance(state, dict) else None


def _has_form(state: Any, own: Mapping[str, Any]) -> bool:
    """Whether a state of a schedule has the names of ``own``, and so have the states in it."""
    if not isinstance(state, dict) or state.keys() != own.keys():
        return False
    return all(_has_form(state[key], value) for key, value in own.items() if isinstance(value, dict))


def count_schedule_steps(place: Position) -> int:
    """The steps that a schedule of epochs of this length has taken at a place of a training."""
    # On Windows PaddleOCR's loop leaves the last batch of an epoch out.
    in_an_epoch = place.steps_per_epoch - (platform.system() == "Windows")
    return (place.epoch - 1) * in_an_epoch + place.step


def move_schedule(schedule: Any, optimizer: dict, epochs: int, place: Position) -> None:
    """Let a schedule go on as if all epochs before a place had been taken with it.

    The state in a checkpoint is the number of steps and the last rate. Both are of the schedule and of the length of an
    epoch that the training had then, and Paddle goes on from them whatever the schedule is now.

    Args:
        schedule: what PaddleOCR has built and restored. A number needs nothing.
        optimizer, epochs: as for :func:`build_schedule`.
    """
    if not isinstance(schedule, LRScheduler):
        return
    moved = build_schedule(optimizer, epochs, place.steps_per_epoch)
    assert isinstance(moved, LRScheduler)
    for _ in range(count_schedule_steps(place)):  # the rate of some is made from the one before
        moved.step()
    schedule.set_state_dict(moved.state_dict())


class FittedSchedule:
    """A schedule of the learning rate over another number of steps than it was made for.

    The position in the schedule goes from 0 to 1. It rises by equal amounts to 1 at the last step. A new last step
    changes the amount, and never the position, so the learning rate has no jump.

    Args:
        rates: the learning rate at equal distances of the position.
        step: the present step.
        position: of this step, in [0, 1].
        last_step: the step at which the position is 1.
    """

    def __init__(self, rates: Sequence[float], step: int, position: float, last_step: int):
        self.rates = rates
        self._step, self._position, self.last_step = step, position, last_step

    def position(self, step: int) -> float:
        """The position of a step from the present one on."""
        left = self.last_step - self._step
        return min(1.0, self._position + (1 - self._position) * (step - self._step) / left) if left > 0 else 1.0

    def rate(self, step: int) -> float:
        """The learning rate of the step that comes after ``step`` steps."""
        return self.rates[min(int(self.position(step) * len(self.rates)), len(self.rates) - 1)]

    def fit(self, step: int, last_step: int) -> None:
        """Let the schedule end at another step."""
        self._step, self._position, self.last_step = step, self.position(step), last_step


def set_rate(optimizer: Any, schedule: Any, rate: float) -> None:
    """Let the next step have this learning rate, whatever the schedule says."""
    if isinstance(schedule, float):
        optimizer.set_lr(rate)
    else:
        schedule.last_lr = rate
