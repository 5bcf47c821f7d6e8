"""Read images of one line of text each with an exported recognizer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import UserError
from ..files import PathLike
from .engine import Engine, load_onnx_engine, load_paddle_engine
from .lines import read_texts
from .model_folder import ONNX_FILE, find_model_files, has_description
from .onnx_conversion import CHARACTERS, IMAGE_SHAPE
from .pictures import ImageSource, explain, open_line, require_several
from .places import has_folder
from .settings import LineSettings, read_settings


class Reading(NamedTuple):
    """What was read in one image."""

    path: PathLike | int  # as the caller passed it; for what is no path, its position, from 0
    text: str | None  # None if there was no image to read
    score: float  # the mean probability of the characters; 0 if there are none
    problem: str | None = None  # why there was no image to read


def read_lines(
    images: Iterable[ImageSource], model: PathLike, engine: str = "onnxruntime", batch_size: int = 8
) -> Iterator[Reading]:
    """Read images of one text line each, in order, as :func:`.lines.read_texts`. No result depends on other images.

    Args:
        images: paths, (H, W[, 1, 3 or 4]) BGR arrays, or images of Pillow, which are turned by their EXIF data.
        model: the folder of an exported recognizer; for "onnxruntime" also an ONNX file with its dictionary inside,
            which does not say how the pictures of its evaluation were prepared.
        engine: "onnxruntime" (the ``inference.onnx`` of the folder; "onnx" is the same) or "paddle".
        batch_size: how many lines run together, at least 1.
    Returns:
        A :class:`Reading` for every image. An image that cannot be read is no error: the reading says why.
    Raises:
        TypeError: ``images`` is one picture.
        UserError: there is no such model, it is no recognizer, or its evaluation prepared pictures otherwise.
    """
    require_several(images)
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1, got {batch_size}.")
    run, settings = _open(Path(model), engine)
    return _read(iter(images), run, settings, batch_size)


def _open(model: Path, engine: str) -> tuple[Engine, LineSettings]:
    """The engine and the settings of a folder or an ONNX file."""
    if engine == "paddle":
        find_model_files(model)
        return load_paddle_engine(model), read_settings(model, "rec")
    if engine not in ("onnxruntime", "onnx"):
        raise ValueError(f"`engine` must be 'onnxruntime' or 'paddle', got {engine!r}.")
    is_folder = has_folder(model)
    run, metadata = load_onnx_engine(model / ONNX_FILE if is_folder else model)
    # The description of a folder comes first: only it says how the pictures of the evaluation were prepared.
    if CHARACTERS in metadata and IMAGE_SHAPE in metadata and not (is_folder and has_description(model)):
        return run, _parse_metadata(metadata, model)
    return run, read_settings(model if is_folder else model.parent, "rec")


def _parse_metadata(metadata: Mapping[str, str], model: Path) -> LineSettings:
    """The settings inside an ONNX file, as :func:`.onnx_conversion.convert_to_onnx` writes them."""
    image_shape = [int(size) for size in metadata[IMAGE_SHAPE].split(",")]
    if image_shape[0] != 3:
        raise UserError(f"{model} is no recognizer of colour images with a dictionary: it takes {image_shape}.")
    _, height, width = image_shape
    return LineSettings(height, width, metadata[CHARACTERS].split("\n"))


def _read(images: Iterator[ImageSource], run: Engine, settings: LineSettings, batch_size: int) -> Iterator[Reading]:
    first = 0  # the position of the chunk's first image
    # Several batches of images are opened at once to find enough of one width, but not all images, to bound the memory.
    while chunk := list(islice(images, 8 * batch_size)):
        opened = [_open_or_explain(image) for image in chunk]
        lines = [line for line in opened if not isinstance(line, str)]
        texts = iter(read_texts(lines, run, settings, batch_size=batch_size))
        for position, (image, line) in enumerate(zip(chunk, opened), first):
            source = image if isinstance(image, (str, os.PathLike)) else position
            yield Reading(source, None, 0.0, line) if isinstance(line, str) else Reading(source, *next(texts))
        first += len(chunk)


def _open_or_explain(image: ImageSource) -> np.ndarray | str:
    """The line in an image, or why there is none."""
    try:
        return open_line(image)
    except (OSError, TypeError, ValueError) as error:
        return explain(error)
