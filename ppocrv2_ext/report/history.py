"""What happened in a training, as lines of JSON in its output folder. Lines are only added.

A resumed training adds to the file of the first run. What it does again counts, what came before is passed over: after
a :class:`Run` from step 100, the earlier lines of steps past 100 are not read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

from ..errors import UserError, reason_of
from ..files import PathLike

FILE_NAME = "history.jsonl"


class Run(NamedTuple):
    """A training begins, or goes on."""

    step: int  # steps taken before; 0 for a new training
    time: str  # date and time of day
    command: str
    versions: Mapping[str, str]  # {package: version}
    commit: str | None  # of the git repository in the working directory
    device: str
    warnings: Sequence[str]  # sentences


class Steps(NamedTuple):
    """The means over the steps since the last such line."""

    step: int
    epoch: int
    seconds: float  # of training so far, in all runs
    rate: float  # learning rate
    terms: Mapping[str, float]  # {term of the loss: value}
    waiting: float  # share of the time that was spent waiting for data, in [0, 1]
    speed: float  # samples a second, of this process


class Evaluation(NamedTuple):
    """The metrics of an evaluation."""

    step: int
    epoch: int
    seconds: float
    metrics: Mapping[str, float]
    best: bool  # whether none was better before


class Epoch(NamedTuple):
    """An epoch has ended."""

    step: int
    epoch: int
    seconds: float
    waiting: float  # share of the epoch's time
    advice: str | None  # what to do about it


class Plan(NamedTuple):
    """From this step on, the schedule of the learning rate is fitted to a number of steps."""

    step: int
    seconds: float
    position: float  # in the schedule, in [0, 1]
    last_step: int  # the step at which the schedule ends
    minutes: float = 0.0  # of the budget; 0 where a history does not say it


class End(NamedTuple):
    """The training has ended."""

    step: int
    seconds: float
    outcome: str  # finished, stopped early, budget spent, interrupted or failed
    sentence: str  # what to say about it


Event = Union[Run, Steps, Evaluation, Epoch, Plan, End]
EVENTS = {kind.__name__.lower(): kind for kind in (Run, Steps, Evaluation, Epoch, Plan, End)}


class History(NamedTuple):
    """A training, its runs joined."""

    runs: list[Run]
    steps: list[Steps]
    evaluations: list[Evaluation]
    epochs: list[Epoch]
    plans: list[Plan]
    end: End | None

    @property
    def seconds(self) -> float:
        """Seconds of training so far, in all runs."""
        lasts = [events[-1].seconds for events in (self.steps, self.evaluations, self.epochs) if events]
        return max([*lasts, self.end.seconds if self.end else 0.0])

    @property
    def step(self) -> int:
        """The last step of which there is a line."""
        lasts = [events[-1].step for events in (self.runs, self.steps, self.evaluations, self.epochs) if events]
        return max([*lasts, self.end.step if self.end else 0])


def append(file: PathLike, event: Event) -> None:
    """Add a line. A line that an earlier process left unfinished is ended first.

    Raises:
        UserError: the file cannot be written.
    """
    line = json.dumps({"event": type(event).__name__.lower(), **event._asdict()}, ensure_ascii=False)
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        with open(file, "ab+") as stream:
            if stream.tell():
                stream.seek(-1, 2)
                line = line if stream.read(1) == b"\n" else f"\n{line}"
            # Half of a surrogate pair can be written as JSON, but not as UTF-8: it stays an escape.
            stream.write(f"{line}\n".encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(f"cannot write {file}: {reason_of(error)}; name another Global.save_model_dir.") from error


def read(file: PathLike, until: int | None = None) -> History:
    """The history in a file, which need not exist. ``until`` as for :func:`join_runs`."""
    return join_runs(read_events(file), until)


def read_events(file: PathLike) -> list[Event]:
    """The lines of a file. Those that are cut, or that a later version wrote, are passed over."""
    file = Path(file)
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return list(filter(None, map(_parse, text.split("\n"))))  # str.splitlines also splits at U+2028 inside a text


def join_runs(events: Sequence[Event], until: int | None = None) -> History:
    """One training from the lines of all its runs.

    Args:
        until: the step from which a training goes on; what came after it is passed over. None to take all.
    """
    kept: list[Any] = []
    for event in events:
        if isinstance(event, Run):  # one that begins at step 0 is a new training in a used folder
            kept = _forget_after(event.step, kept) if event.step else []
        kept.append(event)
    if until is not None:
        kept = _forget_after(until, kept)
    of_kinds: list[list[Any]] = [[event for event in kept if isinstance(event, kind)] for kind in EVENTS.values()]
    runs, steps, evaluations, epochs, plans, ends = of_kinds
    return History(runs, steps, evaluations, epochs, plans, end=ends[-1] if ends else None)


def _forget_after(step: int, events: list[Any]) -> list[Any]:
    return [event for event in events if event.step <= step and not isinstance(event, End)]


def _parse(line: str) -> Event | None:
    try:
        values = json.loads(line)
        event = EVENTS[values.pop("event")](**values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    hints = [hint.__forward_arg__ for hint in type(event).__annotations__.values()]
    return event if all(_fits(value, hint) for value, hint in zip(event, hints)) else None


def _fits(value: Any, hint: str) -> bool:
    """Whether a value from a file is what the hint of an event's field says."""
    if hint.startswith("Mapping"):
        return isinstance(value, dict) and all(_fits(each, hint[len("Mapping[str, ") : -1]) for each in value.values())
    if hint.startswith("Sequence"):
        return isinstance(value, list) and all(_fits(each, hint[len("Sequence[") : -1]) for each in value)
    if hint == "float":
        return isinstance(value, (int, float)) and math.isfinite(value)
    kinds = {"int": (int,), "str": (str,), "bool": (bool,), "str | None": (str, type(None))}
    return isinstance(value, kinds[hint])
