"""How loops over float32 numbers are compiled by numba, and the numbers that they share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

# Sums may be regrouped, as vector instructions do it; NaN and infinity keep their meaning.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp"}
# A plain number would be a float64, and make the arithmetic beside it four times slower.
ZERO, HALF, ONE = (np.float32(number) for number in (0, 0.5, 1))


def compiled(kernel: Callable[..., Any], fastmath: Any = FAST_MATH, forceinline: bool = False) -> Callable[..., Any]:
    """``kernel`` compiled, without the interpreter lock; kept on disk if a folder for it can be written."""
    options = {"nogil": True, "fastmath": fastmath, "forceinline": forceinline}
    # Python raises on a division by 0; the check would keep a loop from vector instructions.
    compile_kernel = functools.partial(numba.njit, error_model="numpy", **options)
    try:
        return compile_kernel(cache=True)(kernel)
    except RuntimeError:  # neither the folder of the package nor the user's cache can be written
        return compile_kernel()(kernel)


def inlined(part: Callable[..., Any]) -> Callable[..., Any]:
    """A part of a kernel, compiled into each loop that calls it, so that the loop becomes vector instructions."""
    return compiled(part, forceinline=True)


def compiled_as_written(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """``kernel`` compiled with every sum in the order of its code, where the last bit decides."""
    return compiled(kernel, fastmath=False)
