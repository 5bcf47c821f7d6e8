"""What every suite of fuzzing shares: one outcome for each case, and the table of outcomes."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from rich.table import Table

from ppocrv2_ext import tables

FINE = ("works", "finds", "refuses")  # exit codes 0, 1 and 2
WRONG = ("traceback", "no end", "wrong exit code", "code ran", "damage")
VERDICTS = (*FINE, *WRONG)


class Outcome(NamedTuple):
    """What became of one case."""

    kind: str  # what was done to the input, such as "huge number"
    verdict: str  # one of VERDICTS
    seconds: float
    case: str  # how to make it again
    said: str  # the sentence, or the end of the traceback


class TimeoutReached(BaseException):
    """The case took longer than its limit. Not an Exception, so that no handler takes it for a fault of the case."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """A context that raises :class:`TimeoutReached` in this thread after ``seconds``."""

    def stop(signal_number: int, frame: Any) -> None:
        raise TimeoutReached

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_wrong(outcome: Outcome) -> bool:
    """Whether a case ended as none may."""
    return outcome.verdict in WRONG


def write_table(outcomes: Iterable[Outcome]) -> list[str]:
    """The lines of a table: a row for each kind, a column for each verdict that occurs, the slowest case."""
    outcomes = list(outcomes)
    counts = Counter((outcome.kind, outcome.verdict) for outcome in outcomes)
    verdicts = [verdict for verdict in VERDICTS if any(key[1] == verdict for key in counts)]
    table = Table(box=None, pad_edge=False)
    for title in ("what was done", "cases", *verdicts, "slowest, s"):
        table.add_column(title, justify="left" if title == "what was done" else "right")
    kinds = list(dict.fromkeys(outcome.kind for outcome in outcomes))
    for kind in [*kinds, "all"]:
        own = [outcome for outcome in outcomes if kind in (outcome.kind, "all")]
        numbers = [sum(outcome.verdict == verdict for outcome in own) for verdict in verdicts]
        slowest = max((outcome.seconds for outcome in own), default=0.0)
        table.add_row(kind, str(len(own)), *map(str, numbers), f"{slowest:.1f}")
    return tables.plain(table, 140)
