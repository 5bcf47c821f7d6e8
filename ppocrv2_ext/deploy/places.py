"""Files and folders, looked at before the work: whether they are there, and whether a result can be written."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..errors import UserError
from ..files import PathLike


def has_file(path: PathLike) -> bool:
    """Whether there is a regular file.

    Raises:
        UserError: nobody can tell, as in a folder that may not be looked into.
    """
    return stat.S_ISREG(_read_mode(path))


def has_folder(path: PathLike) -> bool:
    """Whether there is a folder.

    Raises:
        UserError: nobody can tell, as in a folder that may not be looked into.
    """
    return stat.S_ISDIR(_read_mode(path))


def is_there(path: PathLike) -> bool:
    """Whether there is anything.

    Raises:
        UserError: nobody can tell, as in a folder that may not be looked into.
    """
    return _read_mode(path) != 0


def require_file_place(option: str, file: PathLike, inputs: Iterable[PathLike] = ()) -> None:
    """Refuse a place that a file cannot be written to. Nothing is created.

    Args:
        option: that names the file, for the sentence.
        file: what lies above it may be missing.
        inputs: files that are read, and must not be overwritten. They are looked at only if ``file`` is there.
    Raises:
        UserError: there is a folder, a device or a pipe, one of the inputs, or no permission to write.
    """
    mode = _read_mode(file)
    if mode and not stat.S_ISREG(mode):
        raise UserError(f"{option} {file} is a folder, a device or a pipe; name a file.")
    if mode and identify([file]) & identify(inputs):
        raise UserError(f"{option} {file} is read, and would be overwritten; name another file.")
    _require_writable(Path(file).absolute().parent, file)


def identify(paths: Iterable[PathLike]) -> set[tuple[int, int]]:
    """What tells files apart by whatever name or link: device and inode of each that is there."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError, ValueError):  # it is not there, or no file can have this name
            place = os.stat(path)
            found.add((place.st_dev, place.st_ino))
    return found


def require_folder_place(option: str, folder: PathLike) -> None:
    """Refuse a place at which no folder can be filled. Nothing is created.

    Args:
        option: that names the folder, for the sentence.
        folder: it may be missing, with what lies above it.
    Raises:
        UserError: there is something else, or no permission to write.
    """
    if is_there(folder) and not has_folder(folder):
        raise UserError(f"cannot write to {option} {folder}: it is no folder; name another place.")
    _require_writable(Path(folder).absolute(), folder)


def _require_writable(place: Path, target: PathLike) -> None:
    """Try to write into a folder, or into the nearest one above it that there is."""
    folder = next(each for each in (place, *place.parents) if is_there(each))
    if not has_folder(folder):
        raise UserError(f"cannot write {target}: {folder} is no folder; name another place.")
    probe = folder / f".writable-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}; name another place.") from error


def _read_mode(path: PathLike) -> int:
    """The mode of what is there; 0 for nothing."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError) as error:  # ValueError: the name has a NUL in it
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot look at {path} ({reason}); name another place.") from error
