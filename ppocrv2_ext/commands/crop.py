"""`crop`: the labelled lines of whole pictures as pictures of their own, with their texts as a label file."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UserError, pluralize, reason_of, shorten
from ..staged_folders import fill_folder
from .terminal import warn

if TYPE_CHECKING:
    from ..deploy.cropping import Box

LABELS = "labels.txt"


def crop(labels: str, output: str, data_dir: str | None = None, relative_to: str | None = None) -> int:
    """Write PICTURE_NUMBER.png for each line, and labels.txt with ``image<TAB>text``, into a folder.

    NUMBER counts the boxes of a picture from 1. A second picture of one name is called PICTURE-2. Boxes without a known
    text are left out. So are broken boxes and pictures that cannot be read, each with a sentence.

    Args:
        labels: a label file of whole pictures, ``image<TAB>[{"transcription", "points"}, ...]``.
        output: the folder. It must be new or empty.
        data_dir: what the pictures are relative to; None for the folder of the labels.
        relative_to: what the images in labels.txt are relative to, a folder that holds ``output``; None for ``output``.
    Returns:
        The exit code: 1 if a picture cannot be read or a box is broken, else 0.
    Raises:
        UserError: the labels or all their pictures are missing, a line of the labels is broken, there is no line to
            cut, or the folder cannot be filled. Nothing is written then.
    """
    from ..deploy.cropping import read_pages
    from ..deploy.labelled import require_pictures

    prefix = _find_prefix(Path(output), relative_to)
    pages = read_pages(labels, data_dir)
    require_pictures(labels, data_dir)
    with fill_folder(Path(output)) as part:
        rows, pictures, problems = _cut(pages, part, prefix)
        if not rows:
            reason = (
                "it needs a sound box with a known text"
                if pictures
                else "none of its pictures can be read, as said above; mend them"
            )
            raise UserError(f"{labels} has no line to cut, so nothing is written; {reason}.")
        (part / LABELS).write_bytes("".join(rows).encode("utf-8"))
    click.echo(f"{Path(output) / LABELS}: {pluralize(len(rows), 'line')} of {pluralize(pictures, 'picture')}")
    return int(problems > 0)


def _find_prefix(output: Path, base: str | None) -> str:
    """What stands before the name of an image in the label file: the way from ``base`` to ``output``, or nothing."""
    if base is None:
        return ""
    folder, inner = Path(base).resolve(), output.resolve()
    if not folder.is_dir():
        raise UserError(f"--relative-to {base}: there is no such folder; name the data_dir of other lines.")
    if folder not in (inner, *inner.parents):
        raise UserError(f"--relative-to {base} does not hold --output {output}; name a folder above it.")
    way = inner.relative_to(folder).as_posix()
    return "" if way == "." else f"{way}/"


def _cut(pages: Sequence[tuple[Path, list[Box]]], folder: Path, prefix: str) -> tuple[list[str], int, int]:
    """Write the lines of pictures into a folder: (lines of their label file, pictures read, problems, each said)."""
    import cv2

    from ..deploy.cropping import cut_lines
    from ..deploy.pictures import open_image

    rows: list[str] = []
    names: set[str] = set()
    problems = 0
    for path, boxes in pages:
        try:
            picture = open_image(path)
        except (OSError, ValueError) as error:
            warn(f"{path}: {reason_of(error)}")
            problems += 1
            continue
        name = _new_name(path.stem, names)
        names.add(name)
        for number, text, line, fault in cut_lines(picture, boxes):
            if line is None:
                warn(f"{path}: box {number} ({shorten(text)}) is left out: {fault}.")
                problems += 1
                continue
            image = f"{name}_{number}.png"
            (folder / image).write_bytes(cv2.imencode(".png", line)[1].tobytes())
            rows.append(f"{prefix}{image}\t{text}\n")
    return rows, len(names), problems


def _new_name(name: str, used: Container[str]) -> str:
    """``name``, or if it is used already, with the first number after it that makes it new."""
    return next(each for each in chain([name], (f"{name}-{number}" for number in count(2))) if each not in used)
