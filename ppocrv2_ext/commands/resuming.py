"""Going on with a training: what a checkpoint brings along, and what it does not."""

from pathlib import Path

import click

from .. import config
from ..errors import UserError

ENDLESS = ("Const", "Piecewise", "MultiStepDecay")  # schedules that do not end at a rate of 0


def overrides(folder):
    """What ``--resume`` stands for: start from the last checkpoint in ``folder``, write into it."""
    there = {"Global.checkpoints": Path(folder) / "latest", "Global.save_model_dir": folder}
    return [config.assignment(key, value) for key, value in there.items()]


def require_schedule(settled, folder):
    """Tell, or refuse, what a resumed training would not do: it has the rate and the schedule of its checkpoint.

    Raises:
        UserError: that schedule has run out, or the config names one of another kind.
    """
    from ..checkpoints import checkpoint

    file = folder / "resolved.yml"
    if not file.is_file():
        return
    earlier = config.read(file)
    before, now = (each["Optimizer"].get("lr") or {} for each in (earlier, settled))
    planned, wanted = (each["Global"]["epoch_num"] for each in (earlier, settled))
    if before.get("name") not in ENDLESS and wanted > planned <= checkpoint.recorded(folder / "latest").get("epoch", 0):
        raise UserError(
            f"--resume {folder}: the schedule has run out after {planned} epochs, at a learning rate of 0; to go on,"
            f" start from it with -o Global.pretrained_model={folder / 'latest'} and another Global.save_model_dir."
        )
    if before == now and planned == wanted:
        return
    if before.get("name") != now.get("name"):
        raise UserError(
            f"--resume {folder}: Optimizer.lr was {before}, and a checkpoint goes on with its own schedule; resume with"
            f" this one, or start anew from it with -o Global.pretrained_model={folder / 'latest'}."
        )
    click.echo(
        f"ppocrv2: the schedule was Optimizer.lr={before} over {planned} epochs, and a resumed training has that of its"
        f" checkpoint; for another start from -o Global.pretrained_model={folder / 'latest'}.",
        err=True,
    )


def after_a_stop(folder):
    """What to do after a training was stopped for a number that is not finite, as the end of a sentence."""
    if not (folder / "latest.pdparams").is_file():
        return f"no checkpoint was in {folder} yet, start again with a lower learning rate."
    start = config.assignment("Global.pretrained_model", folder / "latest")
    return (
        f"{folder / 'latest'}, the last checkpoint, is as it was: start from it with -o {start}, another"
        " Global.save_model_dir and a lower learning rate."
    )
