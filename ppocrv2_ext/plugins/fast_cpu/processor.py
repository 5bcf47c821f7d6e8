"""What the library of matrix products should know about the processor."""

from __future__ import annotations

import os
from pathlib import Path

PROCESSORS = Path("/proc/cpuinfo")  # of Linux


def prefer_fast_products() -> None:
    """Let Paddle's matrix products use the vector instructions of an AMD CPU, which is more than twice as fast.

    Paddle comes with a version of Intel's MKL that uses old instructions on the CPUs of others, unless the environment
    has MKL_DEBUG_CPU_TYPE=5. A value that the user has set stays. MKL reads it at its first product.
    """
    try:
        words = set(PROCESSORS.read_text().split())
    except OSError:
        return
    if words >= {"AuthenticAMD", "avx2", "fma"}:
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "5")
