"""Writes the history of a training and its report into the output folder while it goes on."""

from __future__ import annotations

import contextlib
import datetime
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import Any, NamedTuple

import paddle
import yaml

from ...checkpoints import records
from ...checkpoints.paths import SUFFIX, without_suffix
from ...config.networks import best_network, networks
from ...errors import UserError
from ...process import count_cores, read_commit
from ...report import history
from ...report.page import FILE_NAME as PAGE_NAME
from ...report.page import Samples, Subject, write_page
from ...report.waiting import advise
from ..training import watching
from ..training.resume import BEST
from .evaluated_samples import EvaluatedSamples

FIRST_STEPS = 3  # of an epoch, too few to say anything about waiting


class Description(NamedTuple):
    """What the report says about a run that the training itself does not know."""

    title: str
    command: str
    versions: Mapping[str, str]
    warnings: Sequence[str] = ()
    remarks: Sequence[str] = ()  # on the metrics of every evaluation
    reminder: str | None = None  # to say again before the first step: PaddleOCR's log of the config hid it


class Recorder(watching.Observer):
    """Writes ``history.jsonl`` and ``report.html``.

    Args:
        file: of the history; the report lies beside it.
        seconds: of training before this run.
    """

    def __init__(self, description: Description, file: Path, seconds: float = 0.0):
        self._description, self._file, self._before = description, file, seconds
        self._begun = monotonic()
        self._events: list[history.Event] = []
        self._steps: list[watching.Step] = []  # since the last line
        self._epoch_steps = 0
        self._collected: EvaluatedSamples | None = None
        self._samples: Samples | None = None
        self._has_old_best = False
        self._has_warned = False

    def record(self, event: history.Event) -> None:
        """Add a line to the history. If it cannot be written, as on a full disk, the training goes on."""
        self._events.append(event)
        try:
            history.append(self._file, event)
        except UserError as error:
            self._warn(f"{history.FILE_NAME} is not complete: {error}")

    def begin(self, training: watching.Training, watch: watching.Watch) -> None:
        """Write what is known before the first step."""
        self._training = training
        self._watch = watch
        self._interval = max(1, int(training.config["Global"]["print_batch_step"]))
        self._begun = monotonic()
        self._events = history.read_events(self._file)
        self._has_old_best = self._is_best_of_another_training(training.config["Global"].get("checkpoints"))
        self._subject = _describe(training, self._description)
        versions = {**self._description.versions, "Paddle": paddle.__version__, "Python": platform.python_version()}
        time = datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S")
        self.record(
            history.Run(
                training.first_step,
                time,
                self._description.command,
                versions,
                read_commit(),
                training.device.replace("Place", "").strip("()"),
                [*self._description.warnings, *self._description.remarks],
            )
        )
        if self._description.reminder:
            training.logger.warning(self._description.reminder)

    def step(self, step: watching.Step) -> None:
        """Write a line for every ``Global.print_batch_step`` steps."""
        self._steps.append(step)
        self._epoch_steps += 1
        if step.number % self._interval == 0:
            self._write_steps()

    def begin_evaluation(self, batches: int) -> None:
        """Forget the samples of the evaluation before."""
        with self._guarding_samples():
            transforms = getattr(self._training.validation_set, "ops", None) or ()
            self._collected = EvaluatedSamples(self._training.config, transforms)

    def results(self, results: Any, batch: Sequence[Any], files: Sequence[str]) -> None:
        """Take the samples of a batch."""
        if self._collected is not None:
            with self._guarding_samples():
                self._collected.add(results, batch, files)

    @contextlib.contextmanager
    def _guarding_samples(self) -> Iterator[None]:
        """A context in which samples are collected. What cannot be shown must not end a training."""
        try:
            yield
        except Exception as error:
            self._collected = None
            self._training.logger.warning(f"the report will show no samples of this evaluation: {error!r}")

    def evaluation(self, evaluation: watching.Evaluation) -> None:
        """Write a line, and the report as it is now. Beside the metrics the log says what they are of."""
        for remark in self._description.remarks:
            self._training.logger.warning(remark)
        position = (evaluation.step, evaluation.epoch)
        self.record(history.Evaluation(*position, self._elapsed(), evaluation.metrics, evaluation.best))
        if self._collected and self._collected.networks and (evaluation.best or self._samples is None):
            network = self._choose_network(evaluation.metrics, list(self._collected.networks))
            self._samples = Samples(evaluation.step, network, self._collected.networks[network])
        self._collected = None
        self._write_page()

    def epoch(self, epoch: watching.Epoch) -> None:
        """Write a line, and say what to do if the epoch waited for its data."""
        if self._steps:
            self._write_steps()
        waiting = epoch.waited / epoch.seconds if epoch.seconds else 0.0
        advice = None
        if self._epoch_steps > FIRST_STEPS:
            config = self._training.config
            on_cpu = paddle.get_device() == "cpu"
            advice = advise(waiting, int(config["Train"]["loader"]["num_workers"]), count_cores(), on_cpu)
        if advice:
            self._training.logger.warning(advice)
        self._epoch_steps = 0
        self.record(history.Epoch(epoch.step, epoch.number, self._elapsed(), waiting, advice))

    def end(self, outcome: watching.Outcome) -> None:
        """Write the last line and the report; say where it is, and how the training ended if not by its config."""
        if self._steps:
            self._write_steps()
        self.record(history.End(outcome.step, self._elapsed(), outcome.name, outcome.sentence))
        if outcome.name in ("stopped early", "budget spent"):
            self._training.logger.info(f"{outcome.sentence} The last checkpoint is {self._file.with_name('latest')}.")
        if not history.join_runs(self._events).evaluations:
            self._tell_whose_best(outcome.name in ("finished", "stopped early", "budget spent"))
        if self._write_page():
            self._training.logger.info(f"The report of this training is {self._file.with_name(PAGE_NAME)}.")

    def _is_best_of_another_training(self, checkpoint: str | None) -> bool:
        """Whether the folder has a ``best_accuracy``, and not of the training that begins, or goes on from a file."""
        best = self._file.with_name(BEST)
        if not self._file.with_name(BEST + SUFFIX).is_file():
            return False
        return not checkpoint or records.are_of_two_trainings(best, without_suffix(checkpoint))

    def _tell_whose_best(self, is_complete: bool) -> None:
        """Say of a training without an evaluation that ``best_accuracy`` is of another one, or is not there."""
        if self._has_old_best:
            best = "best_accuracy is of an earlier training"
        elif is_complete and not self._file.with_name(BEST + SUFFIX).is_file():
            best = "there is no best_accuracy"
        else:
            return
        advice = "; take latest" if is_complete else ""
        self._training.logger.warning(f"There was no evaluation, so {best}{advice}.")

    def _elapsed(self) -> float:
        return round(self._before + monotonic() - self._begun, 3)

    def _write_steps(self) -> None:
        steps, self._steps = self._steps, []
        terms = {term: fmean(step.terms[term] for step in steps if term in step.terms) for term in steps[-1].terms}
        waited = sum(step.waited for step in steps)
        seconds = waited + sum(step.seconds for step in steps)
        self.record(
            history.Steps(
                steps[-1].number,
                steps[-1].epoch,
                self._elapsed(),
                float(steps[-1].rate),
                {term: round(value, 6) for term, value in terms.items()},
                round(waited / seconds, 4),
                round(sum(step.samples for step in steps) / seconds, 2),
            )
        )

    def _choose_network(self, metrics: Mapping[str, float], collected: list[str | None]) -> str | None:
        """The network that would be exported now, if samples of it were collected; else the first."""
        name, _ = best_network(self._training.config, metrics)
        return name if name in collected else collected[0]

    def _write_page(self) -> bool:
        """Write the report, and return whether it is there. One that cannot be written must not end a training."""
        try:
            write_page(self._file.with_name(PAGE_NAME), self._subject, history.join_runs(self._events), self._samples)
            return True
        except (UserError, OSError) as error:
            self._warn(f"{PAGE_NAME} could not be written: {error}")
        except (ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
            self._training.logger.warning(f"{PAGE_NAME} could not be written: {error!r}")
        return False

    def _warn(self, sentence: str) -> None:
        """Say once that the files of the report cannot be written: each later line would fail in the same way."""
        if not self._has_warned:
            self._has_warned = True
            with contextlib.suppress(OSError):  # the log file may lie on the same full disk
                self._training.logger.warning(f"{sentence} The training goes on.")


def _describe(training: watching.Training, description: Description) -> Subject:
    config = training.config
    names = [name for name in networks(config["Architecture"]) if name is not None]
    # The values without a name belong to the network that PaddleOCR's metric names, or to the best one.
    main = config["Metric"].get("key") or ("best network" if names else "network")
    shown = {key: value for key, value in config.items() if key != "profiler_options"}
    return Subject(
        title=description.title,
        folder=str(Path(config["Global"]["save_model_dir"])),
        config=yaml.safe_dump(_plain(shown), sort_keys=False, allow_unicode=True, width=110),
        indicator=training.indicator,
        networks=names,
        main_network=main,
    )


def _plain(value: Any) -> Any:
    """A config as plain lists, mappings and scalars: PaddleOCR's own is a subclass of dict."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
