"""When a kernel may be used, how it reads Paddle's memory, and how its channels are shared out over threads."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import paddle
from paddle import Tensor

_switch = {"on": True}


@functools.cache
def has_numba() -> bool:
    """Whether numba is installed. It is imported by the first kernel that runs."""
    spec = importlib.util.find_spec("numba")
    return spec is not None and spec.origin is not None  # any folder of that name has a spec, but no origin


@contextlib.contextmanager
def paddle_only() -> Iterator[None]:
    """Within it no fast kernel is used, in forward passes; a backward pass goes the way of its forward pass."""
    before, _switch["on"] = _switch["on"], False
    try:
        yield
    finally:
        _switch["on"] = before


def can_view(*tensors: Tensor) -> bool:
    """Whether NumPy may compute on these tensors: float32 in the memory of the CPU, not empty, no static graph."""
    return (
        _switch["on"]
        and paddle.in_dynamic_mode()
        and not _in_mixed_precision()
        and all(t.dtype == paddle.float32 and t.place.is_cpu_place() and t.size > 0 for t in tensors)
    )


def can_use(*tensors: Tensor) -> bool:
    """Whether a kernel compiled by numba may compute on these tensors."""
    return has_numba() and can_view(*tensors)


def _in_mixed_precision() -> bool:
    return paddle.framework._dygraph_tracer()._amp_level != paddle.base.core.AmpLevel.O0


def view(tensor: Tensor) -> np.ndarray:
    """The values of a contiguous float32 tensor as an array on the same memory. The caller keeps the tensor alive."""
    if not tensor.is_contiguous():
        raise ValueError("`tensor` must be contiguous to be viewed; call its `contiguous()` first.")
    values = (ctypes.c_float * tensor.size).from_address(tensor.data_ptr())
    return np.ctypeslib.as_array(values).reshape(tensor.shape)


def count_threads() -> int:
    """Threads for a kernel: as many as Paddle's own operators take, ``OMP_NUM_THREADS``, else 1."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(int(first), os.cpu_count() or 1) if first.isdecimal() and int(first) else 1


@functools.lru_cache(maxsize=1)
def _make_pool(process: int, threads: int) -> ThreadPoolExecutor:
    """One pool for each process: a forked one has none of its parent's threads."""
    return ThreadPoolExecutor(threads)


def run_in_parts(kernel: Callable[..., None], count: int, *arguments: object) -> None:
    """``kernel(first, last, *arguments)`` for equal parts of ``range(count)``, one for each thread."""
    threads = min(count_threads(), count)
    ends = [count * part // threads for part in range(threads + 1)]
    if threads == 1:
        kernel(0, count, *arguments)
    else:
        pool = _make_pool(os.getpid(), threads)
        for part in [pool.submit(kernel, *ends[i : i + 2], *arguments) for i in range(threads)]:
            part.result()
