"""Read images of one line of text each with an exported recognizer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from ..errors import reason_of
from ..files import PathLike
from .engine import Engine, load_engine
from .lines import read_texts
from .models import find_model
from .pictures import ImageSource, open_line, require_several
from .settings import LineSettings

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
        model: as :func:`.models.find_model` takes it.
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
    _, path, settings = find_model(model, "rec")
    run = load_engine(path, OTHER_NAMES.get(engine, engine))
    return _read(iter(images), run, settings, batch_size)


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
        return reason_of(error)
