"""The schedule of the learning rate that a config asks for, and its state at any step."""

from __future__ import annotations

import platform
from typing import Any

import paddle
from paddle.optimizer.lr import LRScheduler

from ...checkpoints.sets import Position


def build_schedule(optimizer: dict, epochs: int, steps_per_epoch: int) -> LRScheduler | float:
    """A new schedule, as PaddleOCR builds it; a number if the rate is one.

    Args:
        optimizer: the section ``Optimizer``.
        epochs: ``Global.epoch_num``, in which warm-up and boundaries are given.
    """
    from ppocr.optimizer import build_optimizer

    with paddle.utils.unique_name.guard():  # the names of the network that is trained stay as they are
        return build_optimizer(optimizer, epochs, steps_per_epoch, paddle.nn.Linear(1, 1))[1]


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
