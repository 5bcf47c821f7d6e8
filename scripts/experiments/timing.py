"""What the benchmarks share: ways that take turns, the spread of their times, and the machine that these come from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from .records import provenance

Way = TypeVar("Way")


def take_turns(ways: Iterable[Way], rounds: int, warm: bool = True) -> Iterator[tuple[Way, bool]]:
    """(way, whether it counts), each way once in a round, in an order that turns around from round to round.

    Args:
        rounds: that count.
        warm: put a round before them that does not count.
    """
    for turn in range(-1 if warm else 0, rounds):
        for way in list(ways)[:: 1 if turn % 2 else -1]:
            yield way, turn >= 0


def spread(values: Sequence[float] | np.ndarray, digits: int = 2, sign: str = "") -> str:
    """The median and the quartiles as text: ``2.00 [1.50, 2.50]``.

    Args:
        sign: "+" to write the sign of numbers above 0 too.
    """
    low, middle, high = (f"{value:{sign}.{digits}f}" for value in np.percentile(values, (25, 50, 75)))
    return f"{middle} [{low}, {high}]"


def describe_machine() -> str:
    """The commit, and how busy the machine is, as text: ``commit 1a2b3c4, load 0.4 on 2 cores``."""
    return f"commit {provenance()['commit'] or 'none'}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
