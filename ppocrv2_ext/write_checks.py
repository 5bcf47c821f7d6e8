"""Whether a result can be written, looked at before the work that makes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from pathlib import Path

from .errors import UserError, reason_of
from .files import PathLike, has_file, has_folder, identify, is_there


def require_writable_file(option: str, file: PathLike, inputs: Iterable[PathLike] = ()) -> None:
    """Refuse a place that a file cannot be written to. Nothing is created.

    Args:
        option: that names the file, for the sentence.
        file: what lies above it may be missing.
        inputs: files that are read, and must not be overwritten. They are looked at only if ``file`` is there.
    Raises:
        UserError: there is a folder, a device or a pipe, one of the inputs, or no permission to write.
    """
    if is_there(file):
        if not has_file(file):
            raise UserError(f"{option} {file} is a folder, a device or a pipe; name a file.")
        require_apart(file, identify(inputs), "name another file", f"{option} {file}")
    _require_writable(Path(file).absolute().parent, file)


def require_file_name(option: str, file: PathLike, example: str) -> None:
    """Refuse a folder in place of a file to write.

    Args:
        option: that names the file, for the sentence.
        example: the name of a file that could be written into the folder, for the sentence.
    """
    if os.fspath(file).endswith(("/", os.sep)) or os.path.isdir(file):
        raise UserError(f"{option} {file} is a folder; name a file in it, such as {Path(file) / example}.")


def require_apart(
    target: PathLike, sources: AbstractSet[tuple[int, int]], advice: str, name: str | None = None
) -> None:
    """Refuse to write over a file that is read, by whatever name or link it is given.

    Args:
        sources: the files that are read, as :func:`~.files.identify` returns them.
        advice: what to do, for the sentence.
        name: how the sentence calls the target; None for its path.
    """
    if identify([target]) & sources:
        raise UserError(f"{name or target} is read, and would be overwritten; {advice}.")


def require_writable_folder(option: str, folder: PathLike) -> None:
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


def make_writable_folder(folder: PathLike) -> Path:
    """``folder`` as a Path, created. Refuse one that cannot be written to."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _probe(path)
    except OSError as error:
        raise UserError(f"cannot write to {path}: {reason_of(error)}; name another folder.") from None
    return path


def _require_writable(place: Path, target: PathLike) -> None:
    """Try to write into a folder, or into the nearest one above it that there is."""
    folder = next(each for each in (place, *place.parents) if is_there(each))
    if not has_folder(folder):
        raise UserError(f"cannot write {target}: {folder} is no folder; name another place.")
    try:
        _probe(folder)
    except OSError as error:
        raise UserError(f"cannot write {target}: {reason_of(error)}; name another place.") from error


def _probe(folder: Path) -> None:
    """Write into a folder, and leave nothing.

    Raises:
        OSError: it cannot be written to.
    """
    probe = folder / f".writable-{os.getpid()}"
    probe.touch()
    probe.unlink()
