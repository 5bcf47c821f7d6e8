"""`train` and `eval`: PaddleOCR's own loops on a checked config."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import __version__, interrupts
from ..checkpoints import folder_lock
from ..config import yaml_files
from ..config.networks import without_start
from ..data.batches import list_parts
from ..data.sources import count_samples
from ..errors import UserError
from ..files import printable
from . import node, requirements, resuming
from .prepare import drop_broken_samples, prepare_config, run_host_script
from .terminal import warn
from .weights_sources import warn_of_weights

if TYPE_CHECKING:
    from ..host import Host

NOTHING_YET = "no step was taken yet, and nothing was changed."  # when a signal ended the training


def train(name: str, overrides: Sequence[str] = (), directory: str | None = None, resume: str | None = None) -> None:
    """Train with PaddleOCR's ``tools/train.py``. The output folder gets the config in use as ``resolved.yml``.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
        resume: the output folder of a training to go on with; None to start a new one.
    Raises:
        UserError: something that the training needs is missing, or a loss or a weight became NaN or infinite.
    """
    with interrupts.Interrupts() as signals:
        try:
            _train(name, overrides, directory, resume, signals)
        except interrupts.Interrupted:
            signals.report = NOTHING_YET
        except Exception:
            # In an import, Paddle makes an ImportError of what a signal raises.
            if not signals.ends_at_once:
                raise
            signals.report = NOTHING_YET
    if signals.report:
        # Not by `warn`: the sentence ends in a command, which a full stop would break.
        click.echo(f"ppocrv2: stopped by a signal: {signals.report}", err=True)
        sys.exit(128 + signals.number)


def _train(
    name: str,
    overrides: Sequence[str],
    directory: str | None,
    resume: str | None,
    signals: interrupts.Interrupts,
) -> None:
    rank, ranks = int(os.environ.get("PADDLE_TRAINER_ID", 0)), int(os.environ.get("PADDLE_TRAINERS_NUM", 1))
    origin, changes = resuming.read_origin(name, resume)
    with contextlib.ExitStack() as locks:
        if resume:
            resuming.require_folder(resume)
            resuming.lock(resume, rank, locks)
            overrides = [*node.run_once(resume, "resume", lambda: resuming.list_overrides(resume), locks), *overrides]
        host, config = prepare_config(name, overrides, directory)
        signals.install()  # again: Paddle is imported now
        from ..host.networks import save_load

        if resume and resuming.is_finished(config, rank):
            return
        requirements.require_data(config, ("Train", "Eval"))
        # Dropping samples only lowers the count: too few lines are refused before a folder is made and all is read.
        written = {mode: count_samples(config, mode) for mode in ("Train", "Eval")}
        requirements.require_batches(config, written, ranks)
        requirements.require_numpy(config)
        requirements.require_weights(config, training=True)
        save_load.require_same_dictionary(config)
        requirements.require_centers(config)
        if rank == 0:
            locks.enter_context(folder_lock.removing_if_empty(config["Global"]["save_model_dir"]))
        folder = requirements.require_output_folder(config["Global"]["save_model_dir"])
        if not (resume and folder.samefile(resume)):
            resuming.lock(folder, rank, locks)
        drop = functools.partial(drop_broken_samples, host, config, ("Train", "Eval"), folder / "labels")
        given = config
        config, counts, remarks = node.run_once(folder, "check", drop, locks)
        requirements.require_batches(given, counts, ranks)
        parts = list_parts(given, counts)
        checkpoint = config["Global"].get("checkpoints")
        earlier = resuming.list_earlier(folder, checkpoint)
        reminder = None
        if rank == 0:
            if resume:
                resuming.require_state(config, Path(resume))
            reminder = resuming.warn_of_earlier(folder, checkpoint)
            _advise_numba(config)
            for sentence in parts:
                warn(sentence)
            _record(config, folder, resuming.describe_origin(origin, changes, overrides), host)
        try:
            left_out = describe_lines_left_out(written, counts)
            with _report(origin, host, [*left_out, *parts], remarks, reminder):
                run_host_script(host, "tools/train.py", without_start(config) if checkpoint else config)
        except FloatingPointError as error:
            raise UserError(f"training stopped: {error}; {resuming.advise_after_stop(folder, earlier)}") from error
        except interrupts.Interrupted:
            signals.report = "the last step was not finished"
        if signals.report:
            signals.report += f"; {resuming.describe_checkpoint(folder, earlier)}"


def _advise_numba(config: dict) -> None:
    """Say that a training on a CPU would be faster with numba, if it is not installed."""
    if not config["Global"].get("use_gpu") and find_spec("numba") is None:
        warn("numba is not installed, and a CPU trains faster with it: add the extra `fast` (README.md, Install).")


def describe_lines_left_out(
    written: Mapping[str, Sequence[int] | None], usable: Mapping[str, Sequence[int]]
) -> list[str]:
    """A sentence for each section of the data that has lines which are left out.

    Args:
        written: {section: numbers of lines in its label files}, None where they are not counted.
        usable: {section: numbers of lines that can be used}, of the sections that were checked.
    """
    sentences = []
    for mode, counts in usable.items():
        lines = sum(written.get(mode) or counts)
        left_out = lines - sum(counts)
        if left_out:
            effect = "Nothing is learnt from them" if mode == "Train" else "The metrics do not count them"
            sentences.append(
                f"{mode}: {left_out} of {lines} lines are broken and left out. {effect}; `ppocrv2 check` lists them."
            )
    return sentences


def _report(
    title: str, host: Host, warnings: Sequence[str], remarks: Sequence[str] = (), reminder: str | None = None
) -> AbstractContextManager[None]:
    """A context in which a training leaves a report of itself. Its readers should know the ``warnings``.

    Args:
        remarks: what they should know of the metrics, which the log says after each evaluation too.
        reminder: what is said again before the first step.
    """
    from ..host.observers.recording import Description, command_line, reporting

    versions = {"ppocrv2-ext": __version__, "PaddleOCR": f"{host.kind} {host.version}"}
    about = Description(printable(title), printable(command_line()), versions, warnings, remarks, reminder)
    return reporting(about)


def _record(config: dict, folder: Path, source: str, host: Host) -> None:
    """Leave the config and the log of a training in its output folder."""
    from ..host.training.log_file import add_log_file

    # A later training with this file starts from what its user names, not from where this one was resumed.
    anew = {**config, "Global": {**config["Global"], "checkpoints": None}}
    versions = f"ppocrv2-ext {__version__} on PaddleOCR {host.kind} {host.version}"
    yaml_files.write(anew, folder / "resolved.yml", f"{versions}\n{printable(source)}")
    add_log_file(folder / "train.log")


def evaluate(name: str, overrides: Sequence[str] = (), directory: str | None = None) -> None:
    """Evaluate with PaddleOCR's ``tools/eval.py``, which logs the metrics.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
    Raises:
        UserError: the config names no weights, or something else that the evaluation needs is missing.
    """
    host, config = prepare_config(name, overrides, directory, "eval")
    requirements.require_data(config, ("Eval",))
    config = requirements.require_trained_network(config)
    warn_of_weights(name, overrides, config)
    with tempfile.TemporaryDirectory() as folder:
        clean, counts, remarks = drop_broken_samples(host, config, ("Eval",), folder)
        requirements.require_batches(config, counts)
        for sentence in list_parts(config, counts):
            warn(sentence)
        run_host_script(host, "tools/eval.py", clean)
    for remark in remarks:
        warn(remark)
