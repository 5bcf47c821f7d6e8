"""Files that are written together, all or none: they are staged in a hidden folder, and then take their places.

:func:`fill_folder` fills a new folder, and :func:`write_new` writes a few new files. Both leave nothing after an error.
:func:`staging` replaces what is there, and can be killed at any time.

A checkpoint and a model are written in three steps, and a process may be killed in any of them:

1. One hidden folder, the part, gets the new files. It is removed if the writer does not come to step 2.
2. It is renamed to another hidden folder, the whole. From here on the new files count.
3. They take the places of the old ones. The next writer finishes that if this one did not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from .errors import UserError, reason_of
from .files import atomic_write, read_regular, synchronize
from .folder_lock import removing_if_empty


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
    with _temporary(part):
        yield part
        for path in (*part.rglob("*"), part):
            synchronize(path)
        if whole.exists():  # an earlier writer was cut short in step 3
            move(whole, folder)
        part.rename(whole)
        synchronize(folder)
        move(whole, folder)


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[None]:
    """A context with an empty folder, which is removed at the end if it is still there."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


@contextlib.contextmanager
def fill_folder(folder: Path) -> Iterator[Path]:
    """A context in which to fill a new or empty folder: ``with fill_folder(folder) as part: (part / name).write...``.

    ``part`` is a folder inside ``folder``. At the end of the context, what it holds becomes the content of ``folder``.
    After an error ``part`` is removed, and so is ``folder`` if it is new.

    Raises:
        UserError: the folder holds something or cannot be written to.
    """
    part = folder / f".part-{os.getpid()}"
    try:
        with removing_if_empty(folder):
            folder.mkdir(parents=True, exist_ok=True)
            found = next(folder.iterdir(), None)
            if found:
                raise UserError(f"{folder} is not empty, it holds {found.name}; empty it, or name another --output.")
            with _temporary(part):
                yield part
                for path in part.iterdir():
                    path.rename(folder / path.name)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {reason_of(error)}; name another --output.") from error


def write_new(files: Mapping[Path, bytes]) -> None:
    """Write all of the files, or none of them. A file that has its content already stays.

    Raises:
        UserError: at one of the paths there is something else, or a file cannot be written.
    """
    missing = {file: content for file, content in files.items() if not _holds(file, content)}
    taken = [str(file) for file in missing if os.path.lexists(file)]
    if taken:
        raise UserError(f"{' and '.join(taken)} would be overwritten; name another --output.")
    with contextlib.ExitStack() as stack:
        for file, content in missing.items():
            stack.enter_context(atomic_write(file)).write_bytes(content)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return read_regular(file) == content
    except OSError:
        return False
