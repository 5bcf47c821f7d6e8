"""Numbers that a config gives, checked against the range of their argument.

Every function returns the number or raises a ValueError that says which argument it is, what the rule is and what the
config gave.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import TypeGuard


def number(value: object, argument: str, low: float, high: float) -> float:
    """``value`` as a float; it must lie in [low, high]."""
    if not _is_number(value) or not low <= value <= high:
        raise ValueError(f"`{argument}` must be a number from {low} to {high}, got {value!r}.")
    return float(value)


def whole_number(value: object, argument: str, low: int = 1, high: int | None = None) -> int:
    """``value`` as an int; it must be whole and lie in [low, high]. Without ``high`` there is no upper bound."""
    # NumPy's integers are Integral too, which the standard library's types do not compare with int.
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):  # type: ignore[operator]
        rule = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"`{argument}` must be a whole number {rule}, got {value!r}.")
    return int(value)  # type: ignore[call-overload]


def non_negative(value: object, argument: str) -> float:
    """``value``, unchanged; it must be a finite number >= 0."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError(f"`{argument}` must be a number >= 0, got {value!r}.")
    return value


def positive(value: object, argument: str) -> float:
    """``value``, unchanged; it must be a finite number > 0."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"`{argument}` must be a number > 0, got {value!r}.")
    return value


def share(value: object, argument: str) -> float:
    """``value``, unchanged; it must be a part of a whole, in [0, 1)."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{argument}` must be a number in [0, 1), got {value!r}.")
    return value


def _is_number(value: object) -> TypeGuard[float]:
    # Python counts True as 1. In a config it is a slip.
    return isinstance(value, Real) and not isinstance(value, bool)
