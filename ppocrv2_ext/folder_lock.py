"""One training at a time in an output folder, and one export at a time in the folder of a model.

The lock belongs to the process: when that ends, in whatever way, the lock is free. The file ``.training`` stays and
says which process had it last. That of an export is removed.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from .errors import UserError, reason_of
from .files import PathLike

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

NAME = ".training"
TRAINING = "trains into it; wait for it, or name another Global.save_model_dir"


@contextlib.contextmanager
def hold(folder: PathLike, name: str = NAME, use: str = TRAINING, keep: bool = True) -> Iterator[None]:
    """A context in which no other process can :func:`hold` this folder.

    Args:
        name: of the file that is locked.
        use: what the holder does, and what others can do about it: the end of the sentence for them.
        keep: whether the file stays.
    Raises:
        UserError: another process does, or the folder cannot be written to.
    """
    file = Path(folder) / name
    stream = _lock(file, use)
    while os.fstat(stream.fileno()).st_nlink == 0:  # its holder removed the file after it was opened here
        stream.close()
        stream = _lock(file, use)
    with stream:
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {platform.node()}\n")
        stream.flush()
        try:
            yield
        finally:
            if not keep:
                with contextlib.suppress(OSError):
                    file.unlink()  # before the lock is free


@contextlib.contextmanager
def removing_if_empty(folder: PathLike) -> Iterator[None]:
    """A context that removes at its end the folders that were made in it, if nothing but a lock is in them."""
    missing = [path for path in (Path(folder), *Path(folder).parents) if not path.exists()]
    try:
        yield
    finally:
        for path in missing:
            with contextlib.suppress(OSError):  # it was not made, or something is in it
                if os.listdir(path) == [NAME]:
                    (path / NAME).unlink()
                path.rmdir()


def _lock(file: Path, use: str) -> TextIO:
    try:
        stream = file.open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {file.parent}: {reason_of(error)}; name another place.") from error
    if fcntl is not None:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            owner = stream.read(200).strip() or "another process"
            stream.close()
            raise UserError(f"{file.parent} is in use: {owner} {use}.") from error
        except OSError:  # some network disks know no locks
            pass
    return stream
