"""The pictures that a label file names: whether they are where they are looked for, and how many faults are told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..data.label_files import read_entries
from ..errors import UserError
from ..files import PathLike

TOLD = 5  # of a list: a longer one moves what matters off the screen


def require_pictures(labels: PathLike, data_dir: PathLike | None) -> None:
    """Refuse a label file if none of its pictures is there: their names are relative to another folder.

    A file that names no picture, or one by its whole path, is let pass: another folder would not help it.

    Args:
        labels: a label file, ``image<TAB>label``.
        data_dir: what its images are relative to; None for its folder.
    Raises:
        UserError: none is there, or the file cannot be read.
    """
    folder = Path(data_dir) if data_dir else Path(labels).parent
    names = list(dict.fromkeys(name for entry in read_entries(labels) for name in entry.images))
    if not names or not all(_is_missing(folder, name) for name in names):
        return
    first = names[0]
    several = len(names) > 1
    what = f"none of its {len(names)} pictures is" if several else "its only picture is not"
    above = next((each for each in folder.parents if not _is_missing(each, first)), None)
    advice = (
        f"{first} is in {above}, so give --data-dir {above}"
        if above
        else f"name the folder that {first} is relative to with --data-dir"
    )
    raise UserError(f"{labels}: {what} in {folder}, where {'they are' if several else 'it is'} looked for; {advice}.")


def first_few(sentences: Sequence[str]) -> list[str]:
    """The first sentences or names of a list, at most TOLD, and how many more there are."""
    more = len(sentences) - TOLD
    return [*sentences[:TOLD], f"and {more} more"] if more > 1 else list(sentences)


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
