"""A training that is saved whole, stops after a step when it is asked to, and goes on as if it had never stopped.

:func:`make_resumable` gives PaddleOCR's loop a loader that begins at the place where the checkpoint was saved
(:mod:`..samples.steps`), and a ``save_model`` whose files appear together (:mod:`ppocrv2_ext.checkpoints.sets`). The
file ``.resume`` beside them holds the place, the learning rate of the next step, the name of the training, and the
state of the scaler of mixed precision, which PaddleOCR does not save. A recognizer's dictionary is saved as
``.dict.txt``, as it was when the training began: the file of the config may be edited, and PaddleOCR's ``config.yml``
in the folder is that of the last training there.

The schedule of the learning rate is that of the config, at the place in epochs. So a training that is resumed with
another schedule, or with epochs of another length, goes on as if it had had them from its beginning.

The name, ``run``, is drawn when a training begins, and kept when it is resumed. It tells the checkpoints of a training
from those of an earlier one in the same folder. The records of older versions have none.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle.distributed as dist

from ... import interrupts
from ...checkpoints import records, sets, states
from ...checkpoints.paths import DICTIONARY_SUFFIX, SUFFIX, without_suffix
from ...checkpoints.records import Position
from ...config.networks import has_dictionary
from ...errors import UserError
from ...files import read_regular
from ..samples.steps import DEFAULT_SEED, PlacedSampler, seed_step
from . import ranks
from .log_file import survive_full_disk
from .loop import find_start, pass_batches, replace_names
from .schedule import count_schedule_steps, move_schedule

BEST = "best_accuracy"
SIGNAL = "signal"  # the order that ends a training after a signal


@contextlib.contextmanager
def make_resumable(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
    """A context of the training loop, which does as this module says. See :func:`.loop.surround` for the arguments."""
    survive_full_disk(given["logger"])
    with _watch_signals() as signals:
        run = _Run(given, loop, signals)
        functions = {"save_model": run.save_whole, **pass_batches(given, loop, run.batches)}
        with replace_names(loop, functions):
            try:
                yield
            except _StepEnd as end:
                signals.number = end.number
                run.save_after_signal()


def leave_signals(set_handlers: Callable) -> Callable:
    """In place of PaddleOCR's ``set_signal_handlers``, whose handler kills the whole process group with SIGKILL."""
    return functools.wraps(set_handlers)(lambda: None)


