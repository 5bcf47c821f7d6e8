"""What a checkpoint says of itself: which files it has, whether they are as they were saved, and of which training.

The record of the checkpoint ``latest`` is ``latest.resume``, a JSON file:

==============  ====================================================================================
``files``       {name: [bytes, sha256]} of the other files
``position``    the epoch (from 1), the steps taken in it and in all, and the number of steps of an epoch
``run``         the name of the training, which it keeps when it is resumed; older versions gave none
``...``         what else a resumed training needs to go on as if it had not stopped
==============  ====================================================================================

A checkpoint that PaddleOCR saved alone has none. Checkpoints are given without suffix. No Paddle is needed here.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from ..files import PathLike, sha256
from .paths import SUFFIX

RECORD_SUFFIX = ".resume"
SUFFIXES = (SUFFIX, ".pdopt", ".states", ".pdema")  # of what PaddleOCR saves
FORMAT = 1
MOST_BYTES = 1 << 20  # of a record, which has less than a thousand


class Position(NamedTuple):
    """Where a training is."""

    epoch: int  # from 1
    step: int  # steps taken in this epoch
    global_step: int  # steps taken in all
    steps_per_epoch: int

    @property
    def finished_epochs(self) -> int:
        """Epochs of which every step was taken."""
        return self.epoch if self.step >= self.steps_per_epoch else self.epoch - 1

    def follow(self, steps_per_epoch: int) -> Position:
        """Where a training goes on whose epochs have this many steps. An epoch that had another number begins anew."""
        if self.finished_epochs == self.epoch:
            return Position(self.epoch + 1, 0, self.global_step, steps_per_epoch)
        if self.steps_per_epoch != steps_per_epoch:
            return Position(self.epoch, 0, self.global_step - self.step, steps_per_epoch)
        return self

    def find_last_step(self, epochs: int) -> int:
        """The step, of all, at which a training ends that goes on here and has so many epochs in all."""
        return self.global_step - self.step + max(0, epochs - self.epoch + 1) * self.steps_per_epoch


def write(folder: PathLike, prefix: str, content: Mapping[str, Any]) -> None:
    """Write the record of the checkpoint ``prefix``, whose other files are all those in ``folder``.

    Args:
        content: what the record says beside them.
    """
    folder = Path(folder)
    files = {
        path.relative_to(folder).as_posix(): [path.stat().st_size, sha256(path)]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    text = json.dumps({"format": FORMAT, "files": files, **content})
    (folder / f"{prefix}{RECORD_SUFFIX}").write_text(text, encoding="utf-8")


def read(checkpoint: PathLike) -> dict[str, Any]:
    """What ``.resume`` says of a checkpoint, which is given without suffix; empty if it has none.

    Raises:
        UserError: the file is broken.
    """
    file = Path(f"{checkpoint}{RECORD_SUFFIX}")
    if not file.is_file():
        return {}
    try:
        with file.open("rb") as stream:
            record = json.loads(stream.read(MOST_BYTES))
        if record["format"] != FORMAT:
            raise ValueError(f"format {record['format']}")
        position = Position(**record["position"])
        if not all(type(value) is int and value >= 0 for value in position) or position.epoch < 1:
            raise ValueError("a position is four whole numbers")
        if not isinstance(record.get("run"), (str, type(None))):
            raise ValueError("the name of a training is a text")
        for name, (size, digest) in record["files"].items():
            if type(size) is not int or not isinstance(digest, str) or {"..", os.sep} & {*Path(name).parts}:
                raise ValueError(f"{name!r} is no file of this folder with its size and its digest")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{file} is no record of a checkpoint ({error}); without it the epoch begins anew.") from error
    return record


def read_position(checkpoint: PathLike) -> Position | None:
    """Where the training of a checkpoint was; None if the checkpoint has no ``.resume``."""
    record = read(checkpoint)
    return Position(**record["position"]) if record else None


def read_run(checkpoint: PathLike) -> str | None:
    """The name of the training of a checkpoint; None if its record does not say, or is broken."""
    with contextlib.suppress(UserError):  # `find_problem` says what is broken
        return read(checkpoint).get("run")
    return None


def are_of_two_trainings(checkpoint: PathLike, other: PathLike) -> bool:
    """Whether two checkpoints are of different trainings, as their records say.

    Weights alone, such as a mean or official ones, are of no training. A broken record says nothing.
    """
    with contextlib.suppress(UserError):
        known = [read(each) or Path(f"{each}.states").is_file() for each in (checkpoint, other)]
        return all(known) and read(checkpoint).get("run") != read(other).get("run")
    return False


def list_runs(folder: PathLike) -> set[str | None]:
    """What :func:`read_run` says of the checkpoints in ``folder``."""
    return {read_run(Path(folder) / name) for name in list_names(folder)}


def list_names(folder: PathLike) -> set[str]:
    """The names of the checkpoints in ``folder``, without suffix."""
    return {path.name[: -len(SUFFIX)] for path in Path(folder).glob(f"*{SUFFIX}")}


def find_file(checkpoint: PathLike, suffix: str) -> Path | None:
    """The file of a checkpoint, which is given without suffix; None if it has none.

    A file that only lies beside it is none of its own: its record does not name that one.

    Raises:
        UserError: the record is broken.
    """
    file = Path(f"{checkpoint}{suffix}")
    own = read(checkpoint).get("files", {file.name})
    return file if file.is_file() and file.name in own else None


def find_problem(checkpoint: PathLike) -> str | None:
    """Why a checkpoint, given without suffix, cannot be gone on from, as half a sentence; None if it can."""
    from . import pickles  # it needs NumPy, which a command that reads no weights does not

    try:
        record = read(checkpoint)
    except UserError as error:
        return str(error)
    folder = Path(checkpoint).parent
    for name, (size, digest) in record.get("files", {}).items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size:
            return f"{name} has {path.stat().st_size} bytes of {size}"
        if sha256(path) != digest:
            return f"{name} has changed since it was saved"
    if record:
        return None
    for suffix in SUFFIXES:  # of a checkpoint that was saved without a record
        path = Path(f"{checkpoint}{suffix}")
        if path.is_file():
            try:
                pickles.read(path)
            except UserError as error:
                return str(error)
    return None
