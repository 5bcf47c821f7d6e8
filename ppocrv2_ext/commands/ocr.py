"""`ocr`: read whole pictures with the official models or exported ones. It needs no PaddleOCR, and Paddle only as an
engine."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import UserError, first_few, pluralize
from ..files import FileNameError, PathLike, atomic_write, identify
from ..write_checks import require_apart, require_writable_folder
from .inputs import list_model_files
from .terminal import show_progress, warn

if TYPE_CHECKING:
    import numpy as np

    from ..deploy.ocr import Line
    from ..deploy.sources import Picture

SUFFIXES = {"text": ".txt", "json": ".json", "picture": ".png", "pdf-text": ".pdf"}
STANDARD_OUTPUT = Path()  # in place of a file
ANOTHER_FOLDER = "name another folder with --output DIR"
NEEDS_OUTPUT = ("picture", "pdf-text")  # not for a terminal


def read_pictures(
    paths: Sequence[str],
    det: str | None = None,
    rec: str | None = None,
    cls: str | None = None,
    engine: str = "onnxruntime",
    form: str = "text",
    output: str | None = None,
    least_score: float = 0.5,
) -> int:
    """Read pictures and write what they say, to standard output or into a folder.

    Standard error says what was written where, and which pictures have no line.

    Args:
        paths: images, PDF files and folders of them.
        det, rec, cls, engine, least_score: as :class:`~ppocrv2_ext.deploy.ocr.OCR` takes them.
        form: a key of SUFFIXES.
        output: the folder for one file each; None for standard output, in the order of ``paths``.
    Returns:
        0, or 1 if a file could not be read, or what was read could not be written for the name of its file: the others
        are.
    Raises:
        UserError: a path, an engine or a model is missing, or a file cannot be written.
    """
    if form in NEEDS_OUTPUT and not output:
        raise UserError(f"--format {form} writes files; name a folder with --output DIR.")
    if output and Path(output).suffix.lower() in SUFFIXES.values() and not os.path.isdir(output):
        other = "" if form in NEEDS_OUTPUT else "; without it, all goes to standard output"
        raise UserError(f"--output {output}: this is the name of a file, and a folder is written{other}.")
    from ..deploy.ocr import OCR
    from ..deploy.pages import find_losses, read_in_order
    from ..deploy.sources import find_files, open_pictures

    files = find_files(paths)
    if output:
        files = _name_once(files)
        require_writable_folder("--output", output)
    targets = _name_targets(files, output, SUFFIXES[form])
    inputs = identify([*files, *list_model_files(det, rec, cls)])
    for target in targets.values():
        require_apart(target, inputs, ANOTHER_FOLDER)
    reader = OCR(det, rec, cls, engine, least_score=least_score)
    record = _Record(form, targets, inputs, shows_names=form == "text" and len(files) > 1)
    with show_progress(len(files)) as advance:
        for picture, lines in read_in_order(reader, open_pictures(files)):
            if lines is None or picture.pixels is None:
                record.note_unread(picture)
            else:
                for sentence in find_losses(reader, picture, lines):
                    warn(sentence)
                record.add(picture, picture.pixels, lines)
            if picture.page == picture.pages:
                record.finish_file(picture.path)
                advance()
    record.summarise(output, least_score)
    return 1 if record.unread or record.unwritten else 0


class _Record:
    """What was read so far: the pages of the file that is being read, and counts over all files.

    Args:
        form: a key of SUFFIXES.
        targets: {file: what is written for it}; without a target it is standard output.
        inputs: the files that are read, identified: none of them is overwritten.
        shows_names: whether a text on standard output has the name of its file above it.
    """

    def __init__(
        self, form: str, targets: Mapping[Path, Path], inputs: set[tuple[int, int]], shows_names: bool
    ) -> None:
        self.form, self.targets, self.inputs, self.shows_names = form, targets, inputs, shows_names
        self.unread = self.unwritten = self.written = 0
        self.empty: list[str] = []  # names of pictures without a line
        self.parts: list[Any] = []  # of the file that is being read, as _render makes them

    def note_unread(self, picture: Picture) -> None:
        """Name a picture that could not be read."""
        self.unread += 1
        warn(f"{picture.name}: {picture.problem}")

    def add(self, picture: Picture, pixels: np.ndarray, lines: list[Line]) -> None:
        """Render a picture and keep what is left of it. The pixels are not kept: a long PDF has too many."""
        if not lines:
            self.empty.append(picture.name)
        with self._naming_unwritten(picture.name):
            target = self.targets.get(picture.path, STANDARD_OUTPUT)
            self.parts.append(_render(self.form, picture, pixels, lines, target, self.inputs))

    def finish_file(self, path: Path) -> None:
        """Write the pages of a file, the last of which was added. There may be none that could be read."""
        parts, self.parts = self.parts, []
        if parts:
            with self._naming_unwritten(path):
                heading = f"== {path}\n" if self.shows_names else ""
                _write(self.form, parts, self.targets.get(path, STANDARD_OUTPUT), heading)
                self.written += len(parts) if self.form == "picture" else 1

    def summarise(self, output: str | None, least_score: float) -> None:
        """Say on standard error what was written, in which pictures no line was found, and what went wrong."""
        if output:
            kind = "picture" if self.form == "picture" else "file"
            click.echo(f"Written to {output}: {pluralize(self.written, kind)}", err=True)
        if self.empty:
            rule = f"; lines with a score below --min-score {least_score:g} do not count" if least_score else ""
            click.echo(f"No line was found in {', '.join(first_few(self.empty))}{rule}.", err=True)
        for count, what in ((self.unread, "read"), (self.unwritten, "written")):
            if count:
                warn(f"{count} could not be {what}.")

    @contextlib.contextmanager
    def _naming_unwritten(self, name: PathLike) -> Iterator[None]:
        """A context in which a file that cannot be written for its name is named and counted. Others go on."""
        try:
            yield
        except FileNameError as error:
            self.unwritten += 1
            warn(f"{name}: {error}")


def _name_once(files: Sequence[Path]) -> list[Path]:
    """The files, each once. Those that are given more than once are named on stderr."""
    for file, count in Counter(files).items():
        if count > 1:
            warn(f"{file} is given {'twice' if count == 2 else f'{count} times'}; it is read once.")
    return list(dict.fromkeys(files))


def _name_targets(files: Sequence[Path], output: str | None, suffix: str) -> dict[Path, Path]:
    """{file: what is written for it}; files of one name keep their own suffix before the new one.

    Raises:
        UserError: two files would be written to one place, or one over a file that is read.
    """
    if not output:
        return {}
    stems = [file.stem for file in files]
    folder = Path(output)
    targets = {file: folder / f"{file.stem if stems.count(file.stem) == 1 else file.name}{suffix}" for file in files}
    places: dict[Path, Path] = {}
    for file, target in targets.items():
        if target in places:
            raise UserError(
                f"{places[target]} and {file} would both be written to {target}; read each into a folder of its own."
            )
        places[target] = file
    for file, target in targets.items():
        is_beside = file.parent.resolve() == folder.resolve()
        if is_beside and {folder / file.name, _without_page(folder / file.name)} & set(places):
            raise UserError(f"{file} is read, and could be overwritten; {ANOTHER_FOLDER}.")
        if is_beside and os.path.lexists(target):  # unlike Path.exists, it takes a name that is too long
            raise UserError(f"{target} lies beside {file} already; {ANOTHER_FOLDER}.")
    for file, target in targets.items():
        other = places.get(_without_page(target), file)
        if other != file and suffix == SUFFIXES["picture"]:
            raise UserError(
                f"{file} and a page of {other} could be written to {target}; read each into its own folder."
            )
    return targets


def _without_page(path: Path) -> Path:
    """The name without the number of a page: page 2 of a.pdf becomes a-2.png."""
    return path.with_name(re.sub(r"-\d+$", "", path.stem) + path.suffix)


def _render(
    form: str, picture: Picture, pixels: np.ndarray, lines: list[Line], target: Path, inputs: set[tuple[int, int]]
) -> Any:
    """What is kept of a page until its file is written: without the pixels, of which a long PDF has too many.

    A picture for people is written at once.
    """
    from ..deploy import formats

    if form == "text":
        return formats.as_text(lines)
    if form == "json":
        return formats.as_json(lines, picture.path, picture.page, pixels.shape)
    if form == "pdf-text":
        return formats.as_pdf_page(lines, pixels, picture.points)
    from ..preview.fonts import load_label_font

    place = target if picture.pages == 1 else target.with_name(f"{target.stem}-{picture.page}{target.suffix}")
    require_apart(place, inputs, ANOTHER_FOLDER)  # of several pages, each has its own file
    with atomic_write(place) as part:
        formats.as_picture(lines, pixels, load_label_font).save(part)
    return None


def _write(form: str, parts: list[Any], target: Path, heading: str) -> None:
    """Write the pages of one file; on standard output, below a heading. Pictures are written already."""
    from ..deploy import formats

    if form == "pdf-text":
        with atomic_write(target) as part:
            part.write_bytes(formats.as_pdf(parts))
    elif form in ("text", "json"):
        text = ("\n" if form == "text" else "").join(parts)
        if target == STANDARD_OUTPUT:
            click.echo(heading + text, nl=False)
        else:
            with atomic_write(target) as part:
                part.write_text(text, encoding="utf-8")
