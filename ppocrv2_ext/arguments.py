"""Checks of arguments: numbers that a config or a caller gives, against the range of their argument.

A function that takes an ``argument`` returns the number, or raises a ValueError with the argument, its range and what
was given.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import TypeGuard


def number(value: object, argument: str, low: float, high: float) -> float:
    """``value`` as a float; it must lie in [low, high]."""
    if not is_number(value) or not low <= value <= high:
        raise ValueError(f"`{argument}` must be a number from {low} to {high}, got {value!r}.")
    return float(value)


def whole_number(value: object, argument: str, low: int = 1) -> int:
    """``value`` as an int; it must be whole and at least ``low``."""
    if not is_whole(value) or value < low:
        raise ValueError(f"`{argument}` must be a whole number of at least {low}, got {value!r}.")
    return int(value)


def non_negative(value: object, argument: str) -> float:
    """``value``, unchanged; it must be a finite number >= 0."""
    if not is_number(value) or not 0 <= value < math.inf:
        raise ValueError(f"`{argument}` must be a number >= 0, got {value!r}.")
    return value


def positive(value: object, argument: str) -> float:
    """``value``, unchanged; it must be a finite number > 0."""
    if not is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"`{argument}` must be a number > 0, got {value!r}.")
    return value


def share(value: object, argument: str) -> float:
    """``value``, unchanged; it must be a part of a whole, in [0, 1)."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{argument}` must be a number in [0, 1), got {value!r}.")
    return value


def is_number(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a number. Python counts True as 1; in a config it is a slip."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether ``value`` is a whole number, of Python or of NumPy."""
    return isinstance(value, Integral) and not isinstance(value, bool)
