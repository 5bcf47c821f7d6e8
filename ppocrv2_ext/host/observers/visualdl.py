"""``Global.use_visualdl``: curves for VisualDL, as PaddleOCR wrote them until it took this out.

The files lie in the folder ``vdl`` of the output folder. ``visualdl --logdir DIR/vdl`` shows them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..training.watching import Evaluation, Observer, Outcome, Step, Training, Watch

REQUIREMENT = "visualdl==2.5.3"
NOT_TRUE_HERE = "You are using VisualDL, the VisualDL is deprecated and removed"  # PaddleOCR warns


def is_wanted(settings: dict) -> bool:
    """Whether the section ``Global`` asks for VisualDL."""
    return bool(settings.get("use_visualdl", False))


def find_missing() -> str | None:
    """A sentence on how to get the package, or None if it is there."""
    if importlib.util.find_spec("visualdl"):
        return None
    return f"Global.use_visualdl: a package is missing, so nothing is written for it; run `pip install {REQUIREMENT}`."


@contextlib.contextmanager
def drop_warning() -> Iterator[None]:
    """A context in which PaddleOCR does not log that it writes nothing for VisualDL: :class:`VisualDL` does."""

    def is_true(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(NOT_TRUE_HERE)

    logger = logging.getLogger("ppocr")
    logger.addFilter(is_true)
    try:
        yield
    finally:
        logger.removeFilter(is_true)


class VisualDL(Observer):
    """Writes every term of the loss, the learning rate and every metric, under the names that PaddleOCR gave them.

    Args:
        folder: the output folder of the training.
    """

    def __init__(self, folder: str):
        self._folder = str(Path(folder) / "vdl")
        self._writer: Any = None

    def begin(self, training: Training, watch: Watch) -> None:
        """Open the file, or say what is missing."""
        self._training, self._watch = training, watch
        missing = find_missing()
        if missing:
            training.logger.warning(missing)
        else:
            self._writer = importlib.import_module("visualdl").LogWriter(logdir=self._folder)
            command = f"visualdl --logdir {shlex.quote(self._folder)}"
            training.logger.info(f"VisualDL: curves in {self._folder}; `{command}` shows them")

    def step(self, step: Step) -> None:
        """Write the values of a step."""
        self._write("TRAIN", {**step.terms, "lr": step.rate}, step.number)

    def evaluation(self, evaluation: Evaluation) -> None:
        """Write the metrics, and the best value so far."""
        best = {f"best_{self._training.indicator}": self._watch.best}
        self._write("EVAL", {**evaluation.metrics, **best}, evaluation.step)

    def end(self, outcome: Outcome) -> None:
        """Close the file."""
        if self._writer:
            self._writer.close()

    def _write(self, prefix: str, values: dict[str, float], step: int) -> None:
        if self._writer:
            for name, value in values.items():
                self._writer.add_scalar(f"{prefix}/{name}", float(value), step)
