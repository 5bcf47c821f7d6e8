"""Facts about this process: how it was started, what it may use, and its rank among the processes of a training."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path


def command_line() -> str:
    """What was typed to start this process, as it could be typed again."""
    program = Path(sys.argv[0]).name
    program = "python -m ppocrv2_ext" if program == "__main__.py" else program
    return " ".join([program, *map(shlex.quote, sys.argv[1:])])


def read_commit() -> str | None:
    """The commit of the git repository in the working directory; None if there is none."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "rev-parse", "--short=12", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip() or None
    return None


def count_cores() -> int:
    """The CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_rank() -> int:
    """The number of this process among those of its training, from 0, as ``paddle.distributed.launch`` gives it."""
    return int(os.environ.get("PADDLE_TRAINER_ID", 0))


def count_ranks() -> int:
    """The processes of the training that this one belongs to."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", 1))


def read_local_rank() -> int:
    """The number of this process among those of its machine, from 0."""
    return int(os.environ.get("PADDLE_RANK_IN_NODE", 0))


def count_local_ranks() -> int:
    """The processes of the training on this machine."""
    return int(os.environ.get("PADDLE_LOCAL_SIZE", 1))
