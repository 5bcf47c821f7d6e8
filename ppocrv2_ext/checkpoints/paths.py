"""Where a checkpoint and its dictionary are. Commands look before they import Paddle, so this needs none."""

from __future__ import annotations

from pathlib import Path

import yaml

from ..errors import UserError, did_you_mean
from ..files import PathLike

SUFFIX = ".pdparams"  # PaddleOCR's configs leave it out
SAFE_SUFFIX = ".safetensors"  # weights alone, for exchange; the suffix is always given
INFERENCE_SUFFIXES = (".pdiparams", ".pdmodel", ".pdiparams.info", ".json")  # of an exported model
DICTIONARY_SUFFIX = ".dict.txt"


def with_suffix(path: PathLike) -> Path:
    """``path`` with ``.pdparams``, added if it is missing. A ``.safetensors`` stays what it is."""
    path = str(path)
    return Path(path if path.endswith((SUFFIX, SAFE_SUFFIX)) else path + SUFFIX)


def without_suffix(path: PathLike) -> str:
    """``path`` without ``.pdparams``, which is how PaddleOCR wants it."""
    path = str(path)
    return path[: -len(SUFFIX)] if path.endswith(SUFFIX) else path


def without_any_suffix(path: PathLike) -> str:
    """``path`` without ``.pdparams`` or ``.safetensors``: the start of the names of the files beside it."""
    path = str(path)
    return path[: -len(SAFE_SUFFIX)] if path.endswith(SAFE_SUFFIX) else without_suffix(path)


def require_file(key: str, path: PathLike, advice: str | None = None) -> Path:
    """The path of an existing checkpoint, with its suffix.

    Args:
        key: the key of the config that names the file; the error message starts with it.
        path: with or without ``.pdparams``, or a ``.safetensors``.
        advice: what to do if there is no such file, as the end of a sentence; None to name a file of a like name.
    Raises:
        UserError: there is no such file, or it is an inference model.
    """
    file = with_suffix(path)
    if not file.is_file():
        if str(path).endswith(INFERENCE_SUFFIXES):
            raise UserError(
                f"{key}: {path} is a file of an inference model, and weights to start from end in .pdparams;"
                f" `ppocrv2 weights rec --from {path} --output pretrain` makes them of it (det and cls likewise)."
            )
        if Path(path).is_dir():
            raise UserError(f"{key}: {path} is a folder; name a checkpoint in it, such as {Path(path) / 'latest'}.")
        neighbours = [other.stem for other in file.parent.glob("*" + SUFFIX)] if file.parent.is_dir() else []
        end = f"; {advice}." if advice else did_you_mean(file.stem, neighbours)
        raise UserError(f"{key}: there is no file {file}{end}")
    return file


def find_dictionary(checkpoint_path: PathLike) -> Path | None:
    """The path of the dictionary that a checkpoint was trained with, or None if nothing says which.

    It is the file ``<prefix>.dict.txt`` beside the checkpoint, which our trainings save with it. Checkpoints of older
    versions and of PaddleOCR have none. For them it is the ``character_dict_path`` in the ``config.yml`` that
    PaddleOCR's trainer leaves in the same folder, if no later training has overwritten that. A relative path there
    counts from the working directory, or from that folder.
    """
    prefix = Path(without_any_suffix(checkpoint_path))
    neighbour = prefix.with_name(prefix.name + DICTIONARY_SUFFIX)
    if neighbour.is_file():
        return neighbour
    try:
        config = yaml.safe_load((prefix.parent / "config.yml").read_text(encoding="utf-8"))
        path = config["Global"]["character_dict_path"]
        candidates = [Path(path), prefix.parent / path]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):  # no config.yml, or it names no dictionary
        return None
    return next((candidate for candidate in candidates if candidate.is_file()), None)
