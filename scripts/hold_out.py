"""Split a label file into lines for training and lines for validation, so that a test set is read once, at the end.

    python scripts/hold_out.py words/train.txt --output words/split
    python scripts/hold_out.py receipts/lines/train.txt --group '(.*)_\\d+' --output receipts/split

Writes DIR/train.txt and DIR/val.txt. The names of the images stay as they are, so `data_dir` stays too.
"""

from __future__ import annotations

import codecs
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write

NAMES = ("train.txt", "val.txt")


def split_lines(lines: Sequence[bytes], share: float, seed: int, pattern: str) -> tuple[list[bytes], list[bytes]]:
    """Draw the groups of lines that validate; all other lines train.

    Args:
        lines: of a label file, `image<TAB>label`, as bytes of UTF-8.
        share: of the groups that validate, in (0, 1). At least one group validates, and at least one trains.
        seed: the same seed draws the same groups.
        pattern: a regular expression. Lines stay together if its first group (...) finds the same text in the names
            of their images, such as the page that they were cut from. A name that it does not match is a group alone.
    Returns:
        (lines to train on, lines to validate on), each in the order of the file.
    Raises:
        UserError: the pattern is no regular expression or has no (...), or there are fewer than two groups.
    """
    groups = _find_groups(lines, pattern)
    names = sorted(set(groups))
    if len(names) < 2:
        raise UserError(f"there must be at least 2 groups of lines to split, got {len(names)}; give another --group.")
    random.Random(seed).shuffle(names)
    count = min(max(1, round(share * len(names))), len(names) - 1)
    validation = set(names[:count])
    train = [line for line, name in zip(lines, groups) if name not in validation]
    return train, [line for line, name in zip(lines, groups) if name in validation]


def _find_groups(lines: Sequence[bytes], pattern: str) -> list[str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--group {pattern!r} is no regular expression: {error}.") from None
    if not expression.groups:
        raise UserError(f"--group {pattern!r} has no (...) around the part that lines of one group share.")
    # An editor may have put a byte order mark before the first name; it is no part of the name.
    images = [line.removeprefix(codecs.BOM_UTF8).partition(b"\t")[0].decode("utf-8", "replace") for line in lines]
    matches = [expression.search(image) for image in images]
    return [match[1] if match and match[1] is not None else image for match, image in zip(matches, images)]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--share", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--group", default="(.*)", show_default=True, help="Pattern: lines whose first group is equal stay together."
)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
def main(file: Path, share: float, seed: int, group: str, output: Path) -> None:
    """Split FILE into DIR/train.txt and DIR/val.txt."""
    try:
        if file.resolve() in [(output / name).resolve() for name in NAMES]:
            raise UserError(f"{file} would be overwritten by a part of itself; name another --output.")
        lines = [line for line in file.read_bytes().splitlines(keepends=True) if line.strip()]
        for name, part in zip(NAMES, split_lines(lines, share, seed, group)):
            with atomic_write(output / name) as target:
                target.write_bytes(b"".join(part))
            click.echo(f"{output / name}: {len(part)} lines")
    except UserError as error:
        click.echo(f"hold_out: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
