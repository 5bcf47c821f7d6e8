"""Let a process that loads data keep the memory that it frees.

A sample of a detector takes 26 MB. By default the C library gives such blocks back to the system when they are freed,
and the system hands out new pages, filled with zeros, for the next sample. That can take longer than making the sample.
"""

from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h. The environment variables MALLOC_MMAP_MAX_ and MALLOC_TRIM_THRESHOLD_ say the same.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
ALL = 2**31 - 1  # bytes; the largest value that mallopt takes


def keep_freed_memory() -> bool:
    """Ask the C library to keep what this process frees, for its next allocations.

    The process keeps as much memory as it has had at its peak, and that does not grow.

    Returns:
        Whether the C library does so. Only glibc, on Linux, can be asked.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, ALL))
