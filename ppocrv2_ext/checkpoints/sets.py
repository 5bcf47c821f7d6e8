"""The files of one checkpoint: all of them or none, and which checkpoint of a folder is the last good one.

A checkpoint is ``latest.pdparams``, ``.pdopt``, ``.states``, with an average of the weights also ``.pdema``, of a
recognizer also ``.dict.txt``, and ``latest.resume``. The first four have PaddleOCR's names, and PaddleOCR can read
them. ``.dict.txt`` is a copy of the dictionary that the classes were trained with. :mod:`.records` has ``.resume``.

They are written in the three steps of :mod:`~ppocrv2_ext.staged_folders`, with ``.saving-latest`` as the part and
``.whole-latest`` as the whole. In step 3, old files that have no successor are removed, such as a ``.pdema`` where the
new checkpoint holds no average. :func:`tidy` finishes what a killed training has begun.

No Paddle is needed here.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import UserError, reason_of
from ..files import PathLike
from ..staged_folders import list_files, move_files, remove_links, staging
from . import records
from .paths import DICTIONARY_SUFFIX, SUFFIX

REPLACED = (*records.SUFFIXES, DICTIONARY_SUFFIX)  # of what a checkpoint may lack that an older one of its name had
PART, WHOLE = ".saving-", ".whole-"


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
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir()  # not its parents: a folder that is gone does not come again on another disk
        with staging(folder / f"{PART}{prefix}", folder / f"{WHOLE}{prefix}", _move) as part:
            yield part
            records.write(part, prefix, record)
    except OSError as error:
        raise UserError(f"cannot save {folder / prefix}: {reason_of(error)}; {_advise(folder, record)}.") from error


def _advise(folder: Path, record: Mapping[str, Any]) -> str:
    """What to do where the checkpoint with this ``record`` could not be saved, as the end of a sentence."""
    go_on = "--resume"
    try:
        if folder.is_dir():
            checkpoint = find_checkpoint(folder, records.list_runs(folder) - {record.get("run")})
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
        remove_links(path for path in Path(folder).glob(".*") if path.name.startswith((PART, WHOLE)))
        for whole in Path(folder).glob(f"{WHOLE}*"):
            _move(whole, Path(folder))
        for part in Path(folder).glob(f"{PART}*"):
            shutil.rmtree(part)
        for part in Path(folder).glob(".part-*"):  # of `files.atomic_write`
            part.unlink()
    except OSError as error:
        raise UserError(f"cannot tidy {folder} up: {reason_of(error)}.") from error


def find_last_good(folder: PathLike, earlier: Collection[str | None] | None = None) -> tuple[str, list[str]]:
    """The checkpoint of ``folder`` to go on from: ``latest`` or, if it is not whole, the newest of the others.

    Args:
        earlier: the trainings, as :func:`records.list_runs` names them, whose checkpoints do not count. None for all
            but that of ``latest``; if its record does not say which that is, all count.
    Returns:
        (its name without suffix, why each one before was left out)
    Raises:
        UserError: none of them is whole.
    """
    folder, left_out, is_mixed = Path(folder), [], False
    if earlier is None:
        earlier = _list_other_runs(folder)
    others = sorted(records.list_names(folder) - {"latest"}, key=lambda name: _age(folder / name))
    for name in ["latest", *others]:
        if not (folder / f"{name}{SUFFIX}").is_file():
            continue
        if records.read_run(folder / name) in earlier:
            left_out.append(f"{folder / name} is of another training")
            is_mixed = True
            continue
        problem = records.find_problem(folder / name)
        if problem is None:
            return name, left_out
        left_out.append(f"{folder / name} is not whole: {problem}")
    if left_out:
        which = "of its training" if is_mixed else "there"
        raise UserError(f"--resume {folder}: no checkpoint {which} is whole; {'; '.join(left_out)}.")
    return "latest", []  # there is none at all: who reads it says so


def _list_other_runs(folder: Path) -> set[str | None]:
    """The trainings in ``folder`` without that of the checkpoint ``latest``; none if nothing says which that is."""
    with contextlib.suppress(UserError):
        record = records.read(folder / "latest")
        return records.list_runs(folder) - {record.get("run")} if record else set()
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
        position = records.read_position(checkpoint)
        if position:
            return -position.global_step
    return -Path(f"{checkpoint}{SUFFIX}").stat().st_mtime * 1e-12  # after those with a record


def _move(whole: Path, folder: Path) -> None:
    """Let the files of a whole checkpoint take their places. It can be done again after it was cut short."""
    _remove_without_successor(whole, folder)
    # The record goes last: as long as it is in `whole`, so is the checkpoint.
    files = sorted(list_files(whole), key=lambda path: (path.suffix == records.RECORD_SUFFIX, path))
    move_files(files, whole, folder)
    shutil.rmtree(whole)


def _remove_without_successor(whole: Path, folder: Path) -> None:
    """Remove what an older checkpoint of the same name left and this one does not have: nobody may take it for its own.

    Once the record has left ``whole``, this was done.
    """
    names: set[str] = set()
    with contextlib.suppress(UserError):  # of a broken record, which is reported where it is read
        names = set(records.read(whole / whole.name[len(WHOLE) :]).get("files", ()))
    for stem in (name[: -len(SUFFIX)] for name in names if name.endswith(SUFFIX)):
        for suffix in REPLACED:
            if f"{stem}{suffix}" not in names:
                with contextlib.suppress(FileNotFoundError):
                    (folder / f"{stem}{suffix}").unlink()
