"""What is raised where a picture takes more memory than there is: each library has an error of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..errors import UserError

TOO_LARGE = "it takes more memory than there is; make it smaller, or free memory"


class NoMemoryError(UserError, ValueError):
    """There is too little memory for one picture. Others may be read, so it can be caught as a fault of the picture."""


def lacks_memory(error: BaseException) -> bool:
    """Whether an error of Python, NumPy, OpenCV or an engine says that memory could not be had."""
    return isinstance(error, MemoryError) or "alloc" in str(error).lower()


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """A context in which what says that memory could not be had becomes a :class:`NoMemoryError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not lacks_memory(error):
            raise
        raise NoMemoryError(TOO_LARGE) from error
