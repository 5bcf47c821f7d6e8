"""Dictionaries: the characters that a recognizer tells apart, one class each."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..files import PathLike

BLANK = "blank"


def read_dictionary(path: PathLike, space: bool = True) -> list[str]:
    """The classes of a recognizer: blank first, then a character for each line of the file.

    A line is read as PaddleOCR reads it (ppocr/postprocess/rec_postprocess.py): only its end is cut off. Repeated
    characters and empty lines between others are classes too, since dictionaries that come with PaddleOCR have both.

    Args:
        space: whether a space follows as the last class (``use_space_char``).
    Raises:
        UserError: the file is missing or empty, is not UTF-8, or its last line is empty.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UserError(f"cannot read the dictionary {path}: {error.strerror}.") from error
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
    return [BLANK, *characters, *([" "] if space else [])]
