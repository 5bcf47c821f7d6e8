"""Children that can be measured and stopped: the `ppocrv2` command in processes of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple


class Used(NamedTuple):
    """What a finished process took."""

    wall: float  # seconds
    cpu: float  # seconds of all its threads and of the loader processes it waited for


class CommandError(Exception):
    """A command that did not end well, or did not do what it should have."""

    def __init__(self, problem, log):
        super().__init__(problem)
        self.problem, self.log = problem, Path(log)


class StoppedError(Exception):
    """The command was stopped because the user stopped the ablation."""


class Processes:
    """Runs commands, from several threads if need be, and stops all of them at once; as a context, at its end.

    Args:
        descriptors: of files that the commands hold open too, such as a lock that is to outlive a killed parent.
    """

    def __init__(self, descriptors=()):
        self.descriptors = tuple(descriptors)
        self.alive, self.stopping, self.lock = set(), False, threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()

    def run(self, arguments, log):
        """``ppocrv2 ARGUMENTS``; what it says is appended to the file ``log``.

        Returns:
            Used.
        Raises:
            CommandError: it exits with another code than 0.
            StoppedError: :meth:`stop` was called.
        """
        command = [sys.executable, "-m", "ppocrv2_ext", *map(str, arguments)]
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(f"$ ppocrv2 {' '.join(command[3:])}\n")
            file.flush()
            with self.lock:
                if self.stopping:
                    raise StoppedError
                started = time.perf_counter()
                # A session of its own: Ctrl-C reaches this process alone, which then ends the whole group.
                process = subprocess.Popen(
                    command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, pass_fds=self.descriptors
                )
                self.alive.add(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        with self.lock:
            self.alive.discard(process.pid)
            if self.stopping:
                raise StoppedError
        if process.returncode:
            raise CommandError(f"`ppocrv2 {arguments[0]}` ended with exit code {process.returncode}", log)
        return Used(time.perf_counter() - started, usage.ru_utime + usage.ru_stime)

    def stop(self):
        """End every running command with its loader processes; later :meth:`run` calls raise StoppedError."""
        with self.lock:
            self.stopping = True
            for pid in self.alive:
                with contextlib.suppress(ProcessLookupError):  # it ended this moment
                    os.killpg(pid, signal.SIGKILL)
