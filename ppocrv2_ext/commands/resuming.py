"""Resuming a training: what comes from its checkpoint, and what to do after a stop."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

import click

from .. import folder_lock
from ..checkpoints import records, sets, states
from ..checkpoints.paths import SUFFIX, with_suffix, without_suffix
from ..config import yaml_files
from ..errors import UserError
from .terminal import warn

NOTHING = "nothing"  # in place of changes
AVERAGE_KEYS = ("ema_decay", "ema_decay_type", "ema_gamma")  # of Global: the shares of an average
MOST_NAMED = 5  # checkpoints in one sentence


def lock(folder: str | Path, rank: int, locks: contextlib.ExitStack) -> None:
    """Keep other trainings out of ``folder`` while ``locks`` is open, and tidy up what a killed one left there.

    Args:
        rank: number of this process. Only the first one, 0, writes checkpoints, and needs the lock.
    Raises:
        UserError: another training is there.
    """
    if rank == 0 and Path(folder).is_dir():
        locks.enter_context(folder_lock.hold(folder))
        sets.tidy(folder)


def require_folder(resume: str) -> None:
    """Refuse a ``--resume`` that is no folder, such as the name of a checkpoint.

    Raises:
        UserError: it is none.
    """
    if Path(resume).is_dir():
        return
    if with_suffix(resume).is_file():
        raise UserError(
            f"--resume {resume}: it takes the folder of a training, {Path(resume).parent}; to go on from this very"
            f" checkpoint give -o {yaml_files.shell_option('Global.checkpoints', without_suffix(resume))} in its place."
        )
    raise UserError(f"--resume {resume}: there is no such folder; name the Global.save_model_dir of a training.")


def warn_of_earlier(folder: Path, checkpoint: str | None = None) -> str | None:
    """Say that a training into ``folder`` may replace the checkpoints of an earlier one, if there are any.

    Args:
        checkpoint: what the training goes on from. If that lies in ``folder``, the checkpoints there are its own.
    Returns:
        What was said; None if there are none.
    """
    if checkpoint and folder.resolve() in Path(checkpoint).resolve().parents:
        return None
    names = [name for name in ("latest", "best_accuracy") if (folder / f"{name}{SUFFIX}").is_file()]
    epochs = [without_suffix(path.name) for path in folder.glob(f"iter_epoch_*{SUFFIX}")]
    if names or epochs:
        names += sorted(epochs, key=lambda name: (len(name), name))
        sentence = (
            f"{folder} holds {_enumerate(names)} of an earlier training; this one replaces each once it saves its own;"
            f" to go on with the earlier one add --resume {folder}, to keep it set another Global.save_model_dir."
        )
        warn(sentence)
        return sentence
    return None


def _enumerate(names: Sequence[str]) -> str:
    """The names as a part of a sentence: "a, b and c"."""
    more = len(names) - MOST_NAMED
    named = [*names[:MOST_NAMED], f"{more} more"] if more > 0 else list(names)
    return " and ".join(part for part in (", ".join(named[:-1]), named[-1]) if part)


def list_overrides(folder: str | Path) -> list[str]:
    """The ``-o`` that ``--resume`` stands for: start from the last whole checkpoint in ``folder``, and write into it.

    If that is not the newest one, stderr says which it is.

    Raises:
        UserError: no checkpoint is whole, or none is there.
    """
    name, left_out = sets.find_last_good(folder)
    if not with_suffix(Path(folder) / name).is_file() and not (Path(folder) / name).is_dir():
        raise UserError(f"--resume {folder}: no checkpoint is in it; start the training anew, without --resume.")
    if left_out:
        warn(f"{'; '.join(left_out)}; going on from {Path(folder) / name}.")
    values = {"Global.checkpoints": Path(folder) / name, "Global.save_model_dir": folder}
    return [yaml_files.assignment(key, value) for key, value in values.items()]


def read_origin(name: str, folder: str | Path | None) -> tuple[str, str]:
    """The config that a training was first started with, and what ``-o`` changed in it.

    Both are at the head of the ``resolved.yml`` in its output folder, as :func:`describe_origin` writes them.

    Args:
        name: what the user gives as ``-c``. If it is not that file, it is the answer, without changes.
        folder: the output folder of the training to go on with; None for a new training.
    """
    file = Path(folder or "") / "resolved.yml"
    if folder and file.is_file() and Path(name).is_file() and file.samefile(name):
        found = re.search(r"^# from (.+)\n# changed by -o: (.+)$", file.read_text("utf-8", "replace"), re.MULTILINE)
        if found:
            return found[1], "" if found[2] == NOTHING else found[2]
    return name, ""


def describe_origin(name: str, changes: str, overrides: Sequence[str]) -> str:
    """What the head of a ``resolved.yml`` says of its origin.

    Args:
        name, changes: as :func:`read_origin` returns them.
        overrides: ``KEY=VALUE`` of ``-o`` of this run.
    """
    for override in overrides:  # of the same ones the last counts
        changes = f"{f' {changes} '.replace(f' {override} ', ' ').strip()} {override}".strip()
    return f"from {name}\nchanged by -o: {changes or NOTHING}"


def is_finished(config: dict, rank: int = 0) -> bool:
    """Whether the checkpoint has all its epochs. Rank 0 says so on stdout, with the best metric."""
    checkpoint, epochs = without_suffix(config["Global"]["checkpoints"]), config["Global"]["epoch_num"]
    position, record = records.read_position(checkpoint), states.read_states(checkpoint)
    done = position.finished_epochs if position else record.get("epoch", 0)
    if done < epochs:
        return False
    indicator = config["Metric"].get("main_indicator", "acc")
    best = record.get("best_model_dict", {}).get(indicator)
    if rank == 0:
        metric = "" if best is None else f", the best {indicator} is {best:.4f}"
        click.echo(
            f"{checkpoint} is finished: {done} of {epochs} epochs{metric}. To train longer, add -o Global.epoch_num"
            " with more epochs. To start a new training from it, add"
            f" -o {yaml_files.shell_option('Global.pretrained_model', checkpoint)} and another Global.save_model_dir."
        )
    return True


def require_state(config: dict, folder: Path) -> None:
    """Refuse changed shares of an average for which the checkpoint holds too little.

    Any schedule of the learning rate that the user gives holds from the next step on, at the place of the checkpoint in
    it. So does the present one if the epochs have another length now. :mod:`ppocrv2_ext.host.training.resume` does it
    and says so.

    Args:
        config: the config to resume with.
        folder: the output folder of the training, where its config is ``resolved.yml``.
    Raises:
        UserError: the checkpoint holds too little.
    """
    file = folder / "resolved.yml"
    if file.is_file():
        _require_average(yaml_files.read(file)["Global"], config["Global"], folder)


def _require_average(old: dict, new: dict, folder: Path) -> None:
    """Refuse other shares for an average that an older version, or PaddleOCR alone, has saved."""
    changed = [key for key in AVERAGE_KEYS if old.get(key) != new.get(key)]
    if not (changed and old.get("use_ema") and new.get("use_ema")):
        return
    from ..checkpoints import pickles  # it needs NumPy

    file = records.find_file(without_suffix(new["checkpoints"]), ".pdema")
    if file and "share_of_start" not in pickles.read(file):
        was = ", ".join(f"Global.{key} {'left out' if old.get(key) is None else old[key]}" for key in changed)
        raise UserError(
            f"--resume {folder}: {file} is of an older version, so its average can go on only with its old keys: {was}."
        )


def list_earlier(folder: Path, checkpoint: str | None) -> set[str | None]:
    """The earlier trainings that have checkpoints in ``folder``, by name, before another one begins.

    Args:
        checkpoint: what that one goes on from; None if it is new.
    """
    own = {records.read_run(without_suffix(checkpoint))} if checkpoint else set()
    return records.list_runs(folder) - own


def describe_checkpoint(folder: Path, earlier: Collection[str | None] = ()) -> str:
    """What is kept of a training into ``folder`` that a signal ended, and the command to go on: half a sentence.

    Args:
        earlier: as :func:`list_earlier` returns them. Their checkpoints are not of this training.
    """
    checkpoint = sets.find_checkpoint(folder, earlier)
    if checkpoint is None:
        return f"no checkpoint of this training is in {folder} yet; start again."
    position = records.read_position(checkpoint)
    holds = f"holds step {position.global_step}" if position else "is whole"
    is_resumed = checkpoint == sets.find_checkpoint(folder)  # else --resume takes `latest` of an earlier training
    option = yaml_files.shell_option("Global.checkpoints", checkpoint)
    start = f"--resume {shlex.quote(str(folder))}" if is_resumed else f"-o {option}"
    return f"{checkpoint} {holds}; go on with ppocrv2 train -c {shlex.quote(str(folder / 'resolved.yml'))} {start}"


def advise_after_stop(folder: Path, earlier: Collection[str | None] = ()) -> str:
    """What to do after NaN or infinity stopped a training into ``folder``, as the end of a sentence.

    Args:
        earlier: as :func:`list_earlier` returns them. Their checkpoints are not of this training.
    """
    checkpoint = sets.find_checkpoint(folder, earlier)
    if checkpoint is None:
        return f"no checkpoint of this training was in {folder} yet, start again with a lower learning rate."
    start = yaml_files.shell_option("Global.pretrained_model", checkpoint)
    return (
        f"{checkpoint}, the last checkpoint, is as it was: start from it with -o {start}, another"
        " Global.save_model_dir and a lower learning rate."
    )
