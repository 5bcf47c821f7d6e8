"""Files that appear whole or not at all."""

import contextlib
import os
from pathlib import Path

from .errors import UserError


@contextlib.contextmanager
def atomic_write(path):
    """A path to write instead of ``path``, which it becomes at the end: a file that is there is complete.

    The folder is created. What an error leaves half-written is removed; several processes may write the same file.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")  # its suffix may say in which format to write
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; name another place.") from error
    finally:
        with contextlib.suppress(OSError):  # a folder that cannot be written to holds no part either
            part.unlink(missing_ok=True)
