"""`split`: a label file in two, so that a test set is read once, at the end."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import pluralize
from ..staged_folders import write_new
from .terminal import warn

NAMES = ("train.txt", "val.txt")
GROUP = r"(.*)_crop_\d+"  # PPOCRLabel names the lines of a picture NAME_crop_1.jpg and so on
NUMBERED = r"(.*)_\d+"  # `crop` names them NAME_1.png, but words that are numbered through have such names too


def split(labels: str, output: str, share: float = 0.1, seed: int = 1, group: str = GROUP) -> None:
    """Write the lines of a label file into two new ones, and print how many each has.

    Standard error says how many of the lines to validate on seem to share a picture with lines to train on.

    Args:
        labels: the label file, ``image<TAB>label``. Its images keep their names, so ``data_dir`` stays.
        output: the folder of train.txt and val.txt. Neither is overwritten; one that is the same already may be there.
        share, seed, group: as :func:`~ppocrv2_ext.data.splitting.split_lines` takes them.
    Raises:
        UserError: the labels cannot be read or split, or a file cannot be written or is there.
    """
    from ..data.splitting import count_shared, read_label_lines, split_lines

    train, validation = split_lines(read_label_lines(labels), share, seed, group)
    files = {Path(output) / name: part for name, part in zip(NAMES, (train, validation))}
    write_new({file: "".join(f"{line}\n" for line in part).encode() for file, part in files.items()})
    for file, part in files.items():
        click.echo(f"{file}: {pluralize(len(part), 'line')}")
    shared = count_shared(train, validation, NUMBERED) if group == GROUP else 0
    if shared:
        warn(
            f"{shared} of the {pluralize(len(validation), 'line')} of {NAMES[1]} have the names of lines of {NAMES[0]}"
            f" up to the number at their end. If such lines are of one picture, keep them together: --group"
            f" '{NUMBERED}'."
        )
