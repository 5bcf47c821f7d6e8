"""Read pictures of files in order, and tell what is lost in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .lines import is_squeezed
from .ocr import OCR, Line
from .pictures import LONGEST_RATIO
from .sources import Picture


def read_in_order(reader: OCR, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, list[Line] | None]]:
    """Each picture with its lines, or with None where there is a problem. Several are read at once."""
    waiting: list[Picture] = []

    def sound_pixels() -> Iterator[np.ndarray]:
        for picture in pictures:
            waiting.append(picture)
            if picture.pixels is not None:
                yield picture.pixels

    for page in reader.read_many(sound_pixels()):
        while waiting[0].pixels is None:
            yield waiting.pop(0), None
        picture = waiting.pop(0)
        if isinstance(page, Exception):
            yield picture._replace(pixels=None, problem=str(page)), None
        else:
            yield picture, page
    yield from ((picture, None) for picture in waiting)


def find_losses(reader: OCR, picture: Picture, lines: Sequence[Line]) -> Iterator[str]:
    """A sentence for each way in which something of a picture may be lost.

    Args:
        reader: that read it.
        picture: with its pixels.
        lines: what was read.
    """
    if picture.frames > 1:
        yield (
            f"{picture.name}: it holds {picture.frames} frames, and the first is read; save the others as pictures, or "
            "all as the pages of a TIFF."
        )
    height, width = picture.pixels.shape[:2] if picture.pixels is not None else (0, 0)
    seen = reader.shrunk_size((height, width))
    if seen:
        yield (
            f"{picture.name}: its {width} x {height} pixels were shrunk to {seen[1]} x {seen[0]} to look for lines, so "
            "small ones may be missing; cut the picture into parts."
        )
    for line in filter(lambda line: is_squeezed(line.polygon), lines):
        x, y = map(int, line.polygon[0])
        yield (
            f"{picture.name}: the line at {x}, {y} is more than {LONGEST_RATIO} times as long as high, and was "
            "squeezed to that, so letters may be wrong or missing; cut the picture into parts."
        )
