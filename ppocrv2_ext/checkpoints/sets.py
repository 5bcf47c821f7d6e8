"""The files of one checkpoint: all of them or none, and which checkpoint of a folder is the last good one.

A checkpoint is ``latest.pdparams``, ``.pdopt``, ``.states``, with an average of the weights also ``.pdema``, of a
recognizer also ``.dict.txt``, and ``latest.resume``. The first four have PaddleOCR's names, and PaddleOCR can read
them. ``.dict.txt`` is a copy of the dictionary that the classes were trained with. ``.resume`` is a JSON file:

==============  ====================================================================================
``files``       {name: [bytes, sha256]} of the other files
``position``    the epoch (from 1), the steps taken in it and in all, and the number of steps of an epoch
``run``         the name of the training, which it keeps when it is resumed; older versions gave none
``...``         what else a resumed training needs to go on as if it had not stopped
==============  ====================================================================================

Files are written in three steps, and a process may be killed in any of them:

1. ``.saving-latest`` is a folder with the new files. It is removed if the training does not come to step 2.
2. It is renamed to ``.whole-latest``. From here on the new checkpoint counts.
3. Its files take the places of the old ones. Old ones that have no successor are removed, such as a ``.pdema`` where
   the new checkpoint holds no average. :func:`tidy` does so if the training did not.

No Paddle is needed here.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from ..files import PathLike, sha256, synchronize
from .paths import DICTIONARY_SUFFIX, SUFFIX

RECORD_SUFFIX = ".resume"
SUFFIXES = (SUFFIX, ".pdopt", ".states", ".pdema")  # of what PaddleOCR saves
REPLACED = (*SUFFIXES, DICTIONARY_SUFFIX)  # of what a checkpoint may lack that an older one of its name had
FORMAT = 1
MOST_BYTES = 1 << 20  # of a record, which has less than a thousand
PART, WHOLE = ".saving-", ".whole-"


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


@contextlib.contextmanager
def writing(folder: PathLike, prefix: str, record: Mapping[str, Any]) -> Iterator[Path]:
    """A context that gives an empty folder. The files written into it become one checkpoint in ``folder``.

    Args:
        prefix: how their names begin, such as "latest".
        record: what ``.resume`` says beside the files.
    Raises:
        UserError: the disk is full or the folder is gone. What was in ``folder`` is as it was.
    """
    folder = Path(folder)
    part, whole = folder / f"{PART}{prefix}", folder / f"{WHOLE}{prefix}"
    try:
        shutil.rmtree(part, ignore_errors=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()  # not its parents: a folder that is gone does not come again on another disk
        part.mkdir()
        yield part
        files = {path.relative_to(part).as_posix(): _describe(path) for path in _list_files(part)}
        text = json.dumps({"format": FORMAT, "files": files, **record})
        (part / f"{prefix}{RECORD_SUFFIX}").write_text(text, encoding="utf-8")
        _synchronize(part)
        if whole.exists():
            _move(whole, folder)
        part.rename(whole)
        synchronize(folder)
        _move(whole, folder)
    except OSError as error:
        raise UserError(
            f"cannot save {folder / prefix}: {error.strerror or error}; {_advise(folder, record)}."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _advise(folder: Path, record: Mapping[str, Any]) -> str:
    """What to do where the checkpoint with this ``record`` could not be saved, as the end of a sentence."""
    go_on = "--resume"
    try:
        if folder.is_dir():
            checkpoint = find_checkpoint(folder, list_runs(folder) - {record.get("run")})
            if checkpoint is None:
                return "no checkpoint of this training was there yet; make room, and start again"
            if checkpoint != find_checkpoint(folder):
                go_on = f"-o Global.checkpoints={checkpoint}"
    except OSError:  # a disk that cannot be read may hold one
        pass
    return (
        f"the checkpoints that were there are as they were; make room, or bring the folder back, and go on with {go_on}"
    )


def tidy(folder: PathLike) -> None:
    """Finish what a training that was killed has begun: a whole checkpoint takes its place, a part is removed.

    Only for a folder in which no training runs.

    Raises:
        UserError: the folder cannot be written to.
    """
    try:
        for link in (path for path in Path(folder).glob(".*") if path.name.startswith((PART, WHOLE))):
            if link.is_symlink():  # no training makes one, and what it names is somebody else's
                link.unlink()
        for whole in Path(folder).glob(f"{WHOLE}*"):
            _move(whole, Path(folder))
        for part in Path(folder).glob(f"{PART}*"):
            shutil.rmtree(part)
        for part in Path(folder).glob(".part-*"):  # of `files.atomic_write`
            part.unlink()
    except OSError as error:
        raise UserError(f"cannot tidy {folder} up: {error.strerror or error}.") from error


def read_record(checkpoint: PathLike) -> dict[str, Any]:
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
    record = read_record(checkpoint)
    return Position(**record["position"]) if record else None


def read_run(checkpoint: PathLike) -> str | None:
    """The name of the training of a checkpoint; None if its record does not say, or is broken."""
    with contextlib.suppress(UserError):  # `find_problem` says what is broken
        return read_record(checkpoint).get("run")
    return None


def list_runs(folder: PathLike) -> set[str | None]:
    """What :func:`read_run` says of the checkpoints in ``folder``."""
    return {read_run(Path(folder) / name) for name in _list_names(folder)}


def _list_names(folder: PathLike) -> set[str]:
    """The names of the checkpoints in ``folder``, without suffix."""
    return {path.name[: -len(SUFFIX)] for path in Path(folder).glob(f"*{SUFFIX}")}


def find_file(checkpoint: PathLike, suffix: str) -> Path | None:
    """The file of a checkpoint, which is given without suffix; None if it has none.

    A file that only lies beside it is none of its own: its record does not name that one.

    Raises:
        UserError: the record is broken.
    """
    file = Path(f"{checkpoint}{suffix}")
    own = read_record(checkpoint).get("files", {file.name})
    return file if file.is_file() and file.name in own else None


def find_problem(checkpoint: PathLike) -> str | None:
    """Why a checkpoint, given without suffix, cannot be gone on from, as half a sentence; None if it can."""
    from . import pickles  # it needs NumPy, which a command that reads no weights does not

    try:
        record = read_record(checkpoint)
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


def find_last_good(
    folder: PathLike, prefix: str = "latest", earlier: Collection[str | None] | None = None
) -> tuple[str, list[str]]:
    """The checkpoint of ``folder`` to go on from.

    Args:
        prefix: the one to prefer. If it is not whole, the others are tried, the newest first.
        earlier: the trainings, as :func:`list_runs` names them, whose checkpoints do not count. None for all but that
            of ``prefix``; if its record does not say which that is, all count.
    Returns:
        (its name without suffix, why each one before was left out)
    Raises:
        UserError: none of them is whole.
    """
    folder, left_out, is_mixed = Path(folder), [], False
    if earlier is None:
        earlier = _list_other_runs(folder, prefix)
    others = sorted(_list_names(folder) - {prefix}, key=lambda name: _age(folder / name))
    for name in [prefix, *others]:
        if not (folder / f"{name}{SUFFIX}").is_file():
            continue
        if read_run(folder / name) in earlier:
            left_out.append(f"{folder / name} is of another training")
            is_mixed = True
            continue
        problem = find_problem(folder / name)
        if problem is None:
            return name, left_out
        left_out.append(f"{folder / name} is not whole: {problem}")
    if left_out:
        which = "of its training" if is_mixed else "there"
        raise UserError(f"--resume {folder}: no checkpoint {which} is whole; {'; '.join(left_out)}.")
    return prefix, []  # there is none at all: who reads it says so


def _list_other_runs(folder: Path, prefix: str) -> set[str | None]:
    """The trainings in ``folder`` without that of the checkpoint ``prefix``; none if nothing says which that is."""
    with contextlib.suppress(UserError):
        record = read_record(folder / prefix)
        return list_runs(folder) - {record.get("run")} if record else set()
    return set()


def find_checkpoint(folder: PathLike, earlier: Collection[str | None] | None = None) -> Path | None:
    """The checkpoint of ``folder`` that ``--resume`` would go on from, without suffix; None if none is whole.

    Args:
        earlier: the trainings whose checkpoints do not count, even if ``--resume`` would take one; None as for
            :func:`find_last_good`.
    """
    folder = Path(folder)
    whole = [path.name[len(WHOLE) :] for path in folder.glob(f"{WHOLE}*")]
    if whole:  # it has yet to take its place, which `tidy` does; those of earlier trainings have
        return folder / ("latest" if "latest" in whole else whole[0])
    with contextlib.suppress(UserError):
        checkpoint = folder / find_last_good(folder, earlier=earlier)[0]
        if Path(f"{checkpoint}{SUFFIX}").is_file():
            return checkpoint
    return None


def _age(checkpoint: Path) -> float:
    """A number that is lower for newer checkpoints."""
    with contextlib.suppress(UserError):
        position = read_position(checkpoint)
        if position:
            return -position.global_step
    return -Path(f"{checkpoint}{SUFFIX}").stat().st_mtime * 1e-12  # after those with a record


def _list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _describe(path: Path) -> list:
    return [path.stat().st_size, sha256(path)]


def _move(whole: Path, folder: Path) -> None:
    """Let the files of a whole checkpoint take their places. It can be done again after it was cut short."""
    _remove_without_successor(whole, folder)
    # The record goes last: as long as it is in `whole`, so is the checkpoint.
    for path in sorted(_list_files(whole), key=lambda path: (path.suffix == RECORD_SUFFIX, path)):
        target = folder / path.relative_to(whole)
        target.parent.mkdir(exist_ok=True)
        path.replace(target)
        synchronize(target.parent)
    shutil.rmtree(whole)


def _remove_without_successor(whole: Path, folder: Path) -> None:
    """Remove what an older checkpoint of the same name left and this one does not have: nobody may take it for its own.

    Once the record has left ``whole``, this was done.
    """
    names: set[str] = set()
    with contextlib.suppress(UserError):  # of a broken record, which is reported where it is read
        names = set(read_record(whole / whole.name[len(WHOLE) :]).get("files", ()))
    for stem in (name[: -len(SUFFIX)] for name in names if name.endswith(SUFFIX)):
        for suffix in REPLACED:
            if f"{stem}{suffix}" not in names:
                with contextlib.suppress(FileNotFoundError):
                    (folder / f"{stem}{suffix}").unlink()


def _synchronize(folder: Path) -> None:
    files = _list_files(folder)
    for path in [*files, *{folder, *(each.parent for each in files)}]:
        synchronize(path)
