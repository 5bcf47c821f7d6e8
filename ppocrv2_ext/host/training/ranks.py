"""The processes of one training, the ranks, wait for each other and end together.

PaddleOCR evaluates and saves on rank 0, while the others go on to the next operation that all ranks do together. There
Gloo ends a process after 30 s, and NCCL's watchdog does after its own limit. When a rank is lost, Gloo ends the others
with a C++ error, and NCCL lets them wait.

So before each training step every rank waits here until all have come, however long that takes. Meanwhile a thread of
each rank watches the others. If one ends or is silent for ``Global.rank_timeout`` seconds, this rank says which one it
was and exits with 2.

None of this uses Paddle's operations: every rank has a connection to rank 0. The messages are pairs:

=====================================  =============================================
``("alive", None)``                    from all, every ``HEARTBEAT`` seconds
``("at", step)``                       to rank 0: I have come to this step
``("go", step)``                       from rank 0: all have come to this step
``("ask", (subject, value))``           to rank 0: give this order
``("order", (step, subject, value))``  from rank 0: this holds from that step on
``("lost", (rank, why))``              from rank 0: this rank is lost
=====================================  =============================================
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Client, Connection, Listener, wait
from typing import Any

import paddle
import paddle.distributed as dist

from ...arguments import positive

HEARTBEAT = 0.5
TIMEOUT = 60  # seconds of silence after which a rank is lost, if `Global.rank_timeout` says nothing
ABORT_DELAY = 3  # seconds between Gloo's error and the end of the process, in which the lost rank can be named


class Ranks:
    """The other ranks, as this one sees them. It is a context, in which each rank calls :meth:`meet` equally often.

    At the end of the context a rank waits for the others once more. If a rank leaves it with an error, it is lost to
    the others.

    Args:
        rank: number of this process.
        connections: {rank: connection} to rank 0, or from rank 0 to all others.
        timeout: seconds of silence after which a rank is lost.
    """

    def __init__(self, rank: int, connections: dict[int, Connection], timeout: float = TIMEOUT):
        self.rank, self.timeout = rank, timeout
        self._connections = connections
        self._heard = dict.fromkeys(connections, time.monotonic())
        self._step = 0  # this rank has come to
        self._arrived = dict.fromkeys([0, *connections], 0)  # what rank 0 knows: {rank: step that it has come to}
        self._released = 0  # the step that all have come to
        self._last: int | None = None  # the step at which the ranks part
        self._orders: list[tuple[int, str, Any]] = []  # (step from which on it holds, subject, value)
        self._closed = False
        self._changed = threading.Condition()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        # A worker that reads data inherits the connections. While it lives on, the others would not see this one end.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._close_connections)

    def __enter__(self) -> Ranks:
        _delay_abort()
        self._watcher.start()
        return self

    def __exit__(self, error_type: Any, *error: Any) -> None:
        if error_type is None:
            with self._changed:
                self._last = self._step + 1
            self.meet()
            self._watcher.join(timeout=10 * HEARTBEAT)
        elif issubclass(error_type, RuntimeError):
            # Gloo's error about a lost rank may come as an exception too. The watcher ends the process when it knows.
            self._watcher.join(timeout=ABORT_DELAY)
        with self._changed:
            self._closed = True
        self._watcher.join(timeout=2 * HEARTBEAT)
        self._close_connections()

    def meet(self) -> None:
        """Wait until every rank has called this as often as this one, however long it takes."""
        with self._changed:
            self._step += 1
            if self.rank == 0:
                self._arrive(0, self._step)
            else:
                self._send(0, "at", self._step)
            self._changed.wait_for(lambda: self._released >= self._step)

    def order(self, subject: str, value: Any) -> None:
        """Rank 0 tells all ranks a value. It holds from the next step on, for all at once."""
        with self._changed:
            order = (self._step + 1, subject, value)
            self._orders.append(order)
            # Rank 0 has not come to the next step yet, so this arrives before anybody is released into it.
            self._send_all("order", order)

    def orders(self) -> dict[str, Any]:
        """{subject: the last value that holds by now}"""
        with self._changed:
            return {subject: value for step, subject, value in self._orders if step <= self._step}

    def ask(self, subject: str, value: Any) -> None:
        """Let rank 0 give an order. It holds from a later step on, for all at once."""
        if self.rank == 0:
            self.order(subject, value)
        else:
            with self._changed:
                self._send(0, "ask", (subject, value))

    def _arrive(self, rank: int, step: int) -> None:
        self._arrived[rank] = step
        self._release(min(self._arrived.values()))

    def _release(self, step: int) -> None:
        if step > self._released:
            self._released = step
            self._changed.notify_all()
            if self.rank == 0:
                self._send_all("go", step)

    def _send(self, rank: int, kind: str, value: Any) -> None:
        with contextlib.suppress(OSError):  # the other end is closed; the watcher finds that when it reads
            self._connections[rank].send((kind, value))

    def _send_all(self, kind: str, value: Any) -> None:
        for rank in self._connections:
            self._send(rank, kind, value)

    def _watch(self) -> None:
        next_beat = 0.0
        while True:
            ready = wait(list(self._connections.values()), timeout=HEARTBEAT)
            with self._changed:
                if self._closed:
                    return
                for rank, connection in list(self._connections.items()):
                    if connection in ready:
                        self._receive(rank, connection)
                has_parted = self._last is not None and self._released >= self._last
                # Rank 0 is the last to go, so that nobody takes its end for a loss.
                if not self._connections or (has_parted and self.rank != 0):
                    return
                now = time.monotonic()
                if now >= next_beat:
                    self._send_all("alive", None)
                    next_beat = now + HEARTBEAT
                for rank, heard in self._heard.items():
                    if now - heard > self.timeout and not has_parted:
                        self._end(rank, f"it has been silent for {self.timeout:g} s")

    def _receive(self, rank: int, connection: Connection) -> None:
        try:
            kind, value = connection.recv()
        except (EOFError, OSError):
            if self._last is None or self._released < self._last:
                self._end(rank, "its process has ended")
            del self._connections[rank], self._heard[rank]
            return
        self._heard[rank] = time.monotonic()
        if kind == "at":
            self._arrive(rank, value)
        elif kind == "go":
            self._release(value)
        elif kind == "ask":
            self.order(*value)
        elif kind == "order":
            self._orders.append(value)
        elif kind == "lost":
            self._end(*value)

    def _end(self, lost: int, why: str) -> None:
        """End this process. It may be waiting in C++, where no exception reaches it."""
        if self.rank == 0:
            self._send_all("lost", (lost, why))
        print(
            f"ppocrv2: training stopped: rank {lost} is lost, {why}; its log may say more, and --resume goes on from"
            " the last checkpoint.",
            file=sys.stderr,
        )
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(2)

    def _close_connections(self) -> None:
        for connection in self._connections.values():
            connection.close()


def connect_ranks(timeout: float = TIMEOUT) -> Ranks:
    """Connect the ranks of the training that ``paddle.distributed.init_parallel_env`` has begun. All call it."""
    rank, count = dist.get_rank(), dist.get_world_size()
    host = dist.ParallelEnv().trainer_endpoints[0].rpartition(":")[0]
    address = [0] * 17  # a key of 16 bytes, which keeps strangers out, and the port
    if rank == 0:
        key = os.urandom(16)
        listener = Listener((host, 0), backlog=count, authkey=key)
        address = [*key, listener.address[1]]
    shared = paddle.to_tensor(address, dtype="int64")
    dist.broadcast(shared, src=0)
    *key_bytes, port = shared.tolist()
    connections: dict[int, Connection] = {}
    if rank == 0:
        with listener:
            while len(connections) < count - 1:
                connection = listener.accept()
                connections[connection.recv()] = connection
    else:
        connections[0] = Client((host, port), authkey=bytes(key_bytes))
        connections[0].send(rank)
    return Ranks(rank, connections, timeout)


class SingleRank:
    """What :class:`Ranks` is to several processes: here an order holds at once."""

    def __init__(self) -> None:
        self._orders: dict[str, Any] = {}

    def order(self, subject: str, value: Any) -> None:
        """Give an order."""
        self._orders[subject] = value

    ask = order

    def orders(self) -> dict[str, Any]:
        """{subject: value}"""
        return self._orders


_present: list[Ranks | SingleRank] = []  # of the training that runs


def is_first() -> bool:
    """Whether this process is rank 0, the one that evaluates, saves and reports."""
    return dist.get_rank() == 0


def order(subject: str, value: Any) -> None:
    """Tell the ranks of the training that runs a value. Only what rank 0 says counts.

    Args:
        value: plain Python, so that it can be sent.
    """
    if is_first():
        _present[-1].order(subject, value)


def ask(subject: str, value: Any) -> None:
    """:func:`order` by any rank: rank 0 is asked to give it."""
    _present[-1].ask(subject, value)


def orders() -> dict[str, Any]:
    """{subject: the last value that rank 0 gave}. All ranks of the training see the same between the same two steps."""
    return _present[-1].orders()


@contextlib.contextmanager
def _present_as(ranks: Ranks | SingleRank) -> Iterator[None]:
    _present.append(ranks)
    try:
        yield
    finally:
        _present.pop()


@contextlib.contextmanager
def join_ranks(given: dict[str, Any], loop: dict[str, Any]) -> Iterator[None]:
    """A context of the training loop, in which several ranks wait for each other before each step.

    See :func:`.loop.surround` for the arguments.
    """
    timeout = positive(given["config"]["Global"].get("rank_timeout", TIMEOUT), "Global.rank_timeout")
    if dist.get_world_size() == 1:
        with _present_as(SingleRank()):
            yield
        return
    with connect_ranks(timeout) as ranks, _present_as(ranks):
        # In the evaluation of rank 0 the network is not training.
        hook = given["model"].register_forward_pre_hook(lambda layer, _: ranks.meet() if layer.training else None)
        try:
            yield
        finally:
            hook.remove()


def _delay_abort() -> None:
    """Gloo's error about a lost rank ends in C's ``abort``, at once. Give the watcher the time to name the rank."""
    if os.name == "posix":
        ctypes.CDLL(None).signal(signal.SIGABRT, _sleep_before_abort)


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _sleep_before_abort(number: int) -> None:
    time.sleep(ABORT_DELAY)
