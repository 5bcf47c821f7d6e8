"""Cut the labelled lines out of whole pictures, so that the labels of a detector train a recognizer too.

    python scripts/crop_lines.py receipts/pages/train.txt --output receipts/cut

Writes DIR/PICTURE_NUMBER.png for each line and DIR/labels.txt with `image<TAB>text`. NUMBER counts the boxes of a
picture from 1. A second picture of one name is called PICTURE-2. To train on these lines and on others, give
--relative-to the data_dir of the others.
A line is straightened, and turned by a quarter if it is upright, as `ppocrv2 ocr` does it.
Boxes without a text, or with the text ### or *, are left out, since nobody knows what they say. So are broken boxes and
pictures that cannot be read, each with a sentence. A broken line of the label file is refused, and nothing is written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np

from ppocrv2_ext.data.box_checks import check_polygon
from ppocrv2_ext.data.label_files import NO_SAMPLE, Entry, read_entries
from ppocrv2_ext.data.labels import IGNORED_TEXTS
from ppocrv2_ext.data.reasons import REASONS
from ppocrv2_ext.deploy.detect import order_corners
from ppocrv2_ext.deploy.labelled import require_pictures
from ppocrv2_ext.deploy.lines import cut_line
from ppocrv2_ext.deploy.pictures import explain, open_image
from ppocrv2_ext.errors import UserError, shorten
from ppocrv2_ext.staged_folders import fill_folder

LABELS = "labels.txt"
ONE_LINE = str.maketrans("\t\r\n", "   ")  # a label file has a line for each image, and a tab before its label
LEAST_TURN = 0.05  # sine of the angle by which an outline turns at a corner; a warp needs four real corners

Box = tuple[Any, Any]  # (outline, text), as a label has them; they may be anything


class Cut(NamedTuple):
    """A box whose text is known."""

    number: int  # of the box in its picture, from 1
    text: Any  # on one line; as the label has it if the box is broken
    line: np.ndarray | None  # (h, w, 3) uint8 BGR; None if the box is broken
    fault: str | None  # the rule that a broken box breaks, and what to do


def read_pages(file: Path, data_dir: Path | None) -> list[tuple[Path, list[Box]]]:
    """[(picture, its boxes), ...] of a label file.

    Args:
        data_dir: what the pictures are relative to; None for the folder of the file.
    Raises:
        UserError: the file cannot be read, or a line is no picture with a list of boxes.
    """
    folder, pages = data_dir or file.parent, []
    for entry in read_entries(file):
        if entry.is_blank:
            continue
        if not entry.images:
            raise UserError(f"{entry.place}: {NO_SAMPLE}; mend the line or leave it out.")
        boxes = _read_boxes(entry)
        pages += [(folder / image, boxes) for image in entry.images]
    return pages


def _read_boxes(entry: Entry) -> list[Box]:
    try:
        boxes = json.loads(entry.label)
    except (ValueError, RecursionError):
        boxes = None
    if not isinstance(boxes, list) or not all(isinstance(box, dict) for box in boxes):
        raise UserError(
            f"{entry.place}: the label is not a list of boxes; a line must be "
            'image<TAB>[{"transcription", "points"}, ...]; mend it or leave it out.'
        )
    return [(box.get("points"), box.get("transcription")) for box in boxes]


def cut_lines(picture: np.ndarray, boxes: Sequence[Box]) -> Iterator[Cut]:
    """Cut the line of each box whose text is known.

    Args:
        picture: (H, W, 3) uint8 BGR.
        boxes: [(outline, text), ...].
    """
    height, width = picture.shape[:2]
    for number, (points, text) in enumerate(boxes, 1):
        if isinstance(text, str) and (text in IGNORED_TEXTS or not text.strip()):
            continue
        fault = _find_fault(points, text, (width, height))
        if fault:
            yield Cut(number, text, None, fault)
        else:
            line = cut_line(picture, choose_corners(np.array(points, np.float32)))
            yield Cut(number, text.translate(ONE_LINE), line, None)


def _find_fault(points: Any, text: Any, size: tuple[int, int]) -> str | None:
    """What is wrong with a box and what to do; None if nothing is. ``size`` is the (width, height) of its picture."""
    if not isinstance(text, str):
        return _describe("not-a-text")
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "the transcription must not have half of a surrogate pair; write the text again"
    reason, _ = check_polygon(points, size)
    return _describe(reason) if reason else None


def _describe(reason: str) -> str:
    return f"{REASONS[reason].rule}; {REASONS[reason].advice}"


def choose_corners(outline: np.ndarray) -> np.ndarray:
    """The corners by which a line is cut: (4, 2) float32, clockwise.

    Args:
        outline: (N, 2) float32. A convex quadrangle keeps its corners and begins at the same one. Any other outline is
            cut by its least rectangle.
    """
    edges = np.roll(outline, -1, axis=0) - outline
    lengths, after = np.linalg.norm(edges, axis=1), np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]  # > 0 clockwise, since y grows downwards
    least = LEAST_TURN * lengths * np.roll(lengths, -1)
    if len(outline) == 4 and (turns > least).all():
        return outline
    if len(outline) == 4 and (turns < -least).all():
        return outline[[0, 3, 2, 1]]
    return order_corners(cv2.boxPoints(cv2.minAreaRect(outline)))


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
    except UserError as error:
        _say(error)
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
    pages = read_pages(file, data_dir)
    require_pictures(file, data_dir)
    rows: list[str] = []
    names: set[str] = set()
    problems = 0
    with fill_folder(output) as part:
        for path, boxes in pages:
            try:
                picture = open_image(path)
            except (OSError, ValueError) as error:
                _say(f"{path}: {explain(error)}")
                problems += 1
                continue
            name = _new_name(path.stem, names)
            names.add(name)
            for number, text, line, fault in cut_lines(picture, boxes):
                if fault:
                    _say(f"{path}: box {number} ({shorten(text)}) is left out: {fault}.")
                    problems += 1
                    continue
                image = f"{name}_{number}.png"
                (part / image).write_bytes(cv2.imencode(".png", line)[1].tobytes())
                rows.append(f"{prefix}{image}\t{text}\n")
        if not rows:
            reason = (
                "it needs a sound box with a known text"
                if names
                else "none of its pictures can be read, as said above; mend them"
            )
            raise UserError(f"{file} has no line to cut, so nothing is written; {reason}.")
        (part / LABELS).write_bytes("".join(rows).encode("utf-8"))
    click.echo(f"{output / LABELS}: {len(rows)} lines of {len(names)} pictures")
    return problems


def _say(problem: object) -> None:
    click.echo(f"crop_lines: {problem}", err=True)


def _new_name(name: str, used: Container[str]) -> str:
    """``name``, or if it is used already, with the first number after it that makes it new."""
    return next(each for each in chain([name], (f"{name}-{number}" for number in count(2))) if each not in used)


if __name__ == "__main__":
    main()
