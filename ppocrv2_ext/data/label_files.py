"""Label files of PaddleOCR's SimpleDataSet, with ``image<TAB>label`` on each line.

What is wrong with a line is given by names of :data:`~.reasons.REASONS`.
"""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError, reason_of
from ..files import PathLike, read_regular
from .encoding import find_wide_encoding

SIZE_COLUMNS = re.compile(r"[0-9]+(\.[0-9]+)?")
NO_SAMPLE = "it is not `image<TAB>label` in UTF-8"


class Entry(NamedTuple):
    """A line of a label file."""

    file: Path
    number: int  # of the line; the first is 1
    text: str  # the line without its end; "" if it is blank or not UTF-8
    name: str | None  # what is before the first tab; None if the line holds no sample
    images: tuple[str, ...]  # the image names in ``name``; if there are several, PaddleOCR picks one at random
    label: str  # what is between the first tab and a second one
    reasons: tuple[str, ...]  # what is wrong with the line
    columns: tuple[str, ...] = ()  # after the label, those that the data set reads: a width and a height

    @property
    def place(self) -> str:
        """``file:number``."""
        return f"{self.file}:{self.number}"

    @property
    def is_blank(self) -> bool:
        """Whether nothing is lost without the line. A line that is not UTF-8 holds something."""
        return "blank-line" in self.reasons


def read_entries(file: PathLike, delimiter: str = "\t", with_sizes: bool = False) -> list[Entry]:
    """Every line of a label file, also the blank and the broken ones. A file in UTF-16 or UTF-32 is converted.

    Args:
        with_sizes: whether each line must go on with the width and the height of its image.
    Raises:
        UserError: the file cannot be read.
    """
    file = Path(file)
    try:
        content = read_regular(file)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the label file {file}: {reason_of(error)}.") from None
    text, mark = _as_utf8(content)
    lines = text.split(b"\n")
    if lines[-1] == b"":  # what follows the last newline is not a line
        lines.pop()
    return [_entry(file, n, line, delimiter, with_sizes, mark if n == 1 else ()) for n, line in enumerate(lines, 1)]


def _as_utf8(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """(the content of a label file in UTF-8 without a byte-order mark, what is wrong with the file)."""
    if content.startswith(codecs.BOM_UTF8):
        return content[len(codecs.BOM_UTF8) :], ("byte-order-mark",)
    encoding = find_wide_encoding(content)
    if encoding is None:
        return content, ()
    return content.decode(encoding, "replace").lstrip("\ufeff").encode("utf-8", "replace"), ("utf-16-file",)


def _entry(file: Path, number: int, line: bytes, delimiter: str, with_sizes: bool, reasons: tuple[str, ...]) -> Entry:
    if line.endswith(b"\r"):
        line, reasons = line.rstrip(b"\r"), (*reasons, "windows-line-end")

    def without_sample(text: str, reason: str) -> Entry:
        return Entry(file, number, text, None, (), "", (*reasons, reason))

    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return without_sample("", "not-utf8")
    if not text.strip():
        return without_sample("", "blank-line")
    name, tab, rest = text.partition(delimiter)
    if not tab:
        return without_sample(text, "no-tab")
    label, more, rest = rest.partition(delimiter)
    if not with_sizes:
        return Entry(
            file, number, text, name, list_images(name), label, (*reasons, "more-columns") if more else reasons
        )
    columns = tuple(rest.split(delimiter))
    if len(columns) != 2 or not all(SIZE_COLUMNS.fullmatch(column) and float(column) for column in columns):
        return without_sample(text, "no-size")
    return Entry(file, number, text, name, list_images(name), label, reasons, columns)


def list_images(name: str) -> tuple[str, ...]:
    """The image names in `a.jpg` or `["a.jpg", "b.jpg"]`."""
    if name.startswith("["):
        try:
            names = json.loads(name)
        except (ValueError, RecursionError):
            return (name,)
        if names and all(isinstance(each, str) for each in names):
            return tuple(names)
    return (name,)
