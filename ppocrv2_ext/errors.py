"""The one exception that users see, and parts of the sentences that they read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

MOST_LISTED = 12  # a longer list of names helps nobody
TOLD = 5  # of a list: a longer one moves what matters off the screen
LONGEST_ERROR, LONGEST_VALUE = 300, 60  # characters of an exception and of a value in a sentence


class UserError(Exception):
    """Something that the user can mend. The command line prints it as one sentence and exits with 2."""


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """The end of a sentence about a ``name`` that is not among ``known``.

    Returns:
        ``"; did you mean 'b'?"`` if one of ``known`` is close, else ``"; there are 'a', 'b'."`` or ``"; there is only
        'a'."`` if they are few, else ``"."``.
    """
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    if not 0 < len(known) <= MOST_LISTED:
        return "."
    return f"; there {'are' if len(known) > 1 else 'is only'} {', '.join(map(repr, known))}."


def reason_of(error: BaseException) -> str:
    """What an exception says, on one line and without the class: half a sentence, which has no full stop.

    Of an OSError it is what the system says, without the number and the path.
    """
    return _on_one_line(getattr(error, "strerror", None) or error) or type(error).__name__


def summarise(error: BaseException) -> str:
    """An exception of a library on one line, with its class unless that says nothing, and cut to LONGEST_ERROR."""
    name, text = type(error).__name__, _on_one_line(error)
    text = text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]} ..."
    return text if text and type(error) is Exception else f"{name}: {text}" if text else name


def _on_one_line(message: object) -> str:
    return " ".join(str(message).split()).rstrip(" .!")  # the sentence around it has a full stop of its own


def finish(sentence: str) -> str:
    """A sentence with its full stop. The message of a library, or of a UserError, may have one already."""
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def pluralize(number: int, noun: str) -> str:
    """``"1 picture"``, and of any other number ``"3 pictures"``.

    Args:
        noun: of one; its plural ends in s.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def first_few(sentences: Sequence[str]) -> list[str]:
    """The first sentences or names of a list, at most TOLD, and how many more there are."""
    more = len(sentences) - TOLD
    return [*sentences[:TOLD], f"and {more} more"] if more > 1 else list(sentences)


def shorten(value: object) -> str:
    """``repr`` of a value, cut to what a sentence can hold."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of more than 4300 digits has no repr
        return "a value too large to show"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
