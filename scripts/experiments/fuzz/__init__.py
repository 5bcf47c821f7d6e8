"""What every suite of fuzzing shares: commands, one outcome for each case, and the table of outcomes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from ppocrv2_ext import tables

FINE = ("works", "finds", "refuses")  # exit codes 0, 1 and 2
WRONG = ("traceback", "no end", "wrong exit code", "code ran", "damage")
VERDICTS = (*FINE, *WRONG)
VERDICT_OF_CODE = dict(enumerate(FINE))
ROOT = Path(__file__).resolve().parents[3]


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


def run_command(words: Sequence[str], folder: Path, clone: str | None, limit: float) -> tuple[int, str]:
    """Run `ppocrv2 WORDS` in a process of its own: (exit code, what it said).

    Args:
        folder: where it runs.
        clone: of PaddleOCR; None for what the environment says.
        limit: seconds.
    Raises:
        subprocess.TimeoutExpired: it takes longer.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if clone:
        environment["PADDLEOCR_HOME"] = str(Path(clone).resolve())
    command = [sys.executable, "-m", "ppocrv2_ext", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=limit)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def judge_command(code: int, said: str) -> str:
    """The verdict on a command by its exit code and by what it said."""
    return "traceback" if "Traceback (most recent call last)" in said else VERDICT_OF_CODE.get(code, "wrong exit code")


def is_wrong(outcome: Outcome) -> bool:
    """Whether a case ended as none may."""
    return outcome.verdict in WRONG


def format_table(outcomes: Iterable[Outcome]) -> list[str]:
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
    return tables.render_lines(table, 140)
