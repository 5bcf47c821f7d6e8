"""`split`: a label file in two, so that a test set is read once, at the end."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import pluralize
from ..staged_folders import write_new

NAMES = ("train.txt", "val.txt")


def split(labels: str, output: str, share: float = 0.1, seed: int = 1, group: str = "(.*)") -> None:
    """Write the lines of a label file into two new ones, and print how many each has.

    Args:
        labels: the label file, ``image<TAB>label``. Its images keep their names, so ``data_dir`` stays.
        output: the folder of train.txt and val.txt. Neither is overwritten; one that is the same already may be there.
        share, seed, group: as :func:`~ppocrv2_ext.data.splitting.split_lines` takes them.
    Raises:
        UserError: the labels cannot be read or split, or a file cannot be written or is there.
    """
    from ..data.splitting import read_label_lines, split_lines

    parts = zip(NAMES, split_lines(read_label_lines(labels), share, seed, group))
    files = {Path(output) / name: part for name, part in parts}
    write_new({file: "".join(f"{line}\n" for line in part).encode() for file, part in files.items()})
    for file, part in files.items():
        click.echo(f"{file}: {pluralize(len(part), 'line')}")
