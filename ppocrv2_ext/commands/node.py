"""Work that one process of each machine does for all processes of a distributed training there.

``paddle.distributed.launch`` starts the processes of a machine and tells each its number among them. The first does the
work and writes the result beside the checkpoints; the others wait for it. The processes are not connected to each other
yet.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ..errors import UserError
from ..files import atomic_write
from ..process import count_ranks, read_local_rank

Result = TypeVar("Result")
PAUSE = 0.1  # seconds between two looks


def run_once(folder: str | Path, subject: str, work: Callable[[], Result], cleanup: contextlib.ExitStack) -> Result:
    """The result of ``work``, which the first process of this machine does for all.

    Args:
        folder: that every process can write to. If there is no such folder, each process does the work.
        subject: what the work is, in one word.
        work: returns plain YAML values.
        cleanup: the result lies in ``folder`` until this is closed.
    Raises:
        UserError: the work raised one, in all processes.
    """
    if count_ranks() == 1 or not Path(folder).is_dir():
        return work()
    launcher = os.getppid()
    file = Path(folder) / f".{subject}-{platform.node()}-{launcher}-{_read_start_time(launcher)}.yml"
    if read_local_rank() > 0:
        return _wait(file, launcher, subject)
    cleanup.callback(file.unlink, missing_ok=True)
    try:
        result: dict = {"result": work()}
    except UserError as error:
        result = {"error": str(error)}
    with atomic_write(file) as part:
        part.write_text(yaml.safe_dump(result, allow_unicode=True, sort_keys=False), encoding="utf-8")
    if "error" in result:
        time.sleep(10 * PAUSE)  # the others look once more before the file is gone
        raise UserError(result["error"])
    return result["result"]


def _wait(file: Path, launcher: int, subject: str) -> Any:
    while not file.is_file():
        if os.getppid() != launcher:
            raise UserError(
                f"the launcher of this training is gone, and no process tells the result of the {subject}; start again."
            )
        time.sleep(PAUSE)
    result = yaml.safe_load(file.read_text(encoding="utf-8"))
    if "error" in result:
        raise UserError(result["error"])
    return result["result"]


def _read_start_time(process: int) -> str:
    """When a process started, in ticks of Linux: two launchers may get the same number."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "0"
