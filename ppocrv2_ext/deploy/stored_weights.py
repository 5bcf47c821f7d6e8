"""The weights that an exported model stores, in the order in which it uses them, and the characters of its dictionary.

The model is an ONNX file, or an inference model of Paddle: a program and a file of parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..checkpoints.inference_graph import list_in_order, read_in_order
from ..checkpoints.paths import SUFFIX
from ..errors import UserError
from ..files import PathLike, has_file, has_folder
from .model_folder import (
    ONNX_FILE,
    find_description,
    find_exported_models,
    find_model_files,
    has_description,
    read_description,
)
from .onnx_metadata import read_characters
from .params_file import is_whole

PROGRAM_SUFFIXES, PARAMS_SUFFIX = (".json", ".pdmodel"), ".pdiparams"
IN_FOLDERS = {"checkpoints": (f"*{SUFFIX}",), "ONNX files": ("*.onnx", f"*/{ONNX_FILE}")}  # that a user may have meant


class ModelFiles(NamedTuple):
    """The files of an exported model."""

    network: Path  # an ONNX file, or the program of an inference model
    params: Path | None  # of an inference model; None for an ONNX file, which holds them itself


class StoredDictionary(NamedTuple):
    """The characters of a model's dictionary."""

    characters: list[str]  # without blank; the space is among them in some files
    file: Path  # where they stand


def find_files(model: PathLike) -> ModelFiles:
    """The files of the exported model that a user names. Whether an ONNX file is there is not looked at.

    Args:
        model: an ONNX file, one of the files of an inference model, or the folder of an exported model. Its ONNX file
            is taken if it has both.
    Raises:
        UserError: the folder holds no exported model, or a file of the inference model is missing.
    """
    path = Path(model)
    if has_folder(path):
        if has_file(path / ONNX_FILE):
            return ModelFiles(path / ONNX_FILE, None)
        if not find_exported_models(path):
            for kind, patterns in IN_FOLDERS.items():
                files = sorted(file for pattern in patterns for file in path.glob(pattern))
                if files:
                    raise UserError(f"{path} is a folder; name one of the {kind} in it, such as {files[0]}.")
        return ModelFiles(*find_model_files(path))
    if path.suffix not in (*PROGRAM_SUFFIXES, PARAMS_SUFFIX):
        return ModelFiles(path, None)
    programs = [path] if path.suffix in PROGRAM_SUFFIXES else [path.with_suffix(end) for end in PROGRAM_SUFFIXES]
    program, params = next((file for file in programs if has_file(file)), None), path.with_suffix(PARAMS_SUFFIX)
    if program is None or not has_file(params):
        missing = params if program else " or ".join(map(str, programs))
        raise UserError(f"{path} is one of the two files of an inference model, and there is no {missing}; add it.")
    return ModelFiles(program, params)


def read_tensors(files: ModelFiles) -> list[tuple[str, np.ndarray]]:
    """The weights of a model in the order in which it uses them: [(name, array), ...], each once.

    An inference model is converted to ONNX for that.

    Raises:
        UserError: a package is not installed, or a file cannot be read.
    """
    if files.params is None:
        return read_in_order(files.network)
    if not is_whole(files.params):
        raise UserError(f"{files.params} does not hold all of its tensors; copy it again, or export the model again.")
    from .onnx_conversion import convert_program

    return list_in_order(convert_program(files.network, files.params).graph)


def read_dictionary(files: ModelFiles) -> StoredDictionary | None:
    """The dictionary of a recognizer: from its ONNX file, else from the ``inference.yml`` beside it; None without both.

    Raises:
        UserError: one of the two cannot be read.
    """
    characters = read_characters(files.network) if files.params is None else None
    if characters is not None:
        return StoredDictionary(characters, files.network)
    folder = files.network.parent
    characters = read_description(folder).dictionary if has_description(folder) else None
    return None if characters is None else StoredDictionary(characters, find_description(folder))


def fit_characters(characters: Sequence[str], classes: int) -> list[str] | None:
    """A dictionary without the space at its end, which is the class after it, and without an empty last line.

    Args:
        characters: of a dictionary, without blank.
        classes: of the network: blank, one for each character, and mostly one for the space.
    Returns:
        As many characters as there are classes, less the blank, and less the space if there is one; None if the two
        do not fit.
    """
    whole = list(characters)
    shorter = [whole[:-1]] if whole and whole[-1] in ("", " ") else []
    fitting = [each for each in (*shorter, whole) if classes - 1 - len(each) in (0, 1)]
    return next((each for each in fitting if each and each[-1]), None)


def choose_characters(
    stored: StoredDictionary | None, network: Path, classes: int, official: Sequence[str]
) -> list[str] | None:
    """The characters of a recognizer's own dictionary; None if they are the official ones, or if it has none.

    Args:
        stored: as :func:`read_dictionary` returns it.
        network: the file of the network, for messages.
        classes: of the network.
        official: the characters of the official dictionary, without blank and space.
    Raises:
        UserError: the dictionary does not fit the classes; or there is none, and the official one does not fit either.
    """
    if stored is None:
        if classes == len(official) + 2:
            return None
        raise UserError(
            f"{network} has {classes} classes and no dictionary, and the official one makes {len(official) + 2};"
            " put the inference.yml of the model beside it, or export the model again with `ppocrv2 export --onnx`."
        )
    own = fit_characters(stored.characters, classes)
    if own is None:
        count = len(stored.characters)
        raise UserError(
            f"{stored.file} has a dictionary of {count} characters, which makes {count + 1} classes, or {count + 2}"
            f" with the space, and {network} has {classes}; export the model again."
        )
    return None if own == list(official) else own
