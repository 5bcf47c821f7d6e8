"""`verify`: an exported model in other readers, which should read the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UserError, finish, pluralize
from .terminal import make_table, print_table, warn_first

if TYPE_CHECKING:
    from ..deploy.models import Model
    from ..deploy.sources import Picture
    from ..deploy.verification import Outcome, PictureReading

PICTURES = {"det": 20, "rec": 200, "cls": 200}  # looked at, unless the user says otherwise
SHOWN = 5  # pictures of a reader that differ
BOXES_SHOWN = 3  # of such a picture


def verify(
    folder: str,
    paths: Sequence[str] = (),
    data: str | None = None,
    data_dir: str | None = None,
    pythons: Sequence[str] = (),
    count: int | None = None,
) -> int:
    """Read pictures with an exported model in every reader that is installed, and print where they differ.

    Args:
        folder: of the model, with ``inference.onnx``.
        paths: pictures, and folders of them.
        data: a label file whose pictures are read too; None for none. What it says of them does not count.
        data_dir: what its images are relative to; None for its folder.
        pythons: interpreters of other environments, which may have other readers.
        count: how many pictures are read at most, from all parts of what is named; None for the number in PICTURES.
    Returns:
        0 if all readers agree; 1 if one differs or cannot use the model, a picture could not be opened, or a line
            names none.
    Raises:
        UserError: a file of the model, all pictures or all of the label file are missing, or an interpreter cannot be
            used.
    """
    from ..deploy import peer_processes, verification

    model = verification.open_model(folder)
    files, broken_lines = _find_files(paths, data, data_dir)
    pictures, unread = _open_pictures(files, count or PICTURES[model.kind], model.kind == "rec")
    problems = [*broken_lines, *unread]
    pixels = [picture.pixels for picture in pictures if picture.pixels is not None]
    names = [picture.name for picture in pictures]
    ours = verification.read_here(model, pixels)
    plain, *others = peer_processes.read_with_peers(model, pixels, pythons)
    outcomes = [plain, verification.read_with_paddle(model, pixels), *others]
    warn_first(problems)
    if model.kind == "rec":
        _print_long_lines(model, pixels, ours)
    _print_table(len(pixels), ours, outcomes)
    for outcome in outcomes:
        _print_outcome(outcome, names, ours)
    failed = [each for each in outcomes if each.problem and each.was_tried]
    differ = any(not verification.is_same(a, b) for each in outcomes for a, b in zip(ours, each.readings))
    return 1 if failed or differ or problems else 0


def _find_files(paths: Sequence[str], data: str | None, data_dir: str | None) -> tuple[list[Path], list[str]]:
    """(the files to read, a sentence for each line of the label file that names none)"""
    from ..data.label_files import NO_SAMPLE, read_entries
    from ..deploy.labelled import require_pictures
    from ..deploy.sources import find_files

    files, problems = find_files(paths), []
    if data:
        require_pictures(data, data_dir)
        folder = Path(data_dir) if data_dir else Path(data).parent
        entries = [entry for entry in read_entries(data) if not entry.is_blank]
        files += [folder / image for entry in entries for image in entry.images]
        problems = [f"{entry.place}: {NO_SAMPLE}" for entry in entries if not entry.images]
    if not files:
        raise UserError("name pictures to read, or a label file of pictures with --data LABELS.")
    return files, problems


def _open_pictures(files: Sequence[Path], count: int, lines: bool) -> tuple[list[Picture], list[str]]:
    """``count`` pictures spread over ``files``, or all if there are no more.

    Args:
        lines: whether each is a line to read, so that one that is too long is refused.
    Returns:
        (pictures, a sentence for each that cannot be opened)
    """
    from ..deploy.sources import open_pictures

    count = min(count, len(files))
    opened = list(open_pictures([files[i * len(files) // count] for i in range(count)]))
    opened = [_refuse_long(picture) for picture in opened] if lines else opened
    problems = [f"{picture.name}: {picture.problem}" for picture in opened if picture.pixels is None]
    pictures = [picture for picture in opened if picture.pixels is not None]
    if not pictures:
        raise UserError(finish(f"no picture could be opened; the first problem is {problems[0]}"))
    return pictures, problems


def _refuse_long(picture: Picture) -> Picture:
    """``picture``, or the same without pixels if it is too long to be a line."""
    from ..deploy.pictures import require_line

    try:
        if picture.pixels is not None:
            require_line(picture.pixels)
    except ValueError as error:
        return picture._replace(pixels=None, problem=str(error))
    return picture


def _print_long_lines(model: Model, pixels: list, ours: Sequence[PictureReading]) -> None:
    """Say what `ocr` reads differently from all readers of single lines, as it gives a long line an empty end."""
    from ..deploy.engine import load_engine
    from ..deploy.lines import EMPTY_END, read_texts, reading_width

    height, width = model.settings.height, model.settings.width
    long = [i for i, line in enumerate(pixels) if reading_width(line, height, width) > width]
    if not long:
        return
    texts = read_texts([pixels[i] for i in long], load_engine(model.path, "onnxruntime"), model.settings)
    other = sum(text != ours[i].text for i, (text, _) in zip(long, texts))
    are = "line is" if len(long) == 1 else "lines are"
    click.echo(
        f"{len(long)} {are} longer than {width} pixels. `ppocrv2 ocr` alone puts {EMPTY_END} empty pixels behind such a"
        f" line, which changes {pluralize(other, 'text')} here. The table leaves these pixels out."
    )


def _print_table(count: int, ours: Sequence[PictureReading], outcomes: Sequence[Outcome]) -> None:
    from ..deploy.verification import is_same

    table = make_table(f"{pluralize(count, 'picture')} in", "the same", "other", "not read")
    for outcome in outcomes:
        if outcome.problem:
            table.add_row(outcome.reader, "", "", "cannot" if outcome.was_tried else "not tried")
            continue
        unread = sum(reading.problem is not None for reading in outcome.readings)
        same = sum(is_same(a, b) for a, b in zip(ours, outcome.readings))
        table.add_row(outcome.reader, *map(str, (same, count - same - unread, unread)))
    print_table(table)


def _print_outcome(outcome: Outcome, names: Sequence[str], ours: Sequence[PictureReading]) -> None:
    """Print why a reader was not used, what it had to be told, and the first pictures that it reads differently."""
    from ..deploy.verification import is_same

    for remark in [*outcome.notes, *filter(None, [outcome.problem])]:
        click.echo(finish(f"{outcome.reader}: {remark}"))
    rows = [(name, a, b) for name, a, b in zip(names, ours, outcome.readings) if not is_same(a, b)]
    for name, here, there in rows[:SHOWN]:
        click.echo(f"{outcome.reader}: {name}: {_describe_difference(here, there)}")
    if len(rows) > SHOWN:
        click.echo(f"{outcome.reader}: and {len(rows) - SHOWN} more.")


def _describe_difference(here: PictureReading, there: PictureReading) -> str:
    from ..deploy.verification import find_single_boxes

    if there.problem:
        return f"not read ({there.problem})."
    if here.text != there.text:
        return f"{here.text!r} ({here.score:.3f}) here, {there.text!r} ({there.score:.3f}) there."
    single = find_single_boxes(here.boxes, there.boxes)
    places = [f"at {int(box[0][0])}, {int(box[0][1])} {where}" for where, box in single]
    more = ", ..." if len(places) > BOXES_SHOWN else ""
    counts = f"{len(here.boxes)} boxes here, {len(there.boxes)} there"
    return f"{counts}; without a partner: {', '.join(places[:BOXES_SHOWN])}{more}."
