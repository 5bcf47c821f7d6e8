"""`average`: the mean of the weights of several trainings. It reads no config but those beside the weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..checkpoints.paths import SAFE_SUFFIX, require_file, with_suffix, without_suffix
from ..config import yaml_files
from ..errors import UserError
from ..files import PathLike, identify
from ..write_checks import make_writable_folder, require_apart, require_file_name
from .terminal import warn
from .weights_sources import read_resolved, warn_of_other_training


def average(files: Sequence[str], output: str, shares: Sequence[float] | None = None) -> None:
    """Write the mean of the weights of several trainings as a checkpoint, with their dictionary.

    Where the trainings left their configs beside the files, stderr says how these differ in network and loss.

    Args:
        files: the weights of two or more trainings that began from one file, with or without suffix.
        output: the checkpoint, with or without suffix, or a .safetensors file.
        shares: how much of each file, with a sum of 1; None for the same of each.
    Raises:
        UserError: the files are not of one network, or have characters that no dictionary has together; ``shares`` do
            not fit them, or ``output`` is one of them.
    """
    from ..checkpoints import average, pdparams

    target, sources = with_suffix(output), [require_file("FILE", file).resolve() for file in files]
    if len(sources) < 2 or len(set(sources)) < len(sources):
        raise UserError("name the weights of two trainings or more, each once.")
    require_file_name("--output", output, "mean")
    require_apart(target, identify(sources), "name another file", f"--output {output}")
    trainings, dictionary, note = average.with_one_dictionary(
        {file: pdparams.read_arrays(file) for file in files}, shares
    )
    if note:
        warn(note)
    for file in files:
        warn_of_other_training(file)
    for difference in average.list_differences(_read_configs(sources)):
        warn(difference)
    mean = average.average_trainings(trainings, shares)
    folder = make_writable_folder(target.parent)
    name = target.name if target.suffix == SAFE_SUFFIX else target.stem
    written = pdparams.write_checkpoint(mean.params, folder, name, dictionary)
    for file, distance in zip(files, mean.distances):
        click.echo(f"{file} is {distance:.1%} of the mean's norm away from the mean.")
    for warning in average.list_warnings(mean):
        warn(warning)
    start = yaml_files.shell_option("Global.pretrained_model", without_suffix(written))
    click.echo(f"Written to {written}; evaluate it with -o {start}")


def _read_configs(files: Sequence[Path]) -> dict[PathLike, dict]:
    """{file: config} of the ``resolved.yml`` beside the files. Standard error says why one cannot be read."""
    folders = dict.fromkeys(file.parent for file in files)
    configs = {folder / "resolved.yml": read_resolved(folder) for folder in folders}
    return {file: config for file, config in configs.items() if config is not None}
