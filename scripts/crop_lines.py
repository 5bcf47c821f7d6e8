"""Cut the labelled lines out of whole pictures, so that the labels of a detector train a recognizer too.

    python scripts/crop_lines.py receipts/pages/train.txt --output receipts/cut

Writes DIR/PICTURE_NUMBER.png for each line and DIR/labels.txt with `image<TAB>text`. NUMBER counts the boxes of a
picture from 1. A second picture of one name is called PICTURE-2. To train on these lines and on others, give
--relative-to the data_dir of the others.
A line is straightened, and turned by a quarter if it is upright, as `ppocrv2 ocr` does it.
Boxes with the text ### or * are left out, since nobody knows what they say. So are broken boxes, each with a sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np

from ppocrv2_ext.data.labels import IGNORED_TEXTS
from ppocrv2_ext.data.polygons import check_polygon
from ppocrv2_ext.data.reasons import REASONS
from ppocrv2_ext.deploy.accuracy import read_samples
from ppocrv2_ext.deploy.detect import order_corners
from ppocrv2_ext.deploy.lines import cut_line
from ppocrv2_ext.deploy.read import explain, open_image
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write

LABELS = "labels.txt"
EVERY_PICTURE = sys.maxsize
ONE_LINE = str.maketrans("\t\r\n", "   ")  # a label file has a line for each image, and a tab before its label


class Cut(NamedTuple):
    """A box whose text is known."""

    number: int  # of the box in its picture, from 1
    text: str  # on one line
    line: np.ndarray | None  # (h, w, 3) uint8 BGR; None if the outline is broken
    reason: str | None  # what is wrong with the outline, a key of :data:`ppocrv2_ext.data.reasons.REASONS`


def cut_lines(picture: np.ndarray, boxes: Sequence[tuple[list, str]]) -> Iterator[Cut]:
    """Cut the line of each box whose text is known.

    Args:
        picture: (H, W, 3) uint8 BGR.
        boxes: [(outline, text), ...]. An outline with other than 4 points is cut by its least rectangle.
    """
    height, width = picture.shape[:2]
    for number, (points, text) in enumerate(boxes, 1):
        if text in IGNORED_TEXTS or not text.strip():
            continue
        text = text.translate(ONE_LINE)
        reason, _ = check_polygon(points, (width, height))
        if reason:
            yield Cut(number, text, None, reason)
            continue
        outline = np.array(points, np.float32)
        box = outline if len(outline) == 4 else order_corners(cv2.boxPoints(cv2.minAreaRect(outline)))
        yield Cut(number, text, cut_line(picture, box), None)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="What images are relative to; else the file's folder."
)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
@click.option(
    "--relative-to",
    "base",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="FOLDER",
    help="What the images in labels.txt are relative to, a folder that holds DIR; else DIR.",
)
def main(file: Path, data_dir: Path | None, output: Path, base: Path | None) -> None:
    """Cut the lines of the pictures in FILE into DIR."""
    try:
        broken = _cut(file, data_dir, output, _find_prefix(output, base))
    except (UserError, OSError) as error:
        click.echo(f"crop_lines: {error}", err=True)
        sys.exit(2)
    sys.exit(1 if broken else 0)


def _find_prefix(output: Path, base: Path | None) -> str:
    """What stands before the name of an image in the label file: the way from ``base`` to ``output``, or nothing."""
    if base is None:
        return ""
    folder, inner = base.resolve(), output.resolve()
    if folder not in (inner, *inner.parents):
        raise UserError(f"--relative-to {base} does not hold --output {output}; name a folder above it.")
    way = inner.relative_to(folder).as_posix()
    return "" if way == "." else f"{way}/"


def _cut(file: Path, data_dir: Path | None, output: Path, prefix: str) -> int:
    """Write the lines and their labels; how many pictures and boxes are broken, each of them said."""
    samples = read_samples(file, data_dir, "det", EVERY_PICTURE)
    output.mkdir(parents=True, exist_ok=True)
    if any(output.iterdir()):
        raise UserError(f"{output} is not empty, and files in it could be overwritten; name another --output.")
    rows: list[str] = []
    names: set[str] = set()
    problems = []
    for sample in samples:
        try:
            picture = open_image(sample.path)
        except (OSError, ValueError) as error:
            problems.append(f"{sample.path}: {explain(error)}")
            continue
        name = _new_name(sample.path.stem, names)
        names.add(name)
        for number, text, line, reason in cut_lines(picture, sample.label):
            if reason:
                problems.append(f"{sample.path}: box {number} ({text}) is left out: {REASONS[reason].rule}.")
                continue
            image = f"{name}_{number}.png"
            (output / image).write_bytes(cv2.imencode(".png", line)[1].tobytes())
            rows.append(f"{prefix}{image}\t{text}\n")
    with atomic_write(output / LABELS) as part:
        part.write_text("".join(rows), encoding="utf-8")
    for problem in problems:
        click.echo(f"crop_lines: {problem}", err=True)
    click.echo(f"{output / LABELS}: {len(rows)} lines of {len(names)} pictures")
    return len(problems)


def _new_name(name: str, used: Container[str]) -> str:
    """``name``, or if it is used already, with the first number after it that makes it new."""
    return next(each for each in chain([name], (f"{name}-{number}" for number in count(2))) if each not in used)


if __name__ == "__main__":
    main()
