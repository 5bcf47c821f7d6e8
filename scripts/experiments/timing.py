"""What the benchmarks share: ways that take turns, the spread of their times, and the machine that these come from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .records import provenance


def take_turns(ways: Iterable[str], rounds: int, warm: bool = True) -> Iterator[tuple[str, bool]]:
    """(way, whether it counts), each way once in a round, in an order that turns around from round to round.

    Args:
        rounds: that count.
        warm: put a round before them that does not count.
    """
    for turn in range(-1 if warm else 0, rounds):
        for way in list(ways)[:: 1 if turn % 2 else -1]:
            yield way, turn >= 0


def spread(values: Sequence[float] | np.ndarray, digits: int = 2) -> str:
    """The median and the quartiles as text: ``2.00 [1.50, 2.50]``."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def describe_machine() -> str:
    """The commit, and how busy the machine is, as text: ``commit 1a2b3c4, load 0.4 on 2 cores``."""
    return f"commit {provenance()['commit'] or 'none'}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
