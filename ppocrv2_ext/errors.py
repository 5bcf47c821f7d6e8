"""The one exception that users see, and the end of every sentence about an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_LISTED = 12  # a longer list of names helps nobody
MOST_SHOWN = 300  # characters of an exception in a sentence


class UserError(Exception):
    """Something that the user can mend. The command line prints it as one sentence and exits with 2."""


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """The end of a sentence about a ``name`` that is not among ``known``.

    Returns:
        ``"; did you mean 'b'?"`` if one of ``known`` is close, else ``"; there are 'a', 'b'."`` if they are few, else
        ``"."``.
    """
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(map(repr, known))}." if 0 < len(known) <= MOST_LISTED else "."


def summarise(error: BaseException) -> str:
    """An exception on one line of at most :data:`MOST_SHOWN` characters, with its class."""
    text = " ".join(str(error).split())
    text = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} ..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
