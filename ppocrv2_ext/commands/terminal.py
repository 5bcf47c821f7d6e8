"""What commands print: tables on standard output; warnings and a progress bar on standard error."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import finish, first_few
from ..tables import render_lines

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 110  # columns of a table
ESCAPED = "ppocrv2-escaped"  # the name of a handler of errors, as Python's `codecs` keeps them


def escape_unknown_characters() -> None:
    """From now on, print a character that the terminal's encoding lacks as ``\\uXXXX``, as JSON has it.

    Python would end the command with a UnicodeEncodeError.
    """
    codecs.register_error(ESCAPED, _escape)
    for stream in (sys.stdout, sys.stderr):
        # Of "surrogateescape", a name of a file that is in no encoding comes out as it is.
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "surrogateescape":
            stream.reconfigure(errors=ESCAPED)


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def make_table(*heads: str) -> Table:
    """A table without lines; ``heads`` are those of its columns."""
    from rich.table import Table

    return Table(*heads, box=None, pad_edge=False)


def print_table(table: Table) -> None:
    """Print a table of at most :data:`WIDTH` columns on standard output."""
    click.echo("\n".join(render_lines(table, WIDTH)))


def warn(sentence: str) -> None:
    """Print a sentence on standard error, under the name of the command; its full stop may be missing."""
    click.echo(finish(f"ppocrv2: {sentence}"), err=True)


def warn_first(sentences: Sequence[str]) -> None:
    """:func:`warn` of the first sentences, and of how many more there are."""
    for sentence in first_few(sentences):
        warn(sentence)


@contextlib.contextmanager
def show_progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar, if standard error is a terminal and there is more than one step; yields a function that advances it."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
