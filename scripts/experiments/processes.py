"""Run the `ppocrv2` command in child processes that can be measured and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ppocrv2_ext.files import PathLike


class Usage(NamedTuple):
    """What a process took from its start to its end."""

    wall: float  # seconds by the clock
    cpu: float  # seconds of all its threads, and of the loader processes that it waited for


class CommandError(Exception):
    """A command failed, or it did not do what it should have."""

    def __init__(self, problem: str, log: PathLike) -> None:
        super().__init__(problem)
        self.problem, self.log = problem, Path(log)


class StoppedError(Exception):
    """The command was stopped because the user stopped the ablation."""


class Processes:
    """Runs commands, from several threads if need be. It can stop all of them at once, and does so at its end.

    Args:
        descriptors: of files that the commands hold open too. A lock that they hold outlives a parent that is killed.
    """

    def __init__(self, descriptors: Iterable[int] = ()) -> None:
        self.descriptors = tuple(descriptors)
        self.alive: set[int] = set()
        self.stopping, self.lock = False, threading.Lock()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def run(self, arguments: Iterable[Any], log: PathLike, fine: Container[int] = (0,)) -> Usage:
        """Run ``ppocrv2 ARGUMENTS`` and append its output to the file ``log``.

        Args:
            fine: the exit codes of a success.
        Raises:
            CommandError: the exit code is another.
            StoppedError: :meth:`stop` was called.
        """
        words = [str(argument) for argument in arguments]
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"$ ppocrv2 {' '.join(words)}\n")
            file.flush()
            with self.lock:
                if self.stopping:
                    raise StoppedError
                start = time.perf_counter()
                # A session of its own: Ctrl-C reaches only this process, which then ends the whole group.
                process = subprocess.Popen(
                    [sys.executable, "-m", "ppocrv2_ext", *words],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=self.descriptors,
                )
                self.alive.add(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        with self.lock:
            self.alive.discard(process.pid)
            if self.stopping:
                raise StoppedError
        if process.returncode not in fine:
            raise CommandError(f"`ppocrv2 {words[0]}` ended with exit code {process.returncode}", log)
        return Usage(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)

    def stop(self) -> None:
        """End every command and its loader processes. Calls of :meth:`run` raise StoppedError from now on."""
        with self.lock:
            self.stopping = True
            for pid in self.alive:
                with contextlib.suppress(ProcessLookupError):  # it ended at this moment
                    os.killpg(pid, signal.SIGKILL)
