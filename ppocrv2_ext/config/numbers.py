"""Numbers that a config gives, checked: a ValueError names the argument, the rule and what was given."""

import math
from numbers import Integral, Real


def number(value, argument, low, high):
    """``value`` as a float; it must be from ``low`` to ``high``."""
    if not _is_number(value) or not low <= value <= high:
        raise ValueError(f"`{argument}` must be a number from {low} to {high}, got {value!r}.")
    return float(value)


def whole_number(value, argument, low=1, high=None):
    """``value`` as an int; it must be whole, ``low`` or more, and ``high`` or less if there is such a bound."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low or (high is not None and value > high):
        rule = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"`{argument}` must be a whole number {rule}, got {value!r}.")
    return int(value)


def non_negative(value, argument):
    """``value``; it must be a finite number >= 0."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError(f"`{argument}` must be a number >= 0, got {value!r}.")
    return value


def positive(value, argument):
    """``value``; it must be a finite number > 0."""
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"`{argument}` must be a number > 0, got {value!r}.")
    return value


def share(value, argument):
    """``value``; it must be a share of a whole, but not the whole, in [0, 1)."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"`{argument}` must be a number in [0, 1), got {value!r}.")
    return value


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)
