"""Labelled pictures: what a label file says, whether its pictures are where they are looked for, and the pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.label_files import NO_SAMPLE, Entry, read_entries
from ..data.labels import is_detection_label, read_boxes
from ..errors import UserError, reason_of
from ..files import PathLike
from .pictures import open_image


class Sample(NamedTuple):
    """A picture, and what is written in it."""

    path: Path
    label: Any  # of a whole picture [(polygon, text), ...], of a line its text
    name: str  # of the picture, as the label file has it
    place: str  # of the line in the label file, ``file:number``


class Labels(NamedTuple):
    """What a label file says."""

    samples: list[Sample]
    problems: list[str]  # a sentence for each line that is left out


class Opened(NamedTuple):
    """The samples whose pictures could be opened."""

    samples: list[Sample]
    pictures: list[np.ndarray]  # (H, W, 3) uint8 BGR, one for each of ``samples``
    problems: list[str]  # a sentence for each picture that could not be opened


def read_samples(data: PathLike, data_dir: PathLike | None, kind: str, count: int | None = None) -> Labels:
    """The samples of a label file, one for each picture: a line may name several, as ``["a.png", "b.png"]<TAB>text``.

    A line that is no sample is left out, and so is a picture that an earlier line has. Lines that stand twice are no
    problem, lines that contradict each other are.

    Args:
        data: a label file, ``image<TAB>[{"transcription", "points"}, ...]`` of whole pictures, else ``image<TAB>text``.
        data_dir: what the images are relative to; None for the folder of the file.
        kind: "det" for whole pictures, "rec" or "cls" for lines.
        count: the most samples, from all parts of the file; None for all.
    Raises:
        UserError: the file cannot be read or has no sample, or none of its pictures is there.
    """
    entries = [entry for entry in read_entries(data) if not entry.is_blank]
    folder = Path(data_dir) if data_dir else Path(data).parent
    samples: dict[str, Sample] = {}  # by path without . and ..
    firsts: dict[str, Entry] = {}
    problems = []
    for entry in entries:
        try:
            found = _parse(entry, folder, kind)
        except ValueError as error:
            problems.append(f"{entry.place}: {error}")
            continue
        for sample in found:
            path = os.path.normpath(sample.path)
            first = firsts.setdefault(path, entry)
            if first is entry:
                samples[path] = sample
            elif first.label != entry.label:  # a line that stands twice weighs twice in a training, and is no problem
                problems.append(
                    f"{entry.place}: {sample.path} has another label at {first.place}; label it in one line"
                )
    if not samples:
        form = '[{"transcription", "points"}, ...]' if kind == "det" else "text"
        reason = problems[0] if problems else "it is empty"
        raise UserError(f"{data} has no labelled picture: a line must be image<TAB>{form}; {reason}.")
    _require_there(data, folder, entries)
    step = -(-len(samples) // count) if count else 1
    return Labels(list(samples.values())[::step], problems)


def _parse(entry: Entry, folder: Path, kind: str) -> list[Sample]:
    """The samples of a line that is not blank.

    Raises:
        ValueError: it has none, of this kind; the message says why.
    """
    if not entry.images:
        raise ValueError(NO_SAMPLE)
    label: Any = entry.label
    if kind == "det":
        try:
            label = read_boxes(entry.label)
        except ValueError as error:
            raise ValueError(f"no boxes of a picture ({error})") from error
    elif is_detection_label(entry.label):
        raise ValueError("the label is a list of boxes, and not the text of a line")
    return [Sample(folder / name, label, name, entry.place) for name in entry.images]


def open_samples(samples: Sequence[Sample], open_one: Callable[[Path], np.ndarray] = open_image) -> Opened:
    """The pictures of samples. One that cannot be opened is left out.

    Args:
        open_one: of a picture; for a recognizer :func:`~ppocrv2_ext.deploy.pictures.open_line`.
    """
    opened = Opened([], [], [])
    for sample in samples:
        try:
            opened.pictures.append(open_one(sample.path))
            opened.samples.append(sample)
        except (OSError, ValueError) as error:
            opened.problems.append(f"{sample.place}: {sample.path}: {reason_of(error)}")
    return opened


def require_pictures(labels: PathLike, data_dir: PathLike | None) -> None:
    """Refuse a label file if none of its pictures is there: their names are relative to another folder.

    A file that names no picture, or one by its whole path, is let pass: another folder would not help it.

    Args:
        labels: a label file, ``image<TAB>label``.
        data_dir: what its images are relative to; None for its folder.
    Raises:
        UserError: none is there, or the file cannot be read.
    """
    _require_there(labels, Path(data_dir) if data_dir else Path(labels).parent, read_entries(labels))


def _require_there(labels: PathLike, folder: Path, entries: Iterable[Entry]) -> None:
    names = list(dict.fromkeys(name for entry in entries for name in entry.images))
    if not names or not all(_is_missing(folder, name) for name in names):
        return
    first = names[0]
    several = len(names) > 1
    what = f"none of its {len(names)} pictures is" if several else "its only picture is not"
    above = next((each for each in folder.absolute().parents if not _is_missing(each, first)), None)
    if above and not folder.is_absolute():
        above = Path(os.path.relpath(above))
    advice = (
        f"{first} is in {above}, so give `--data-dir {above}`"
        if above
        else f"name the folder that {first} is relative to with --data-dir"
    )
    raise UserError(f"{labels}: {what} in {folder}, where {'they are' if several else 'it is'} looked for; {advice}.")


def _is_missing(folder: Path, name: str) -> bool:
    """Whether there is surely no such file. What may not be looked at has a fault of its own."""
    if os.path.isabs(name):
        return False
    try:
        os.stat(folder / name)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # ValueError: the name has a NUL in it
        return False
    return False
