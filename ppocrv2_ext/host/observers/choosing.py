"""Chooses the observers of a training: its history and report, progress, early stop and budget of time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ...config.stopping import read_early_stop
from ...report import history
from ..training import ranks
from ..training.watching import Observer, Training
from .budget import Budget, SchedulePoint
from .early_stopping import EarlyStopping
from .progress import ProgressBar
from .recording import Description, Recorder
from .visualdl import VisualDL, is_wanted


def choose_observers(description: Description, training: Training) -> list[Observer]:
    """The observers of a training. On other ranks than the first, only what every rank must follow."""
    settings = training.config["Global"]
    file = Path(settings["save_model_dir"]) / history.FILE_NAME
    before = history.read(file, until=training.first_step) if training.first_step else history.read(os.devnull)
    is_first = ranks.is_first()
    recorder = Recorder(description, file, before.seconds)
    observers: list[Observer] = []
    minutes, rule = settings.get("max_minutes"), read_early_stop(settings)
    if minutes is not None:
        plan = before.plans[-1] if before.plans else None
        point = SchedulePoint(_find_position(training.first_step, plan), plan.minutes) if plan else None
        record = recorder.record if is_first else None
        observers.append(Budget(minutes, before.seconds, point, record, bool(before.evaluations)))
    if not is_first:
        return observers
    if rule is not None:
        indicator = training.indicator
        values = [each.metrics[indicator] for each in before.evaluations if indicator in each.metrics]
        observers.append(EarlyStopping(rule, values))
    observers.append(recorder)
    if is_wanted(settings):
        observers.append(VisualDL(settings["save_model_dir"]))
    if sys.stdout.isatty():
        observers.append(ProgressBar())
    return observers


def _find_position(step: int, plan: history.Plan) -> float:
    """The position in the schedule, in [0, 1], of a training that goes on from a step of an earlier plan."""
    share = (step - plan.step) / max(1, plan.last_step - plan.step)
    return min(1.0, plan.position + (1 - plan.position) * share)
