"""One training at a time in an output folder.

The lock belongs to the process: when that ends, in whatever way, the lock is free. The file ``.training`` stays and
says which process had it last.
"""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from ..errors import UserError
from ..files import PathLike

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

NAME = ".training"


@contextlib.contextmanager
def hold(folder: PathLike) -> Iterator[None]:
    """A context in which no other process can :func:`hold` this folder.

    Raises:
        UserError: another process does, or the folder cannot be written to.
    """
    file = Path(folder) / NAME
    try:
        stream = file.open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}.") from error
    with stream:
        if fcntl is not None:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                stream.seek(0)
                owner = stream.read(200).strip() or "another process"
                raise UserError(
                    f"{folder} is in use: {owner} trains into it; wait for it, or name another Global.save_model_dir."
                ) from error
            except OSError:  # some network disks know no locks
                pass
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {platform.node()}\n")
        stream.flush()
        yield
