"""The log of a training as a file, which goes on when the disk is full."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from os import PathLike
from typing import Any


def add_log_file(path: str | PathLike[str]) -> None:
    """Let PaddleOCR log to a file too, as its trainer intends to.

    PaddleOCR 2.10 logs a warning while it is imported. That sets its logger up without a file, and the trainer does not
    set it up again.
    """
    from ppocr.utils.logging import logger_initialized

    logger = logging.getLogger("ppocr")
    if logger.name in logger_initialized:
        handler = logging.FileHandler(path, "a", encoding="utf-8")
        handler.handleError = _report_once(path)  # type: ignore[method-assign,assignment]
        handler.setFormatter(logger.handlers[0].formatter)
        logger.addHandler(handler)


def survive_full_disk(logger: Any) -> None:
    """Let a line that cannot be written to a log file be lost. Python would print a traceback for each."""
    for handler in getattr(logger, "handlers", ()):
        if isinstance(handler, logging.FileHandler):
            handler.handleError = _report_once(handler.baseFilename)  # type: ignore[method-assign,assignment]


def _report_once(path: str | PathLike[str]) -> Callable[[logging.LogRecord], None]:
    said = []

    def report(record: logging.LogRecord) -> None:
        if not said:
            said.append(True)
            print(f"ppocrv2: cannot write to {path}: {sys.exc_info()[1]}; the log goes on here only.", file=sys.stderr)

    return report
