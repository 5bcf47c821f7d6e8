"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Union

from .errors import UserError

PathLike = Union[str, "os.PathLike[str]"]  # what a caller names a file with


@contextlib.contextmanager
def atomic_write(path: PathLike) -> Iterator[Path]:
    """A context in which to write a file: ``with atomic_write(path) as part: part.write_text(...)``.

    ``part`` is another path in the same folder, which is created. At the end of the context ``part`` becomes ``path``,
    so whoever finds ``path`` finds all of it. After an error ``part`` is removed and ``path`` is as it was. Several
    processes may write the same file.

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
