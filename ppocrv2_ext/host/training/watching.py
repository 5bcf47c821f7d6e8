"""What happens in PaddleOCR's training loop, told to observers. They can also end the training.

The loop stays PaddleOCR's. It gets a loader, a metric and three functions that tell what passes through them. When an
observer ends the training, the loader has no more batches: the loop ends its epoch and saves, as after any epoch. The
next epoch does not begin.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from ...interrupts import Interrupted
from . import ranks
from .loop import PassingLoader, TrainingContext, find_start, pass_batches, replace_names


class TrainingEnd(Exception):  # noqa: N818  (nothing has gone wrong)
    """Leaves PaddleOCR's loop where a further epoch would begin."""


class Training(NamedTuple):
    """What a training begins with."""

    config: dict
    logger: Any
    device: str
    first_step: int  # steps taken before; 0 for a new training
    first_epoch: int  # from 1
    epochs: int
    steps_per_epoch: int  # of this run; earlier runs may have had epochs of another length
    last_step: int  # at which the training ends by its config
    indicator: str  # the metric that decides
    best: float  # its best value so far
    model: Any
    optimizer: Any
    schedule: Any  # of the learning rate: Paddle's LRScheduler, or a number
    decay_schedule: Any  # of the weight decay, or None
    validation_set: Any  # PaddleOCR's dataset, or None

    def count_epochs(self, step: int) -> float:
        """The epochs that are taken after a step of this run. A part of an epoch counts as its share."""
        return self.epochs - (self.last_step - step) / self.steps_per_epoch


class Step(NamedTuple):
    """A step that was taken."""

    number: int  # from 1
    epoch: int
    terms: Mapping[str, float]  # of the loss
    rate: float  # learning rate of the step
    samples: int
    waited: float  # seconds for the batch
    seconds: float  # from the batch to the end of the step


class Evaluation(NamedTuple):
    """An evaluation that has ended. It takes place on rank 0 only."""

    step: int
    epoch: int
    metrics: Mapping[str, float]
    best: bool  # whether none was better before


class Epoch(NamedTuple):
    """An epoch that has ended."""

    step: int
    number: int
    waited: float  # seconds, of all its steps
    seconds: float  # of its steps, without evaluations


class Outcome(NamedTuple):
    """How a training ended."""

    step: int
    name: str  # finished, stopped early, budget spent, interrupted or failed
    sentence: str


class Observer:
    """What looks at a training. Its methods are called when something has happened; here they do nothing."""

    def begin(self, training: Training, watch: Watch) -> None:
        """The loop is about to begin."""

    def step(self, step: Step) -> None:
        """A step was taken, and the schedule of the learning rate has moved on."""

    def begin_evaluation(self, batches: int) -> None:
        """An evaluation begins."""

    def results(self, results: Any, batch: Sequence[Any], files: Sequence[str]) -> None:
        """A batch was evaluated: what the post-process made of it, its columns as arrays, and its files if known."""

    def evaluation(self, evaluation: Evaluation) -> None:
        """An evaluation has ended. The best checkpoint is not written yet."""

    def epoch(self, epoch: Epoch) -> None:
        """An epoch has ended. Its checkpoint is not written yet."""

    def end(self, outcome: Outcome) -> None:
        """The training has ended; after an error too."""


class Watch:
    """Keeps count of a training and tells its observers."""

    def __init__(self, training: Training, observers: Sequence[Observer]):
        self.training, self.observers = training, observers
        self.step_number, self.epoch_number = training.first_step, training.first_epoch - 1
        self.last_step: int | None = None  # at which the training ends, if it is not by the config
        self.outcome: tuple[str, str] | None = None  # name and sentence, once it is clear why the training ends
        self.best = training.best
        self.is_evaluating = False
        self._files: Sequence[str] = ()
        self._samples = 0
        self._waited = self._received = 0.0
        self._epoch_waited = self._epoch_seconds = 0.0

    def tell(self, method: str, *values: Any) -> None:
        """Call a method of every observer."""
        for observer in self.observers:
            getattr(observer, method)(*values)

    def stop(self, name: str, sentence: str) -> None:
        """End the training, of all ranks at the same step: at once if there is one, else after one step more."""
        self.outcome = (name, sentence)
        ranks.order("end", (name, sentence))

    @property
    def is_over(self) -> bool:
        """Whether no further step may be taken."""
        ordered = ranks.orders().get("end")
        if ordered:
            self.outcome = ordered
        return bool(ordered) or (self.last_step is not None and self.step_number >= self.last_step)

    def batches(self, loader: Any) -> Iterator[Any]:
        """The batches of one epoch."""
        if self.is_over:
            raise TrainingEnd
        self.epoch_number += 1
        self._epoch_waited = self._epoch_seconds = 0.0
        batches = iter(loader)
        while not self.is_over:
            asked = perf_counter()
            batch = next(batches, None)
            if batch is None:
                break
            self._received = perf_counter()
            self._waited = self._received - asked
            self._samples = len(batch[0])
            yield batch
        self.tell("epoch", Epoch(self.step_number, self.epoch_number, self._epoch_waited, self._epoch_seconds))

    def validation_batches(self, loader: Any) -> Iterator[Any]:
        """The batches of an evaluation."""
        for batch in loader:
            self._files = getattr(batch, "files", ())
            yield batch

    def count_step(self, stats: Mapping[str, float]) -> None:
        """A step was taken. ``stats`` holds the terms of the loss, the learning rate and perhaps the weight decay."""
        self.step_number += 1
        seconds = perf_counter() - self._received
        self._epoch_waited += self._waited
        self._epoch_seconds += self._waited + seconds
        terms = {key: value for key, value in stats.items() if key not in ("lr", "wd")}
        position = (self.step_number, self.epoch_number)
        self.tell("step", Step(*position, terms, stats["lr"], self._samples, self._waited, seconds))

    def evaluate(self, evaluate: Callable, *arguments: Any, **options: Any) -> dict[str, float]:
        """Call PaddleOCR's ``eval``, whose second argument is the loader."""
        self.is_evaluating = True
        try:
            self.tell("begin_evaluation", len(arguments[1]))
            metrics = evaluate(*arguments, **options)
        finally:
            self.is_evaluating = False
        values = {key: float(value) for key, value in metrics.items()}
        is_best = values.get(self.training.indicator, 0.0) >= self.best  # as PaddleOCR decides
        if is_best:
            self.best = values[self.training.indicator]
        self.tell("evaluation", Evaluation(self.step_number, self.epoch_number, values, is_best))
        return metrics

    def add_results(self, results: Any, batch: Sequence[Any]) -> None:
        """The metric counts a batch, in an evaluation or, with ``cal_metric_during_train``, in training."""
        if self.is_evaluating:
            self.tell("results", results, batch, self._files)


