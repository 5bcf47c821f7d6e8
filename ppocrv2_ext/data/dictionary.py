"""Dictionaries: the characters that a recognizer tells apart, one class each."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError, reason_of
from ..files import PathLike, read_regular
from .encoding import find_wide_encoding

BLANK = "blank"
COMMENT = ("#", "//", ";")  # how a line begins that its writer meant as a comment


def read_dictionary(path: PathLike, space: bool = True) -> list[str]:
    """The classes of a recognizer: blank first, then a character for each line of the file.

    A line is read as PaddleOCR reads it (ppocr/postprocess/rec_postprocess.py): only its end is cut off. Repeated
    characters and empty lines between others are classes too, since dictionaries that come with PaddleOCR have both.
    A byte-order mark is not part of the first character.

    Args:
        space: whether a space follows as the last class (``use_space_char``).
    Raises:
        UserError: the file is missing or empty, is not UTF-8, or its last line is empty.
    """
    return [BLANK, *_read_characters(Path(path))[0], *([" "] if space else [])]


def _read_characters(path: Path) -> tuple[list[str], bool]:
    """(the characters of the lines, whether the file begins with a byte-order mark)"""
    try:
        content = read_regular(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the dictionary {path}: {reason_of(error)}.") from error
    if find_wide_encoding(content):
        raise UserError(f"{path}:1: the dictionary is UTF-16; save it as UTF-8.")
    has_mark = content.startswith(codecs.BOM_UTF8)
    lines = content[len(codecs.BOM_UTF8) if has_mark else 0 :].split(b"\n")
    if lines[-1] == b"":  # what follows the last newline is not a line
        lines.pop()
    characters = []
    for number, line in enumerate(lines, 1):
        try:
            characters.append(line.decode("utf-8").strip("\r\n"))
        except UnicodeDecodeError as error:
            raise UserError(f"{path}:{number}: not UTF-8 ({error.reason}); save the dictionary as UTF-8.") from error
    if not characters:
        raise UserError(f"{path}:1: the dictionary is empty; put one character on each line.")
    if characters[-1] == "":
        raise UserError(f"{path}:{len(characters)}: the last line is empty and would be one more class; delete it.")
    return characters, has_mark


class DictionaryFinding(NamedTuple):
    """What is unusual about a dictionary."""

    kind: str
    lines: tuple[int, ...]  # from 1
    sentence: str  # what it means and what to do


def check_dictionary(path: PathLike, space: bool = True) -> list[DictionaryFinding]:
    """What is unusual about a dictionary, such as lines that no text can have. A training can use it all the same.

    Args:
        space: ``use_space_char``.
    Raises:
        UserError: as :func:`read_dictionary`.
    """
    characters, has_mark = _read_characters(Path(path))
    return list(_find_unusual(characters, has_mark, space))


def _find_unusual(characters: Sequence[str], has_mark: bool, space: bool) -> Iterator[DictionaryFinding]:
    numbered = list(enumerate(characters, 1))
    if has_mark:
        sentence = "a byte-order mark stands before the first character; it is taken off. Save the file without it."
        yield DictionaryFinding("byte-order-mark", (1,), sentence)
    if is_one_row(characters):
        count = max(map(len, characters))
        sentence = f"all {count} characters are on one line, which makes one class; put each on its own line."
        yield DictionaryFinding("one-row", (1,), sentence)
        return
    several = [number for number, text in numbered if len(text) > 1]
    kept = " before the first training; in a trained model these are classes and must stay."
    blanks = [number for number in several if len(characters[number - 1].strip()) == 1]
    if blanks:
        sentence = f"a blank beside a character makes a class that no text can have. Take the blanks out{kept}"
        yield DictionaryFinding("outer-blank", tuple(blanks), sentence)
    apart = [number for number in several if number not in blanks and len(mend_class(characters[number - 1])) == 1]
    if apart:
        sentence = (
            "a letter and its accent are apart, which makes a class that no text can have."
            f" Save the dictionary in composed form (NFC){kept}"
        )
        yield DictionaryFinding("decomposed", tuple(apart), sentence)
    long = [number for number in several if number not in {*blanks, *apart}]
    if long:
        first = characters[long[0] - 1]
        what = "a comment" if first.startswith(COMMENT) else f"{len(first)} characters"
        sentence = (
            f"classes that no text can have: a line must hold one character, and {first[:20]!r} is {what}."
            " Delete these lines before the first training; in a trained model they are classes and must stay."
        )
        yield DictionaryFinding("several-characters", tuple(long), sentence)
    empty = [number for number, text in numbered if text == ""]
    if empty:
        sentence = "empty lines are classes that no text can have. Delete them before the first training."
        yield DictionaryFinding("blank-line", tuple(empty), sentence)
    first_lines = {text: number for number, text in reversed(numbered)}
    doubled = [number for number, text in numbered if len(text) == 1 and first_lines[text] < number]
    if doubled:
        sentence = (
            f"characters that earlier lines have too, such as {characters[doubled[0] - 1]!r}: only the last of"
            " equal lines is ever learnt. Delete the others before the first training."
        )
        yield DictionaryFinding("double", tuple(doubled), sentence)
    if space and " " in first_lines:
        sentence = (
            "the space is there twice: in this line, and as the last class by Global.use_space_char=true."
            " Delete the line or set use_space_char=false before the first training."
        )
        yield DictionaryFinding("space-twice", tuple(n for n, text in numbered if text == " "), sentence)


def mend_class(text: str) -> str:
    """A line of a dictionary without blanks around its character, in composed form (NFC)."""
    return unicodedata.normalize("NFC", text.strip()) if len(text) > 1 else text


def is_one_row(characters: Collection[str]) -> bool:
    """Whether the characters of a dictionary are one text of several, beside the space of ``use_space_char``."""
    rows = [text for text in characters if text != " "]
    return len(rows) == 1 and len(rows[0]) > 1


def read_without_mark(path: PathLike) -> bytes | None:
    """The content of a dictionary without its byte-order mark; None if it has none."""
    content = read_regular(path)
    return content[len(codecs.BOM_UTF8) :] if content.startswith(codecs.BOM_UTF8) else None
