"""Files that are written together, all or none: they are staged in a hidden folder, and then take their places.

A checkpoint and a model are written in three steps, and a process may be killed in any of them:

1. One hidden folder, the part, gets the new files. It is removed if the writer does not come to step 2.
2. It is renamed to another hidden folder, the whole. From here on the new files count.
3. They take the places of the old ones. The next writer finishes that if this one did not.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .files import synchronize


@contextlib.contextmanager
def staging(part: Path, whole: Path, move: Callable[[Path, Path], None]) -> Iterator[Path]:
    """A context that gives the empty folder ``part``, whose files then take their places in the folder above it.

    After an error in step 1, that folder is as it was.

    Args:
        part, whole: hidden folders in the one to write into, which is there.
        move: step 3, of ``whole`` and the folder to write into. It can be done again after it was cut short, and
            removes ``whole`` at its end.
    Raises:
        OSError: the disk is full, or the folder is gone or cannot be written to.
    """
    folder = part.parent
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        for path in (*part.rglob("*"), part):
            synchronize(path)
        if whole.exists():  # an earlier writer was cut short in step 3
            move(whole, folder)
        part.rename(whole)
        synchronize(folder)
        move(whole, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def move_files(files: Iterable[Path], whole: Path, folder: Path) -> None:
    """Let files of ``whole`` take their places in ``folder``, one after the other. What has their names is replaced."""
    for path in files:
        target = folder / path.relative_to(whole)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
        synchronize(target.parent)


def list_files(folder: Path) -> list[Path]:
    """The files in a folder and in the folders below it, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def remove_links(paths: Iterable[Path]) -> None:
    """Remove links in place of a part or a whole: no writer makes one, and what it names is somebody else's."""
    for path in paths:
        if path.is_symlink():
            path.unlink()