class _StepEnd(BaseException):
    """Leaves the loop between two steps, since a signal has come to this rank or to another."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


class _Run:
    """One training: where it is, and how it is saved.

    Args:
        given: the arguments of ``train``, which are changed to go on from the checkpoint of ``Global.checkpoints``.
        loop: the global names of ``tools.program``.
        signals: those that have come, and where to say what was done.
    """

    def __init__(self, given: dict[str, Any], loop: Mapping[str, Any], signals: interrupts.Interrupts):
        self._given, self._signals = given, signals
        self._save = loop["save_model"]
        self._settings = given["config"]["Global"]
        self._dictionary = _read_dictionary(given["config"])
        self._steps_per_epoch = given["step_pre_epoch"]
        self._name: str | None = uuid.uuid4().hex  # of a new training; None after a checkpoint of an older version
        start = self._restore(given["pre_best_model_dict"])
        self._first_epoch, self._skipped = start.epoch, start.step
        self._epoch, self._step, self._global_step = start.epoch - 1, 0, start.global_step
        self._saved_at = start.global_step
        goes_on = {"start_epoch": start.epoch, "global_step": start.global_step} if start.global_step else {}
        given["pre_best_model_dict"] = self._best = {**given["pre_best_model_dict"], **goes_on}

    def _restore(self, best: dict) -> Position:
        """Where the training begins. ``best`` gets the best metric that is on the disk."""
        checkpoint, start = self._settings.get("checkpoints"), find_start(self._given)
        if not checkpoint:
            return start
        checkpoint = without_suffix(checkpoint)
        record = records.read(checkpoint)
        self._name = record.get("run")
        self._keep_better(best, checkpoint)
        if record:
            self._tell_new_length(Position(**record["position"]), start)
            restore_scaler(self._given.get("scaler"), record.get("scaler"), checkpoint)
        else:
            self._log(f"{checkpoint} has no {records.RECORD_SUFFIX} beside it: epoch {start.epoch} begins again.")
        if self._settings.get("max_minutes") is None:
            self._move_rate(start, record.get("rate"))
            self._restore_decay(count_schedule_steps(start))
        else:  # the schedules are fitted to the time, by observers
            self._restore_decay(start.global_step)
        return start

    def _tell_new_length(self, saved: Position, start: Position) -> None:
        if start.steps_per_epoch != saved.steps_per_epoch:
            goes_on = f"epoch {start.epoch} of {self._settings['epoch_num']}"
            goes_on += " begins again" if start.epoch == saved.epoch else " begins"
            self._log(
                f"an epoch had {saved.steps_per_epoch} steps when the checkpoint was saved and has"
                f" {start.steps_per_epoch} now: {goes_on}, and the schedule of the learning rate goes on from there."
            )

    def _move_rate(self, start: Position, saved: Any) -> None:
        """Let the learning rate be the one that the config has for this place, and say so if it was another.

        Args:
            saved: the rate that the next step had when the checkpoint was saved; None if that is not recorded.
        """
        optimizer, schedule, epochs = self._given["optimizer"], self._given["lr_scheduler"], self._settings["epoch_num"]
        if saved is None and not isinstance(schedule, float):
            saved = optimizer.get_lr()
        move_schedule(schedule, self._given["config"]["Optimizer"], epochs, start)
        rate = optimizer.get_lr()
        if isinstance(saved, float) and not math.isclose(saved, rate, rel_tol=1e-6, abs_tol=1e-12):
            done = start.epoch - 1 + start.step / start.steps_per_epoch
            self._log(
                f"the learning rate was {saved:.6g} in the checkpoint and goes on at {rate:.6g}, which Optimizer.lr has"
                f" after {done:.4g} of {epochs} epochs."
            )

    def _keep_better(self, best: dict, checkpoint: str) -> None:
        """A better model of this training may have been saved after the checkpoint. It must not be overwritten."""
        indicator = self._given["eval_class"].main_indicator
        folder = Path(self._settings["save_model_dir"])
        best_folder = folder / BEST  # where PaddleX has it
        for file in {Path(checkpoint).parent / BEST, folder / BEST, best_folder / BEST}:
            recorded = states.read_best_metrics(file)
            is_better = recorded.get(indicator, 0) > best.get(indicator, 0)
            if is_better and records.read(file).get("run") == self._name:
                best.update(recorded)

    def _restore_decay(self, steps: int) -> None:
        """PaddleOCR's schedule of the weight decay is a function of the step, and it saves none."""
        schedule = self._given.get("wd_scheduler")
        if schedule is not None and steps:
            schedule._step = steps - 1
            schedule.step()

    def batches(self, loader: Any) -> Iterator[Any]:
        """The batches of one epoch, as the loop takes them."""
        self._epoch += 1
        self._step = self._skipped if self._epoch == self._first_epoch else 0
        place = (self._settings.get("seed", DEFAULT_SEED) or 0, dist.get_rank(), self._epoch)
        sampler = getattr(loader, "batch_sampler", None)
        if isinstance(sampler, PlacedSampler):  # a loader of another origin begins as it does
            if self._epoch == self._first_epoch and not getattr(loader.dataset, "need_reset", False):
                sampler.restore_order(self._epoch - 1)
            sampler.begin(*place, self._step)
        batches = iter(loader)
        while True:
            if self._step < len(loader):  # the end of an epoch has checkpoints of its own: the loop saves them first
                self._stop_if_asked()
            batch = next(batches, None)
            if batch is None:
                return
            seed_step((*place, self._step))
            self._step += 1
            self._global_step += 1
            yield batch

    def _stop_if_asked(self) -> None:
        """End the loop after a signal, on all ranks between the same two steps."""
        if self._signals.number:
            ranks.ask(SIGNAL, self._signals.number)
        if ranks.orders().get(SIGNAL):
            raise _StepEnd(ranks.orders()[SIGNAL])

    def save_whole(
        self, model: Any, optimizer: Any, model_path: str, logger: Any, config: dict, *rest: Any, **options: Any
    ) -> None:
        """PaddleOCR's ``save_model``, whose files appear together or not at all."""
        self._best = options.get("best_model_dict", self._best)
        prefix, messages = options.get("prefix", "ppocr"), _Messages(logger)
        with sets.writing(model_path, prefix, self._record()) as part:
            self._save(model, optimizer, str(part), messages, config, *rest, **options)
            self._add_dictionary(part)
        messages.log(str(part), str(model_path))
        if prefix == "latest":
            self._saved_at = self._global_step

    def _add_dictionary(self, part: Path) -> None:
        """Put the dictionary beside each file of weights. PaddleOCR saves its best ones under a second name too."""
        if self._dictionary is not None:
            for weights in part.rglob(f"*{SUFFIX}"):
                weights.with_name(weights.name[: -len(SUFFIX)] + DICTIONARY_SUFFIX).write_bytes(self._dictionary)

    def _record(self) -> dict[str, Any]:
        position = Position(self._epoch, self._step, self._global_step, self._steps_per_epoch)
        scaler = describe_scaler(self._given.get("scaler"))
        name = {"run": self._name} if self._name else {}
        rate = {"rate": float(self._given["optimizer"].get_lr())}
        return {"position": position._asdict(), **rate, **name, **({"scaler": scaler} if scaler else {})}

    def save_after_signal(self) -> None:
        """Save ``latest`` after the last step that was finished."""
        if self._global_step == 0:
            self._signals.report = "no step was taken yet, nothing is saved"
            return
        if ranks.is_first() and self._global_step != self._saved_at:
            self._save_latest()
        epoch = self._epoch if self._step else self._epoch - 1  # the next one may have begun without a step
        self._signals.report = f"step {self._global_step}, in epoch {epoch}, was the last"

    def _save_latest(self) -> None:
        given, folder = self._given, self._settings["save_model_dir"]
        options = {"is_best": False, "prefix": "latest", "save_model_info": None, "best_model_dict": self._best}
        # PaddleOCR takes `epoch` for one that has ended.
        options.update(epoch=self._epoch - (self._step < self._steps_per_epoch), global_step=self._global_step)
        path = os.path.join(folder, "latest") if self._settings.get("uniform_output_enabled") else folder
        self.save_whole(given["model"], given["optimizer"], path, given["logger"], given["config"], **options)

    def _log(self, text: str) -> None:
        self._given["logger"].warning(text)


