"""What PaddleOCR's trainer records beside a checkpoint, in a ``.states`` file: the epoch, and the best metrics so far.

The file is a pickle. It is read as data, by :mod:`.pickles`.
"""

from __future__ import annotations

import math
from numbers import Real
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import PathLike
from .paths import without_any_suffix


def read_states(path: PathLike) -> dict[str, Any]:
    """The record beside a checkpoint, such as its ``epoch``; empty if there is none.

    Raises:
        UserError: the file is broken, or no record of a training.
    """
    from . import pickles  # it needs NumPy, which a command that reads no weights does not

    file = Path(without_any_suffix(path) + ".states")
    if not file.is_file():
        return {}
    record = pickles.read(file)
    if not _is_record(record):
        raise UserError(f"{file} is not a record of a training; remove it, or restore the whole checkpoint.")
    return record


def _is_record(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    best = value.get("best_model_dict", {})
    counts = [value[key] for key in ("epoch", "global_step") if key in value]
    return (
        isinstance(best, dict)
        and all(isinstance(metric, Real) and math.isfinite(metric) for metric in best.values())
        and all(type(count) is int and count >= 0 for count in counts)
    )


def read_best_metrics(path: PathLike) -> dict[str, Any]:
    """{name: value} of the best evaluation of the training so far; empty if none was recorded."""
    return read_states(path).get("best_model_dict", {})
