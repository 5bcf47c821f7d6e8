"""SIGINT and SIGTERM end a training after its step, not in the middle of one.

The first signal is noted; the loop looks at :attr:`Interrupts.number` between two steps. A second one ends the process
at once. Outside the loop a signal ends the command at once too.

``paddle.distributed.launch`` repeats SIGTERM by itself. So in the processes that it starts, a further SIGTERM is a
second signal only :data:`REPEATING` seconds after the first one. SIGINT, which it never sends, is one at any time.

Every other command, and what comes before a training, is ended by SIGINT with one line: :class:`Stopping`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

STOPPED = "stopped."  # what a command says that SIGINT has ended
IMPORTING = "<frozen importlib"  # how the names of the files begin whose functions import
SIGNALS = (signal.SIGINT, signal.SIGTERM)
REPEATING = 10  # seconds, more than the launchers take for all their SIGTERMs


class Stopping:
    """A context in which SIGINT ends a command with one line and the exit code 130.

    It raises KeyboardInterrupt, so that the command puts away what it has begun. In the middle of an import it ends the
    process at once: of an exception that is raised there, Paddle makes an ImportError, and Python may drop it.

    ``came`` says whether there was a SIGINT. Then any error is its consequence.
    """

    def __init__(self) -> None:
        self.came = False
        self._process = os.getpid()
        self._before: Any = None

    def __enter__(self) -> Stopping:
        before = signal.getsignal(signal.SIGINT)
        # A process in the background ignores SIGINT, and goes on to. Python allows handlers only in its main thread.
        is_usual = before is signal.default_int_handler or isinstance(getattr(before, "__self__", None), Stopping)
        if is_usual and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def leave_to_system(self) -> None:
        """Let SIGINT end the process from now on, without a word."""
        if self._before is not None:
            self._before = signal.SIG_DFL

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._process:  # else it was forked from this one, which says enough
            self.came = True
            if _is_importing(frame):
                os.write(2, f"ppocrv2: {STOPPED}\n".encode())
                os._exit(128 + number)
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False


class Interrupted(BaseException):
    """A signal ends the training. ``number`` is that of the signal."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """A context in which signals are handled as this module says.

    ``number`` is the signal that has come, or 0. ``in_loop`` says whether somebody looks at it. ``ends_at_once`` says
    whether :class:`Interrupted` was raised. ``report`` is what the loop has to say about its end, a sentence.
    """

    def __init__(self) -> None:
        self.number, self.in_loop, self.ends_at_once, self.report = 0, False, False, ""
        self._process = os.getpid()
        self._is_launched = "PADDLE_TRAINER_ID" in os.environ
        self._first_at: float | None = None  # the time of the first signal to this process
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        self._before = self.install()
        _current.append(self)
        return self

    def install(self) -> dict[int, Any]:
        """Handle the signals from now on. Paddle installs handlers of its own when it is imported.

        Returns:
            {signal: its handler before}
        """
        if threading.current_thread() is not threading.main_thread():  # Python allows handlers only there
            return {}
        return {number: signal.signal(number, self._handle) for number in SIGNALS}

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _current.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a process that was forked from this one
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        now = time.monotonic()
        if self._first_at is None:
            self._first_at = now
        is_first = not self.number  # which the signal of another rank sets too
        may_repeat = self._is_launched and number == signal.SIGTERM and now - self._first_at <= REPEATING
        if may_repeat and not is_first:
            return
        self.number = number
        if not (self.in_loop and is_first):
            self.ends_at_once = True
            raise Interrupted(number)
        name = signal.Signals(number).name
        second = "SIGINT" if self._is_launched else "a second signal"
        text = f"ppocrv2: {name}: the step is finished and saved; {second} ends the training at once.\n"
        os.write(sys.stderr.fileno(), text.encode())  # print may be in the middle of a line


_current: list[Interrupts] = []


def current() -> Interrupts | None:
    """The innermost :class:`Interrupts`; None where there is none."""
    return _current[-1] if _current else None


def leave_to_parent() -> None:
    """Let a process that reads data be ended by its parent alone.

    Ctrl-C, and the SIGTERM of many job systems, reach every process of a training. The parent still needs the samples
    of the step that it finishes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        # Blocked here, and in the thread, which inherits it: so the thread receives each SIGTERM with its sender.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey, args=(os.getppid(), os._exit), daemon=True).start()


def _obey(parent: int, end: Callable[[int], Any]) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    end(0)
