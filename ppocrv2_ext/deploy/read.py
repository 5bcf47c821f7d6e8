"""Read images of one line of text each with an exported recognizer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..checkpoints import published
from ..errors import UserError
from ..files import PathLike
from .engine import Engine, load_engine, read_metadata
from .lines import read_texts
from .model_folder import ONNX_FILE, has_description
from .models import find_model
from .onnx_conversion import CHARACTERS, IMAGE_SHAPE
from .pictures import ImageSource, explain, open_line, require_several
from .places import has_file, has_folder
from .settings import LineSettings, read_settings

OTHER_NAMES = {"onnx": "onnxruntime"}  # of an engine


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
        model: the folder of an exported recognizer, or "official". For all engines but Paddle also an ONNX file with
            its dictionary inside, which does not say how the pictures of its evaluation were prepared.
        engine: one of :data:`.engine.ENGINES`, or "onnx" for "onnxruntime".
        batch_size: how many lines run together, at least 1.
    Returns:
        A :class:`Reading` for every image. An image that cannot be read is no error: the reading says why.
    Raises:
        TypeError: ``images`` is one picture.
        UserError: there is no such engine or model, it is no recognizer, or its evaluation prepared pictures
            differently.
    """
    require_several(images)
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1, got {batch_size}.")
    if model == published.KEYWORD:
        _, path, settings = find_model(model, "rec")
        run = load_engine(path, OTHER_NAMES.get(engine, engine))
    else:
        run = load_engine(model, OTHER_NAMES.get(engine, engine))
        settings = _find_settings(Path(model))
    return _read(iter(images), run, settings, batch_size)


def _find_settings(model: Path) -> LineSettings:
    """What the description of a folder says, or without one the ONNX file.

    Only a description knows how the pictures of the evaluation were prepared.
    """
    is_folder = has_folder(model)
    file = model / ONNX_FILE if is_folder else model
    if has_file(file) and not (is_folder and has_description(model)):
        metadata = read_metadata(file)
        if {CHARACTERS, IMAGE_SHAPE} <= metadata.keys():
            return _parse_metadata(metadata, model)
    return read_settings(file.parent, "rec")


def _parse_metadata(metadata: Mapping[str, str], model: Path) -> LineSettings:
    """The settings inside an ONNX file, as :func:`.onnx_conversion.convert_to_onnx` writes them."""
    image_shape = [int(size) for size in metadata[IMAGE_SHAPE].split(",")]
    if image_shape[0] != 3:
        raise UserError(
            f"{model} is not a recognizer of colour images with a dictionary: it takes {image_shape}; name another."
        )
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
