"""Transforms whose time is taken, each without that of a transform that it calls, as Copy-Paste does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any


class Stopwatch:
    """A transform whose time is taken.

    It counts also while the transform prepares the other picture of Copy-Paste.
    """

    def __init__(self, op: Any, clock: Callable[[], float], inner: list[float]) -> None:
        self.op = op
        self.calls = 0
        self.results = 0  # calls that did not return None
        self._clock = clock
        self._inner = inner  # [seconds of the calls inside the one that runs], which all stopwatches of a list share
        self._seconds = 0.0  # since the last lap
        if hasattr(op, "ext_data_num"):  # PaddleOCR's dataset asks its transforms for it
            self.ext_data_num = op.ext_data_num

    def __call__(self, data: Any) -> Any:
        self.calls += 1
        before, self._inner[0], start = self._inner[0], 0.0, self._clock()
        try:
            result = self.op(data)
        finally:
            elapsed = self._clock() - start
            self._seconds += elapsed - self._inner[0]
            self._inner[0] = before + elapsed
        self.results += result is not None
        return result

    def lap(self) -> float:
        """Milliseconds since the last lap."""
        seconds, self._seconds = self._seconds, 0.0
        return 1000 * seconds


def put_stopwatches(
    ops: Sequence[Any], clock: Callable[[], float] = perf_counter, kind: type[Stopwatch] = Stopwatch
) -> list[Stopwatch]:
    """A stopwatch in the place of each transform.

    A dataset of PaddleOCR and an error of ours know a transform by its class, so each gets a class of that name.

    Args:
        clock: seconds, of the time that counts.
        kind: the class of the stopwatches.
    """
    inner = [0.0]
    return [type(type(op).__name__, (kind,), {})(op, clock, inner) for op in ops]