class _Metric:
    """A metric of PaddleOCR's that tells what it counts."""

    def __init__(self, metric: Any, watch: Watch):
        self._metric, self._watch = metric, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._metric, name)

    def __call__(self, results: Any, batch: Any, **options: Any) -> Any:
        self._watch.add_results(results, batch)
        return self._metric(results, batch, **options)


ChooseObservers = Callable[[Training], Sequence[Observer]]  # of a training that is about to begin


def tell_observers(choose: ChooseObservers) -> TrainingContext:
    """A context of the training loop, in which the observers that ``choose`` returns are told what happens."""

    @contextlib.contextmanager
    def tell(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
        training = _describe(given)
        # A rank without observers of its own ends when rank 0 says so.
        watch = Watch(training, choose(training))
        if given["valid_dataloader"] is not None:
            given["valid_dataloader"] = PassingLoader(given["valid_dataloader"], watch.validation_batches)
        given["eval_class"] = _Metric(given["eval_class"], watch)
        functions = {**pass_batches(given, loop, watch.batches), **_telling_functions(loop, watch)}
        with replace_names(loop, functions), _begin_and_end(watch):
            yield

    return tell


@contextlib.contextmanager
def _begin_and_end(watch: Watch) -> Iterator[None]:
    """Tell the observers that the training begins, and how it ended. :class:`TrainingEnd` goes no further."""
    outcome = ("failed", "The training ended by an error.")
    try:
        watch.tell("begin", watch.training, watch)
        with contextlib.suppress(TrainingEnd):
            yield
        if watch.outcome:
            outcome = watch.outcome
        elif watch.step_number >= watch.training.last_step:
            outcome = ("finished", "The training took all its steps.")
        else:
            outcome = ("interrupted", f"The training was interrupted after step {watch.step_number}.")
    except (KeyboardInterrupt, Interrupted):  # a second Ctrl-C, for one
        outcome = ("interrupted", "The training was interrupted.")
        raise
    except SystemExit as error:
        outcome = ("interrupted", f"The training ended with exit code {error.code}.")
        raise
    except Exception as error:
        outcome = ("failed", f"The training ended by an error: {error}")
        raise
    finally:
        watch.tell("end", Outcome(watch.step_number, *outcome))


def _describe(given: Mapping[str, Any]) -> Training:
    start, epochs = find_start(given), given["config"]["Global"]["epoch_num"]
    validation = given["valid_dataloader"]
    indicator = given["eval_class"].main_indicator
    return Training(
        config=given["config"],
        logger=given["logger"],
        device=str(given["device"]),
        first_step=start.global_step,
        first_epoch=start.epoch,
        epochs=epochs,
        steps_per_epoch=start.steps_per_epoch,
        last_step=start.find_last_step(epochs),
        indicator=indicator,
        best=given["pre_best_model_dict"].get(indicator, 0.0),
        model=given["model"],
        optimizer=given["optimizer"],
        schedule=given["lr_scheduler"],
        decay_schedule=given.get("wd_scheduler"),
        validation_set=getattr(validation, "dataset", None),
    )


def _telling_functions(loop: Mapping[str, Any], watch: Watch) -> dict[str, Any]:
    """What tells of steps and evaluations, in place of names of the loop."""
    evaluate, stats = loop["eval"], loop["TrainingStats"]

    class Stats(stats):  # type: ignore[misc, valid-type]
        def update(self, values: dict) -> None:
            super().update(values)
            if "lr" in values:  # else these are metrics of a training batch
                watch.count_step(values)

    @functools.wraps(evaluate)
    def watched_evaluate(*arguments: Any, **options: Any) -> dict[str, float]:
        return watch.evaluate(evaluate, *arguments, **options)

    return {"TrainingStats": Stats, "eval": watched_evaluate}
