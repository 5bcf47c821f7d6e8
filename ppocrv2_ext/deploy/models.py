"""Models that pictures are read with: exported ones, and the official ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ..checkpoints import published
from ..errors import UserError
from ..files import PathLike, has_file, has_folder
from .model_folder import ONNX_FILE, PROGRAMS, find_model_files, has_description
from .onnx_metadata import read_line_settings
from .settings import HOW_TO_GET_OFFICIAL, LineSettings, find_kind, official_settings, read_settings


class Model(NamedTuple):
    """A model that is there, and what it says about reading with it."""

    kind: str  # "det", "rec" or "cls"
    path: Path  # of its folder, or its ONNX file. An engine takes both
    settings: Any  # DetectorSettings of a detector, else LineSettings

    @property
    def onnx_file(self) -> Path:
        """Where its ONNX file is, or would be."""
        return self.path / ONNX_FILE if has_folder(self.path) else self.path

    @property
    def has_program(self) -> bool:
        """Whether Paddle can run it."""
        return any(has_file(self.path / name) for name in PROGRAMS)


def find_model(model: PathLike, kind: str | None = None) -> Model:
    """The model that a user names.

    Args:
        model: the folder of an exported model, "official", or the ONNX file of a recognizer with its dictionary inside.
            Such a file does not say how the pictures of its evaluation were prepared. A folder does, unless it has no
            description; then its ONNX file is asked too.
        kind: what it must be, "det", "rec" or "cls"; None for any kind that is not "official".
    Raises:
        UserError: there is no such model, it is of another kind or broken, or no kind is given for "official".
    """
    if model == published.KEYWORD:
        if kind is None:
            raise UserError("say which official model with --kind det, rec or cls.")
        file = published.require(published.find(kind), advice=HOW_TO_GET_OFFICIAL)
        return Model(kind, file, official_settings(kind))
    path = Path(model)
    settings = _read_settings_inside(path) if kind in (None, "rec") else None
    return Model("rec", path, settings) if settings else read_folder(path, kind)


def _read_settings_inside(path: Path) -> LineSettings | None:
    """The settings of a recognizer that are in its ONNX file; None if there are none, or the folder has better ones."""
    is_folder = has_folder(path)
    file = path / ONNX_FILE if is_folder else path
    if (is_folder and has_description(path)) or file.suffix != ".onnx" or not has_file(file):
        return None
    return read_line_settings(file)


def read_folder(folder: PathLike, kind: str | None = None) -> Model:
    """The exported model in a folder.

    Args:
        kind: as :func:`find_model` takes it.
    Raises:
        UserError: there is no such folder, it holds no model, or one of another kind, or a broken one.
    """
    path = Path(folder)
    if not has_folder(path):
        name = f"{kind} {path}" if kind else path
        if has_file(path):
            raise UserError(f"{name} is a file; name the folder that it lies in, {path.parent}.")
        raise UserError(f"{name}: there is no such folder; export a model with `ppocrv2 export --onnx`.")
    if not has_file(path / ONNX_FILE):
        find_model_files(path)  # where there is no model at all, it says so
    kind = kind or find_kind(path)
    return Model(kind, path, read_settings(path, kind))
