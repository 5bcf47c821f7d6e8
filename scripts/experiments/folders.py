"""Several files that are written whole or not at all, and over no others."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write, read_regular


@contextlib.contextmanager
def fill_folder(folder: Path) -> Iterator[Path]:
    """A context in which to fill a new or empty folder: ``with fill_folder(folder) as part: (part / name).write...``.

    ``part`` is a folder inside ``folder``. At the end of the context, what it holds becomes the content of ``folder``.
    After an error ``part`` is removed, and so is ``folder`` if it is new.

    Raises:
        UserError: the folder holds something or cannot be written to.
    """
    part = folder / f".part-{os.getpid()}"
    new: list[Path] = []
    try:
        new += [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        found = next(folder.iterdir(), None)
        if found:
            raise UserError(f"{folder} is not empty, it holds {found.name}; empty it, or name another --output.")
        part.mkdir()
        yield part
        for path in part.iterdir():
            path.rename(folder / path.name)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}; name another --output.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        with contextlib.suppress(OSError):  # a folder that holds something, or that was not made, stays as it is
            for each in new:
                each.rmdir()


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
