"""A progress bar in place of PaddleOCR's lines, where standard output is a terminal. The log file keeps the lines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from ..training.watching import Epoch, Evaluation, Observer, Outcome, Step, Training, Watch

SMOOTHING = 0.05  # weight of a new step in the rate and in the losses
TERMS_SHOWN = 4


def is_progress_line(record: logging.LogRecord) -> bool:
    """Whether a line of PaddleOCR's log says what the bar shows."""
    return record.getMessage().startswith("epoch: [")


def format_time(seconds: float) -> str:
    """ "1:02:03" or "2:03"."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def describe_losses(terms: Mapping[str, float]) -> str:
    """ "loss 1.23  ctc 1.10": the sum first, at most :data:`TERMS_SHOWN` of them."""
    order = sorted(terms, key=lambda term: term != "loss")
    return "  ".join(f"{term} {terms[term]:.4g}" for term in order[:TERMS_SHOWN])


class _Column(ProgressColumn):
    """Text that a task carries under a name."""

    def __init__(self, field: str, style: str = ""):
        self._field, self._style = field, style
        super().__init__()

    def render(self, task: Task) -> Text:
        return Text(task.fields.get(self._field, ""), style=self._style)


class ProgressBar(Observer):
    """Shows a bar over all steps with the rate, the time that is left, the losses and the best metric.

    Args:
        console: where to draw; None for standard output.
    """

    def __init__(self, console: Console | None = None):
        self._console = console or Console(file=sys.stdout)
        self._progress: Progress | None = None
        self._evaluation_task: TaskID | None = None
        self._streams: list[tuple[logging.StreamHandler, Any]] = []

    def begin(self, training: Training, watch: Watch) -> None:
        """Draw the bar, and let the log write above it."""
        self._training, self._watch = training, watch
        self._losses: dict[str, float] = {}
        self._seconds_per_step = self._speed = 0.0
        self._best = "" if training.first_step == 0 else f"best {training.indicator} {training.best:.4g}"
        self._last = monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=24), _Column("count"), _Column("speed", "cyan"),
            _Column("left", "cyan"), _Column("losses"), _Column("best", "green"),
            console=self._console, refresh_per_second=4,
        )  # fmt: skip
        self._task = self._progress.add_task("training", total=training.last_step, completed=training.first_step)
        self._progress.start()
        self._redirect(training.logger)

    def step(self, step: Step) -> None:
        """Move the bar on."""
        now = monotonic()
        seconds, self._last = now - self._last, now
        # The first step of a run compiles kernels and starts readers: the second one takes its place.
        weight = 1.0 if step.number <= self._training.first_step + 2 else SMOOTHING
        self._seconds_per_step += weight * (seconds - self._seconds_per_step)
        self._speed += weight * (step.samples / max(seconds, 1e-9) - self._speed)
        for term, value in step.terms.items():
            before = self._losses.get(term, value)
            self._losses[term] = before + SMOOTHING * (value - before)
        total = self._watch.last_step or self._training.last_step
        self._show(
            total=total,
            completed=step.number,
            description=f"epoch {step.epoch}/{self._training.epochs}",
            count=f"{step.number}/{total}",
            speed=f"{self._speed:.3g} samples/s",
            left=f"{format_time((total - step.number) * self._seconds_per_step)} left",
            losses=describe_losses(self._losses),
            best=self._best,
        )

    def begin_evaluation(self, batches: int) -> None:
        """Show a second bar for the evaluation."""
        if self._progress:
            self._evaluation_task = self._progress.add_task("evaluation", total=batches)

    def results(self, results: object, batch: object, files: object) -> None:
        """Move the second bar on."""
        if self._progress and self._evaluation_task is not None:
            self._progress.advance(self._evaluation_task)

    def evaluation(self, evaluation: Evaluation) -> None:
        """Show the best metric, and remove the second bar."""
        self._best = f"best {self._training.indicator} {self._watch.best:.4g}"
        if self._progress and self._evaluation_task is not None:
            self._progress.remove_task(self._evaluation_task)
            self._evaluation_task = None
        self._show(best=self._best)

    def epoch(self, epoch: Epoch) -> None:
        """What comes between two epochs does not count for the rate."""
        self._last = monotonic()

    def end(self, outcome: Outcome) -> None:
        """Leave the bar as it is and give the log its stream back."""
        for handler, stream in self._streams:
            handler.removeFilter(_hide_progress_lines)
            handler.setStream(stream)
        self._streams = []
        if self._progress:
            self._progress.stop()

    def _show(self, **fields: object) -> None:
        if self._progress:
            self._progress.update(self._task, **fields)  # type: ignore[arg-type]

    def _redirect(self, logger: logging.Logger) -> None:
        """Let the handlers that write to the terminal write above the bar, without the lines that it replaces."""
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                self._streams.append((handler, handler.stream))
                handler.setStream(sys.stdout)  # which is the bar's by now
                handler.addFilter(_hide_progress_lines)


def _hide_progress_lines(record: logging.LogRecord) -> bool:
    return not is_progress_line(record)
