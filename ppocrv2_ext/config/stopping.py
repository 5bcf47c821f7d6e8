"""When a training ends before its last epoch: what ``Global.early_stop`` and ``Global.max_minutes`` may say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import UserError, did_you_mean
from .numbers import non_negative, positive, whole_number


class EarlyStop(NamedTuple):
    """Stop when the main indicator has not risen by more than ``min_delta`` in ``patience`` evaluations in a row."""

    patience: int  # >= 1
    min_delta: float = 0.0  # >= 0, in units of the indicator


def read_early_stop(settings: dict) -> EarlyStop | None:
    """What the section ``Global`` says about early stopping; None if it says nothing.

    Raises:
        UserError: a key is unknown or missing, or a number is out of range.
    """
    given = settings.get("early_stop")
    if given is None:
        return None
    if not isinstance(given, dict) or "patience" not in given:
        raise UserError(
            f"Global.early_stop must be a mapping such as {{patience: 5, min_delta: 0.001}}, got {given!r}."
        )
    for key in given:
        if key not in EarlyStop._fields:
            raise UserError(f"Global.early_stop has no {key!r}{did_you_mean(key, EarlyStop._fields)}")
    try:
        patience = whole_number(given["patience"], "Global.early_stop.patience")
        return EarlyStop(patience, non_negative(given.get("min_delta", 0.0), "Global.early_stop.min_delta"))
    except ValueError as error:
        raise UserError(str(error)) from error


def read_max_minutes(settings: dict) -> float | None:
    """The budget of a training in minutes; None if the section ``Global`` gives none.

    Raises:
        UserError: it is no number > 0.
    """
    given = settings.get("max_minutes")
    if given is None:
        return None
    try:
        return float(positive(given, "Global.max_minutes"))
    except ValueError as error:
        raise UserError(str(error)) from error


def find_wrong_stops(settings: dict) -> Iterator[str]:
    """A sentence about each end of a training that the section ``Global`` asks for in a wrong way."""
    for read in (read_early_stop, read_max_minutes):
        try:
            read(settings)
        except UserError as error:
            yield str(error)
