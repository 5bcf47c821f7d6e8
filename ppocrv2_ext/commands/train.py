"""`train`: PaddleOCR's own training of a checked config."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from .. import __version__, folder_lock, interrupts
from ..config import yaml_files
from ..config.networks import without_start
from ..data.batches import list_parts
from ..data.sources import count_samples
from ..errors import UserError
from ..files import printable
from ..process import command_line, count_ranks, read_rank
from . import node, requirements, resuming
from .prepare import drop_broken_samples, prepare_config, run_host_script
from .terminal import warn

if TYPE_CHECKING:
    from ..host import Host
    from ..host.observers.recording import Description

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


class Training(NamedTuple):
    """A training that can start: its config and its data are checked, and its output folder is locked."""

    host: Host
    config: dict  # without the samples that are broken
    folder: Path
    about: Description
    earlier: set[str | None]  # trainings whose checkpoints are in the folder


def _train(
    name: str, overrides: Sequence[str], directory: str | None, resume: str | None, signals: interrupts.Interrupts
) -> None:
    with contextlib.ExitStack() as locks:
        training = _prepare_training(name, overrides, directory, resume, signals, locks)
        if training:
            _run_training(training, signals)


def _prepare_training(
    name: str,
    overrides: Sequence[str],
    directory: str | None,
    resume: str | None,
    signals: interrupts.Interrupts,
    locks: contextlib.ExitStack,
) -> Training | None:
    """Check all that a training needs, and lock and fill its output folder; None if it is finished already."""
    rank, ranks = read_rank(), count_ranks()
    origin, changes = resuming.read_origin(name, resume)
    if resume:
        resuming.require_folder(resume)
        resuming.lock(resume, rank, locks)
        overrides = [*node.run_once(resume, "resume", lambda: resuming.list_overrides(resume), locks), *overrides]
    host, given = prepare_config(name, overrides, directory)
    signals.install()  # again: Paddle is imported now
    if resume and resuming.is_finished(given, rank):
        return None
    written = _require_all(given, ranks)
    if rank == 0:
        locks.enter_context(folder_lock.removing_if_empty(given["Global"]["save_model_dir"]))
    folder = requirements.require_output_folder(given["Global"]["save_model_dir"])
    if not (resume and folder.samefile(resume)):
        resuming.lock(folder, rank, locks)
    drop = functools.partial(drop_broken_samples, host, given, ("Train", "Eval"), folder / "labels")
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
    warnings = [*describe_lines_left_out(written, counts), *parts]
    return Training(host, config, folder, describe_run(origin, host, warnings, remarks, reminder), earlier)


def _require_all(config: dict, ranks: int) -> dict[str, list[int] | None]:
    """Refuse a config that lacks something; {section: numbers of lines in its label files} of its data."""
    from ..host.networks import save_load

    requirements.require_data(config, ("Train", "Eval"))
    # Dropping samples only lowers the count: too few lines are refused before a folder is made and all is read.
    written = {mode: count_samples(config, mode) for mode in ("Train", "Eval")}
    requirements.require_batches(config, written, ranks)
    requirements.require_numpy(config)
    requirements.require_weights(config, training=True)
    save_load.require_same_dictionary(config)
    requirements.require_centers(config)
    return written


def _run_training(training: Training, signals: interrupts.Interrupts) -> None:
    """Train. If a signal ends it, ``signals.report`` says what is kept."""
    from ..host.observers.choosing import choose_observers

    config, folder, earlier = training.config, training.folder, training.earlier
    config = without_start(config) if config["Global"].get("checkpoints") else config
    try:
        observe = functools.partial(choose_observers, training.about)
        run_host_script(training.host, "tools/train.py", config, observe=observe)
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


def describe_run(
    title: str, host: Host, warnings: Sequence[str], remarks: Sequence[str] = (), reminder: str | None = None
) -> Description:
    """What the report of a training says about it that the training itself does not know.

    Args:
        warnings: what the readers of the report should know.
        remarks: what they should know of the metrics, which the log says after each evaluation too.
        reminder: what is said again before the first step.
    """
    from ..host.observers.recording import Description

    versions = {"ppocrv2-ext": __version__, "PaddleOCR": f"{host.kind} {host.version}"}
    return Description(printable(title), printable(command_line()), versions, warnings, remarks, reminder)


def _record(config: dict, folder: Path, source: str, host: Host) -> None:
    """Leave the config and the log of a training in its output folder."""
    from ..host.training.log_file import add_log_file

    # A later training with this file starts from what its user names, not from where this one was resumed.
    anew = {**config, "Global": {**config["Global"], "checkpoints": None}}
    versions = f"ppocrv2-ext {__version__} on PaddleOCR {host.kind} {host.version}"
    yaml_files.write(anew, folder / "resolved.yml", f"{versions}\n{printable(source)}")
    add_log_file(folder / "train.log")
