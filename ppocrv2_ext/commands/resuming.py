"""Resuming a training: what comes from its checkpoint, and what to do after a stop."""

from __future__ import annotations

from pathlib import Path

import click

from ..config import yaml_files
from ..errors import UserError

ENDLESS_SCHEDULES = ("Const", "Piecewise", "MultiStepDecay")  # the others end at a learning rate of 0


def overrides(folder: str | Path) -> list[str]:
    """The ``-o`` that ``--resume`` stands for: start from the last checkpoint in ``folder``, write into it."""
    values = {"Global.checkpoints": Path(folder) / "latest", "Global.save_model_dir": folder}
    return [yaml_files.assignment(key, value) for key, value in values.items()]


def require_schedule(config: dict, folder: Path) -> None:
    """Refuse a schedule of the learning rate that a resumed training would not follow.

    PaddleOCR restores the schedule of the checkpoint, whatever the config says. A difference within the same kind of
    schedule is announced on stderr.

    Args:
        config: the config to resume with.
        folder: the output folder of the training, where its config is ``resolved.yml``.
    Raises:
        UserError: the schedule of the checkpoint has run out, or the config names one of another kind.
    """
    from ..checkpoints.states import read_states

    file, latest = folder / "resolved.yml", folder / "latest"
    if not file.is_file():
        return
    before = yaml_files.read(file)
    old, new = (each["Optimizer"].get("lr") or {} for each in (before, config))
    old_epochs, new_epochs = (each["Global"]["epoch_num"] for each in (before, config))
    ends = old.get("name") not in ENDLESS_SCHEDULES
    if ends and new_epochs > old_epochs and read_states(latest).get("epoch", 0) >= old_epochs:
        raise UserError(
            f"--resume {folder}: the schedule has run out after {old_epochs} epochs, at a learning rate of 0; to go on,"
            f" start from it with -o Global.pretrained_model={latest} and another Global.save_model_dir."
        )
    if old == new and old_epochs == new_epochs:
        return
    if old.get("name") != new.get("name"):
        raise UserError(
            f"--resume {folder}: Optimizer.lr was {old}, and a checkpoint goes on with its own schedule; resume with"
            f" this one, or start anew from it with -o Global.pretrained_model={latest}."
        )
    click.echo(
        f"ppocrv2: the schedule was Optimizer.lr={old} over {old_epochs} epochs, and a resumed training keeps it;"
        f" to change it, start anew with -o Global.pretrained_model={latest}.",
        err=True,
    )


def advise_after_stop(folder: Path) -> str:
    """What to do after NaN or infinity stopped a training into ``folder``, as the end of a sentence."""
    latest = folder / "latest"
    if not latest.with_suffix(".pdparams").is_file():
        return f"no checkpoint was in {folder} yet, start again with a lower learning rate."
    start = yaml_files.assignment("Global.pretrained_model", latest)
    return (
        f"{latest}, the last checkpoint, is as it was: start from it with -o {start}, another"
        " Global.save_model_dir and a lower learning rate."
    )
