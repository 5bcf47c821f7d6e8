"""The folder of an exported model: its files, and the description of what goes into it.

PaddleOCR's tools/export_model.py leaves the program, ``inference.json`` (Paddle 3) or ``inference.pdmodel``; the
parameters, ``inference.pdiparams``; and the description, ``inference.yml``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..arguments import is_whole
from ..config.yaml_loader import count_values
from ..errors import UserError, shorten, summarise
from ..files import PathLike, has_file, read_regular

PROGRAMS = ("inference.json", "inference.pdmodel")
ONNX_FILE = "inference.onnx"  # beside the program, written by `export --onnx`
MOST_VALUES = 10**6  # of a description; the dictionary of PP-OCRv5 has 18 383 characters
# Of a description; ValueError: no UTF-8, or no such date. UserError: an alias stands in what it refers to.
READ_ERRORS = (OSError, ValueError, RecursionError, yaml.YAMLError, UserError)


class ModelDescription(NamedTuple):
    """What goes into a model, and what its classes are called."""

    image_shape: list[int]  # [channels, height, width] of the images it was evaluated on; -1 for any size
    dictionary: list[str] | None  # one string per line of the dictionary, without blank and space; None for a detector


def find_model_files(model_dir: PathLike) -> tuple[Path, Path]:
    """(program, parameters): the paths of an exported model. The program of Paddle 3 is preferred.

    Raises:
        UserError: one of them is missing.
    """
    folder = Path(model_dir)
    program = next((folder / name for name in PROGRAMS if has_file(folder / name)), None)
    if program is None:
        if has_file(folder / ONNX_FILE):
            raise UserError(
                f"{folder} holds {ONNX_FILE} alone, which onnxruntime and OpenVINO run, and Paddle needs"
                f" {' or '.join(PROGRAMS)}; choose another engine, or export the model."
            )
        networks = find_exported_models(folder)
        hint = f"give one of {', '.join(map(str, networks))}" if networks else "export one with `ppocrv2 export`"
        raise UserError(f"{folder} is not an exported model: it has no {' or '.join(PROGRAMS)}; {hint}.")
    params = folder / "inference.pdiparams"
    if not has_file(params):
        raise UserError(f"{folder} is not a whole exported model: {params.name} is missing; export it again.")
    return program, params


def find_exported_models(directory: PathLike) -> list[Path]:
    """The folders of exported models: ``directory`` itself, or its folders for the networks of a distillation model.

    A hidden folder is none: an export that was killed may have left one.
    """
    folder = Path(directory)
    candidates = [folder, *sorted(path for path in folder.glob("[!.]*") if path.is_dir())]
    return [path for path in candidates if any((path / name).is_file() for name in PROGRAMS)]


def find_description(model_dir: PathLike) -> Path:
    """The path of ``inference.yml``. For a network of a distillation model, it is one folder up.

    Raises:
        UserError: there is none.
    """
    candidates = _list_descriptions(model_dir)
    path = next((path for path in candidates if has_file(path)), None)
    if path is None:
        raise UserError(
            f"{candidates[0]} is missing: it says how to prepare images; export the model with `ppocrv2 export`."
        )
    return path


def has_description(model_dir: PathLike) -> bool:
    """Whether :func:`find_description` finds one."""
    return any(map(has_file, _list_descriptions(model_dir)))


def _list_descriptions(model_dir: PathLike) -> list[Path]:
    """Where the ``inference.yml`` of a model can be, the nearest first."""
    folder = Path(model_dir)
    return [folder / "inference.yml", folder.absolute().parent / "inference.yml"]


def read_yaml(path: Path) -> Any:
    """The content of a YAML file as plain values.

    Raises:
        UserError: it cannot be read, or is larger than a description of a model can be.
    """
    try:
        text = read_regular(path).decode("utf-8")
        # The compiled reader where there is one, as dictionaries are long.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        node = loader.get_single_node()
        count = count_values(node) if node else 0
        content = loader.construct_document(node) if 0 < count <= MOST_VALUES else None
    except READ_ERRORS as error:
        raise UserError(f"cannot read {path} ({summarise(error)}); export the model again.") from error
    if count > MOST_VALUES:  # ten lines of aliases can stand for billions of values
        raise UserError(f"{path} stands for more than {MOST_VALUES} values, which no model has; export it again.")
    return content


def read_model_name(model_dir: PathLike) -> str | None:
    """``Global.model_name`` of ``inference.yml``."""
    section = read_yaml(find_description(model_dir)).get("Global")
    name = section.get("model_name") if isinstance(section, dict) else None
    return name if isinstance(name, str) else None


def clean_characters(dictionary: Any) -> list[str]:
    """The characters of ``PostProcess.character_dict``. PaddleOCR's exporter leaves a "\\r" that training drops.

    Raises:
        ValueError: it is no list of texts. A digit may stand without quotes.
    """
    if not isinstance(dictionary, list):
        raise ValueError(f"character_dict must be a list of characters, got {shorten(dictionary)}")
    for number, character in enumerate(dictionary, 1):
        if not isinstance(character, str) and not is_whole(character):
            raise ValueError(f"entry {number} of character_dict must be text, got {shorten(character)}")
    return [str(character).strip("\r\n") for character in dictionary]


def read_description(model_dir: PathLike) -> ModelDescription:
    """Read ``inference.yml``. For a network of a distillation model, it is one folder up.

    Raises:
        UserError: the file is missing or is not what PaddleOCR's exporter writes.
    """
    path = find_description(model_dir)
    content = read_yaml(path)
    try:
        steps = content["PreProcess"]["transform_ops"]
        dictionary = content["PostProcess"].get("character_dict")
        sizes = [next(iter(step.values())) for step in steps if isinstance(step, dict) and "RecResizeImg" in step]
        if dictionary is None or not sizes:
            return ModelDescription([3, -1, -1], None)
        return ModelDescription([int(size) for size in sizes[0]["image_shape"]], clean_characters(dictionary))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is not what the exporter writes ({summarise(error)}); export again.") from error
