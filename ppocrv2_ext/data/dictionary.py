"""Dictionaries: the characters that a recognizer tells apart, one class each."""

from pathlib import Path

from ..errors import UserError

BLANK = "blank"


def read_dictionary(path, space=True):
    """Characters of a dictionary file as classes: blank first, a space last if ``space`` (``use_space_char``).

    Lines are read as PaddleOCR reads them (ppocr/postprocess/rec_postprocess.py): only the newline goes. Repeated
    characters and empty lines between others are classes too, as dictionaries that come with PaddleOCR have both.
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
