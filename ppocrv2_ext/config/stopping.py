"""What ``Global.early_stop`` may say: when a training ends because it does not get better any more."""

from __future__ import annotations

from typing import NamedTuple

from ..arguments import non_negative, whole_number
from ..errors import UserError, did_you_mean


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
