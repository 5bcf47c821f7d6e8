"""Ends a training when its time is spent: ``Global.max_minutes``, in all runs together.

The schedule of the learning rate is fitted to the time, as "budgeted training" does (Li et al., ICLR 2020,
arXiv:1905.04753).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from ...report.history import Plan
from ..training import ranks
from ..training.evaluation_steps import explain_long_end, explain_missing
from ..training.schedule import FittedSchedule, set_rate, tabulate_schedule
from ..training.watching import Epoch, Evaluation, Observer, Outcome, Step, Training, Watch

SKIPPED_STEPS = 5  # of a run, before the time of a step is measured: kernels are compiled, readers start
MEASURED_STEPS = 20  # before the first fit
REFIT_SHARE = 0.25  # of the steps that are left, after which the fit is repeated
TOLD_CHANGE = 0.05  # relative change of the number of steps that is worth a line in the log


def find_last_step(step: int, seconds_left: float, seconds_per_step: float, last_step: int) -> int:
    """The step at which a budget is spent.

    Args:
        step: the steps taken so far.
        last_step: the step at which the training ends anyhow.
    Returns:
        A whole number in [step, last_step].
    """
    return min(last_step, step + max(0, int(seconds_left / seconds_per_step)))


class SchedulePoint(NamedTuple):
    """Where an earlier run ended in the schedule that it had fitted."""

    position: float  # in [0, 1]
    minutes: float  # of the budget that it was fitted to


class Budget(Observer):
    """Ends a training when its time is spent, and fits the schedule of the learning rate to the time.

    Rank 0 measures and says how many steps there will be. All ranks follow from the same step on.

    A resumed training goes on in the schedule where it was. If it gets more minutes than before, it goes back to
    the share of them that is used: at the end of the schedule the learning rate is about 0, and the added time would
    be wasted.

    Args:
        minutes: ``Global.max_minutes``.
        spent: seconds of earlier runs.
        point: where in the schedule an earlier run ended; None if the share of the epochs says it.
        record: takes every fit.
        is_evaluated: whether an earlier run was evaluated.
    """

    def __init__(
        self,
        minutes: float,
        spent: float = 0.0,
        point: SchedulePoint | None = None,
        record: Callable[[Plan], None] | None = None,
        is_evaluated: bool = False,
    ):
        self.minutes, self.spent, self._is_evaluated = minutes, spent, is_evaluated
        self._point, self._record = point, record
        self._begun = self._measured_from = monotonic()
        self._told: int | None = None
        self._is_due = False  # an evaluation or the end of an epoch came after the last step
        self._last = self._begun  # when the last step ended
        self._quickest = math.inf  # seconds of the quickest step
        self._pause = 0.0  # the longest time between two steps, in seconds: for an evaluation and checkpoints

    def begin(self, training: Training, watch: Watch) -> None:
        """Make the table of the schedule, and count the time from here."""
        self._training, self._watch = training, watch
        rates = tabulate_schedule(training.config["Optimizer"], training.epochs)
        self._has_schedule = rates is not None
        position = self._find_position()
        self._schedule = FittedSchedule(rates or [0.0], training.first_step, position, training.last_step)
        if self._has_schedule:  # the checkpoint holds the rate of another position
            set_rate(training.optimizer, training.schedule, self._schedule.rate(training.first_step))
        self._fit_at = training.first_step + SKIPPED_STEPS + MEASURED_STEPS
        self._begun = self._last = monotonic()
        has_run_out = self._has_schedule and position >= 1 and training.first_step < training.last_step
        if self._left() <= 0 or has_run_out:
            watch.stop("budget spent", self._spent_sentence(training.first_step))

    def step(self, step: Step) -> None:
        """Follow the last fit, and measure and fit anew when it is time."""
        taken = step.number - self._training.first_step
        self._measure(taken)
        is_fit_due = taken >= SKIPPED_STEPS + MEASURED_STEPS and (self._is_due or step.number >= self._fit_at)
        if not self._stop_if_spent(step.number) and is_fit_due and ranks.is_first():
            self._fit(step.number, (monotonic() - self._measured_from) / (taken - SKIPPED_STEPS))
        last_step = ranks.orders().get("last step")
        if last_step is not None and last_step != self._schedule.last_step:
            self._follow(step.number, last_step)
        if self._has_schedule:
            set_rate(self._training.optimizer, self._training.schedule, self._schedule.rate(step.number))

    def evaluation(self, evaluation: Evaluation) -> None:
        """Evaluations cost time too: fit anew, and take no step more if this one took all that was left."""
        self._is_due = self._is_evaluated = True
        self._stop_if_spent(evaluation.step)

    def epoch(self, epoch: Epoch) -> None:
        """Checkpoints cost time too."""
        self._is_due = True

    def end(self, outcome: Outcome) -> None:
        """Say if the training took longer than its budget: steps, an evaluation and checkpoints are not cut short."""
        minutes, has_run = self._elapsed() / 60, outcome.step > self._training.first_step
        is_whole = outcome.name in ("finished", "stopped early", "budget spent")
        if ranks.is_first() and is_whole and has_run and minutes > (1 + TOLD_CHANGE) * self.minutes:
            self._training.logger.warning(
                f"The training took {minutes:.3g} minutes, and Global.max_minutes is {self.minutes:g}: it ends between"
                " two steps, and checkpoints are written after the last one."
            )

    def _find_position(self) -> float:
        """Where in the schedule the training begins or goes on, in [0, 1]."""
        training = self._training
        share_of_epochs = training.count_epochs(training.first_step) / training.epochs
        if self._point is None:
            return share_of_epochs
        before, minutes = self._point
        if not (self._has_schedule and 0 < minutes < self.minutes):
            return before
        position = min(before, max(before * minutes / self.minutes, share_of_epochs))
        if position < before and ranks.is_first():
            training.logger.info(
                f"Global.max_minutes was {minutes:g} and is {self.minutes:g}, so the schedule of the learning rate goes"
                f" back from {before:.0%} of its way to {position:.0%}."
            )
        return position

    def _stop_if_spent(self, step: int) -> bool:
        """End the training if its time is spent. Rank 0 decides."""
        is_spent = ranks.is_first() and step < self._training.last_step and self._left() <= 0
        if is_spent:
            self._watch.stop("budget spent", self._spent_sentence(step))
        return is_spent

    def _elapsed(self) -> float:
        return self.spent + monotonic() - self._begun

    def _left(self) -> float:
        """Seconds for further steps: enough are set aside for what comes after the last one."""
        return 60 * self.minutes - self._elapsed() - self._pause

    def _measure(self, taken: int) -> None:
        """Take the time of the step that has ended. ``taken`` is the number of steps in this run."""
        now = monotonic()
        if taken > SKIPPED_STEPS:
            self._quickest = min(self._quickest, now - self._last)
            if self._is_due:
                self._pause = max(self._pause, now - self._last - self._quickest)
        self._last = now
        if taken == SKIPPED_STEPS:
            self._measured_from = now

    def _fit(self, step: int, seconds_per_step: float) -> None:
        """Tell all ranks the step at which the budget will be spent."""
        last_step = find_last_step(step, self._left(), seconds_per_step, self._training.last_step)
        ranks.order("last step", last_step)
        self._fit_at = step + max(10, int(REFIT_SHARE * (last_step - step)))
        self._is_due = False
        if self._told is None or abs(last_step - self._told) > TOLD_CHANGE * self._told:
            self._told = last_step
            self._training.logger.info(self._describe(last_step, seconds_per_step))
            self._warn_of_evaluations(step, last_step)

    def _follow(self, step: int, last_step: int) -> None:
        """Let the schedules and the training end at another step."""
        self._schedule.fit(step, last_step)
        if hasattr(self._training.decay_schedule, "total_steps"):
            self._training.decay_schedule.total_steps = last_step
        if self._record:
            self._record(Plan(step, self._elapsed(), self._schedule.position(step), last_step, self.minutes))
        ends_early = last_step < self._training.last_step
        self._watch.last_step = last_step if ends_early else None
        self._watch.outcome = ("budget spent", self._spent_sentence(last_step)) if ends_early else None

    def _describe(self, last_step: int, seconds_per_step: float) -> str:
        said = f"Global.max_minutes={self.minutes:g}: a step takes {seconds_per_step:.3g} s with all that goes with it"
        if last_step >= self._training.last_step:
            return f"{said}, so all {last_step} steps of the config fit into the time."
        epochs = self._training.count_epochs(last_step)
        fitted = "; the schedule of the learning rate is fitted to them" if self._has_schedule else ""
        return f"{said}, so training ends after {last_step} steps, which are {epochs:.3g} epochs{fitted}."

    def _warn_of_evaluations(self, step: int, last_step: int) -> None:
        """Say if none will take place, or none near the end, now that the end is known."""
        training = self._training
        settings, steps_per_epoch = training.config["Global"], training.steps_per_epoch
        reason = explain_missing(settings, steps_per_epoch, step, last_step)
        long_end = None if reason else explain_long_end(settings, steps_per_epoch, last_step)
        if reason and not self._is_evaluated:
            training.logger.warning(f"there will be no evaluation and no best_accuracy of this training: {reason}")
        elif long_end:
            training.logger.warning(long_end)

    def _spent_sentence(self, step: int) -> str:
        return (
            f"The time of Global.max_minutes={self.minutes:g} is spent after step {step}; with a larger number --resume"
            " goes on."
        )
