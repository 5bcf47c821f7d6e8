"""Cut the labelled lines out of whole pictures, so that the labels of a detector train a recognizer too.

    python scripts/crop_lines.py receipts/pages/train.txt --output receipts/cut

Writes DIR/PICTURE_NUMBER.png for each line and DIR/labels.txt with `image<TAB>text`. NUMBER counts the boxes of a
picture from 1. A second picture of one name is called PICTURE-2.
A line is straightened, and turned by a quarter if it is upright, as `ppocrv2 ocr` does it.
Boxes with the text ### or * are left out, since nobody knows what they say.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator
from itertools import chain, count
from pathlib import Path

import click
import cv2
import numpy as np

from ppocrv2_ext.data.labels import IGNORED_TEXTS
from ppocrv2_ext.deploy.accuracy import read_samples
from ppocrv2_ext.deploy.detect import order_corners
from ppocrv2_ext.deploy.lines import cut_line
from ppocrv2_ext.deploy.read import explain, open_image
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write

LABELS = "labels.txt"
EVERY_PICTURE = sys.maxsize


def cut_lines(picture: np.ndarray, boxes: list[tuple[list, str]]) -> Iterator[tuple[int, np.ndarray, str]]:
    """(number of the box from 1, the line (h, w, 3), its text) of each box whose text is known.

    Args:
        picture: (H, W, 3) uint8 BGR.
        boxes: [(outline, text), ...]. An outline with other than 4 points is cut by its least rectangle.
    """
    for number, (points, text) in enumerate(boxes, 1):
        if text in IGNORED_TEXTS or not text.strip():
            continue
        outline = np.array(points, np.float32)
        box = outline if len(outline) == 4 else order_corners(cv2.boxPoints(cv2.minAreaRect(outline)))
        yield number, cut_line(picture, box), text


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="What images are relative to; else the file's folder."
)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
def main(file: Path, data_dir: Path | None, output: Path) -> None:
    """Cut the lines of the pictures in FILE into DIR."""
    try:
        broken = _cut(file, data_dir, output)
    except UserError as error:
        click.echo(f"crop_lines: {error}", err=True)
        sys.exit(2)
    sys.exit(1 if broken else 0)


def _cut(file: Path, data_dir: Path | None, output: Path) -> int:
    """Write the lines and their labels; how many pictures could not be read, each of them said."""
    samples = read_samples(file, data_dir, "det", EVERY_PICTURE)
    output.mkdir(parents=True, exist_ok=True)
    if (output / LABELS).exists():
        raise UserError(f"{output / LABELS} exists and would be overwritten; name another --output.")
    rows: list[str] = []
    names: set[str] = set()
    broken = 0
    for sample in samples:
        try:
            picture = open_image(sample.path)
        except (OSError, ValueError) as error:
            broken += 1
            click.echo(f"crop_lines: {sample.path}: {explain(error)}", err=True)
            continue
        name = _new_name(sample.path.stem, names)
        names.add(name)
        for number, line, text in cut_lines(picture, sample.label):
            (output / f"{name}_{number}.png").write_bytes(cv2.imencode(".png", line)[1].tobytes())
            rows.append(f"{name}_{number}.png\t{text}\n")
    with atomic_write(output / LABELS) as part:
        part.write_text("".join(rows), encoding="utf-8")
    click.echo(f"{output / LABELS}: {len(rows)} lines of {len(samples) - broken} pictures")
    return broken


def _new_name(name: str, used: Container[str]) -> str:
    """``name``, or if it is used already, with the first number after it that makes it new."""
    return next(each for each in chain([name], (f"{name}-{number}" for number in count(2))) if each not in used)


if __name__ == "__main__":
    main()
