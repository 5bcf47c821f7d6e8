"""Files that appear whole or not at all, files that can be read without waiting, and what there is at a path."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Union

from .errors import UserError, reason_of

PathLike = Union[str, "os.PathLike[str]"]  # what a caller names a file with

LONGEST_SUFFIX = 16  # characters; a longer one names no format
_ERRORS_OF_NAMES = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)  # the last two: a file system forbids a character


class FileNameError(UserError):
    """One file cannot be written for its own name. Others in the same folder may be."""


@contextlib.contextmanager
def atomic_write(path: PathLike) -> Iterator[Path]:
    """A context in which to write a file: ``with atomic_write(path) as part: part.write_text(...)``.

    ``part`` is another path in the same folder, which is created. At the end of the context ``part`` becomes ``path``,
    so whoever finds ``path`` finds all of it. After an error ``part`` is removed and ``path`` is as it was. Several
    processes may write the same file.

    Raises:
        UserError: the file cannot be written. It is a FileNameError if another file in its folder could be: the name is
            too long, or a folder, a device or a pipe has it. A device or a pipe is refused: the file would take its
            place.
    """
    path = Path(path)
    obstacle = _DEVICE if path.parent == Path("/dev") else find_obstacle(path, devices=False)
    if obstacle:
        raise FileNameError(f"cannot write {path}: {obstacle}; name another place.")
    part = path.with_name(_name_part(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        advice = "shorten its name" if error.errno == errno.ENAMETOOLONG else "name another place"
        kind = FileNameError if error.errno in _ERRORS_OF_NAMES else UserError
        raise kind(f"cannot write {path}: {reason_of(error)}; {advice}.") from error
    finally:
        with contextlib.suppress(OSError):  # a folder that cannot be written to holds no part either
            part.unlink(missing_ok=True)


def _name_part(path: Path) -> str:
    """The name of what becomes ``path``. It is short: a legal name with more before it may be too long.

    Its suffix is that of ``path``, as it may say in which format to write.
    """
    digest = hashlib.sha256(path.name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    suffix = path.suffix if len(path.suffix) <= LONGEST_SUFFIX else ""
    return f".part-{os.getpid()}-{digest}{suffix}"


_DEVICE = "it is a device, not a file"
# What stands in place of a file, and how a sentence calls it.
_KINDS = (
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, _DEVICE),
    (stat.S_ISBLK, _DEVICE),
)


def open_regular(path: PathLike) -> BinaryIO:
    """Open a file to read its bytes. A pipe, a device or a folder is refused: reading one may never end.

    Raises:
        OSError: there is no such file, or what is there is no regular file. Then ``errno`` is EINVAL, and
            ``strerror`` says what it is.
        ValueError: the name has a NUL in it.
    """
    # Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = _describe(os.fstat(descriptor).st_mode)
    if kind:
        os.close(descriptor)
        raise OSError(errno.EINVAL, kind, str(path))
    return os.fdopen(descriptor, "rb")


def _describe(mode: int) -> str | None:
    if stat.S_ISREG(mode):
        return None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "it is not a regular file")


def find_obstacle(path: PathLike, devices: bool = True) -> str | None:
    """What stands where a file is to be written, such as "it is a folder"; None for a file or nothing.

    Args:
        devices: whether one that takes characters, such as /dev/null, is fine too.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # ValueError: the name has a NUL in it
        return None
    return None if devices and stat.S_ISCHR(mode) else _describe(mode)


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


def _read_mode(path: PathLike) -> int:
    """The mode of what is there; 0 for nothing."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError) as error:  # ValueError: the name has a NUL in it
        raise UserError(f"cannot look at {path} ({reason_of(error)}); name another place.") from error


def identify(paths: Iterable[PathLike]) -> set[tuple[int, int]]:
    """What tells files apart by whatever name or link: device and inode of each that is there."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError, ValueError):  # it is not there, or no file can have this name
            status = os.stat(path)
            found.add((status.st_dev, status.st_ino))
    return found


def synchronize(path: PathLike) -> None:
    """Let a file, or the names in a folder, reach the disk. What a disk has no room for may be known only then.

    Raises:
        OSError: it cannot.
    """
    if os.path.isdir(path) and not hasattr(os, "O_DIRECTORY"):  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_regular(path: PathLike) -> bytes:
    """The bytes of a file, which :func:`open_regular` opens."""
    with open_regular(path) as file:
        return file.read()


def printable(path: PathLike) -> str:
    """A path as text that every file in UTF-8 can hold: of a name in another encoding, bytes are escaped."""
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def sha256(path: PathLike) -> str:
    """The SHA-256 of a file, which :func:`open_regular` opens, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
