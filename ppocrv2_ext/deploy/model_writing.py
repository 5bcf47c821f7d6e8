"""The model in a folder, written as a whole: a reader finds the old one, the new one or none, and never a mixture.

Its files are written in the three steps of :mod:`~ppocrv2_ext.staged_folders`, with ``.exporting`` as the part and
``.exported`` as the whole.

In step 3 the old programs and ONNX files go first, so that the folder holds no model. The new ones come last, the ONNX
file after the program, because readers take it first. Other files in the folder stay.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from .. import folder_lock
from ..errors import UserError, reason_of
from ..files import PathLike, find_obstacle, has_file, synchronize
from ..staged_folders import list_files, move_files, remove_links, staging
from .engine import load_paddle_engine
from .model_folder import ONNX_FILE, PROGRAMS, find_model_files
from .params_file import is_whole

PART, WHOLE, LOCK = ".exporting", ".exported", ".exporting.lock"
MARKS = (*PROGRAMS, ONNX_FILE)  # without one of them a folder holds no model; in the order in which they are written


@contextlib.contextmanager
def writing_model(folder: PathLike) -> Iterator[Path]:
    """A context that gives an empty folder. The files written into it become the model in ``folder``.

    A file of an older model that would hide the new one is removed, and a line says so. A UserError that is
    raised inside names ``folder`` in place of the given one.

    Raises:
        UserError: the disk is full, a folder or a pipe is where a file should be, or another process writes a model
            into ``folder``. What was in ``folder`` is as it was.
    """
    folder = Path(folder)
    part, whole = folder / PART, folder / WHOLE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock.hold(folder, LOCK, "writes a model into it; wait for it, or name another folder", keep=False):
            _tidy(folder)
            with staging(part, whole, _move):
                yield part
                _refuse_obstacles(part, folder)
    except OSError as error:
        raise UserError(
            f"cannot write the model to {folder}: {reason_of(error)}; make room, or name another folder."
        ) from error
    except UserError as error:
        raise UserError(str(error).replace(str(part), str(folder))) from error


def require_whole_model(folder: PathLike) -> None:
    """Refuse a model of which Paddle has not written all: on a full disk it writes less and says nothing.

    Raises:
        UserError: a file is missing or cut short, or Paddle cannot load the model.
    """
    advice = "is the disk full? Make room, and export again"
    program, params = find_model_files(folder)
    description = Path(folder) / "inference.yml"
    if not has_file(description):
        raise UserError(f"{description} was not written; {advice}.")
    if not is_whole(params):
        raise UserError(f"{params} was not written to its end; {advice}.")
    try:
        load_paddle_engine(folder)
    except UserError as error:
        raise UserError(
            f"the model that was written cannot be read; {advice}. Paddle says of {program}: {error}"
        ) from error


def _tidy(folder: Path) -> None:
    """Finish what a process that was killed has begun: a whole model takes its place, a part is removed."""
    remove_links((folder / PART, folder / WHOLE))
    shutil.rmtree(folder / PART, ignore_errors=True)
    if (folder / WHOLE).is_dir():
        _move(folder / WHOLE, folder)


def _refuse_obstacles(source: Path, folder: Path) -> None:
    for path in list_files(source):
        target = folder / path.relative_to(source)
        obstacle = find_obstacle(target, devices=False)
        if obstacle:
            raise UserError(f"cannot write {target}: {obstacle}; name another folder.")


def _move(whole: Path, folder: Path) -> None:
    """Let the files of a whole model take their places. It can be done again after it was cut short."""
    files = list_files(whole)
    for place in sorted({path.parent for path in files}):
        names = [path.name for path in files if path.parent == place]
        target = folder / place.relative_to(whole)
        target.mkdir(exist_ok=True)
        # Once all others have left `whole`, the old marks are removed, and one that is there may be new.
        if any(name not in MARKS for name in names):
            for mark in MARKS:
                if has_file(target / mark):
                    (target / mark).unlink()
                    if mark not in names:
                        click.echo(f"Removed {target / mark}, which held the model of an earlier export.")
            synchronize(target)
        order = sorted(names, key=lambda name: (MARKS.index(name) + 1 if name in MARKS else 0, name))
        move_files((place / name for name in order), whole, folder)
    shutil.rmtree(whole)