def _read_dictionary(config: Mapping[str, Any]) -> bytes | None:
    """The content of a recognizer's dictionary; None for any other network."""
    return read_regular(config["Global"]["character_dict_path"]) if has_dictionary(config) else None


def describe_scaler(scaler: Any) -> dict[str, Any]:
    """The state of a scaler of mixed precision, as JSON can hold it; empty if there is none, or it does not scale."""
    state = scaler.state_dict() if scaler is not None else {}
    return {name: np.asarray(value, "float64").tolist() if name == "scale" else value for name, value in state.items()}


def restore_scaler(scaler: Any, state: Any, checkpoint: str) -> None:
    """Let a scaler go on from what :func:`describe_scaler` said of one.

    Args:
        scaler: None where there is no mixed precision; then nothing happens.
        checkpoint: what the error message names.
    Raises:
        UserError: this is no such state.
    """
    if not state or scaler is None or not scaler.state_dict():
        return
    try:
        counts = {name: type(value)(state[name]) for name, value in scaler.state_dict().items() if name != "scale"}
        scale = np.array(state["scale"], "float32").reshape(1)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{checkpoint}{records.RECORD_SUFFIX}: `scaler` is not a state of a scaler ({error!r}); restore it."
        ) from error
    scaler.load_state_dict({**counts, "scale": scale})


class _Messages:
    """A logger that keeps what PaddleOCR says about a checkpoint until that is true."""

    def __init__(self, logger: logging.Logger):
        self._logger, self._messages = logger, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def info(self, message: str) -> None:
        self._messages.append(message)

    def log(self, part: str, folder: str) -> None:
        """Say it, with the name that the folder has now."""
        for message in self._messages:
            self._logger.info(message.replace(part, folder))


@contextlib.contextmanager
def _watch_signals() -> Iterator[interrupts.Interrupts]:
    """The signals of the command `train`, while its loop looks at them.

    For another command that runs the loop: signals of its own, after which the process exits with their code.
    """
    with contextlib.ExitStack() as own:
        signals = interrupts.current() or own.enter_context(interrupts.Interrupts())
        if not signals.number:
            signals.install()  # again: Paddle may have started devices
        signals.in_loop = True
        try:
            yield signals
        except Exception as error:
            if signals.ends_at_once:  # Paddle turns what is raised in a custom gradient into an error of its own
                raise interrupts.Interrupted(signals.number) from error
            raise
        finally:
            signals.in_loop = False
    if signals.report and interrupts.current() is None:
        raise SystemExit(128 + signals.number)
