"""Whether an image file is fit for training. Its header and its end often tell; else the image is decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageFile

from ..files import PathLike

TINY = 4  # pixels
ORIENTATION = 0x0112  # EXIF tag; from 5 on, the picture lies on its side
END_OF_JPEG = b"\xff\xd9"


class ImageCheck(NamedTuple):
    """What is wrong with an image file, and its size."""

    reasons: tuple[str, ...]  # keys of :data:`~.reasons.REASONS`
    size: tuple[int, int] | None = None  # (width, height) in pixels as PaddleOCR decodes it; None if it cannot


def check_image(path: PathLike, ignore_orientation: bool = False) -> ImageCheck:
    """Check one image file.

    Args:
        ignore_orientation: as PaddleOCR's DecodeImage has it; if False, a picture is turned upright by its EXIF data.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return ImageCheck(("empty-image",))
            return _check(file, ignore_orientation)
    except (OSError, ValueError):  # ValueError: the name has a NUL in it
        return ImageCheck(("missing-image",))


def _check(file: BinaryIO, ignore_orientation: bool) -> ImageCheck:
    image = _header(file)
    notes = [] if image is None else list(_notes(image))
    if image is not None and image.format in IS_WHOLE:
        size: tuple[int, int] | None = _size(image, ignore_orientation)
        size = size if IS_WHOLE[image.format](image, file) else None
    else:
        size = _decoded_size(file, ignore_orientation)
    if size is None:
        return ImageCheck(("broken-image",))
    return ImageCheck((*notes, *(["tiny-image"] if min(size) < TINY else ())), size)


def _header(file: BinaryIO) -> ImageFile.ImageFile | None:
    try:
        return Image.open(file)
    except Exception:  # Pillow raises anything for a broken file. OpenCV, which training uses, decides.
        return None


def _notes(image: ImageFile.ImageFile) -> Iterator[str]:
    if Image.getmodebase(image.mode) == "L":
        yield "grey-image"
    if image.mode.endswith(("A", "a")) or "transparency" in image.info:
        yield "transparent-image"
    if ";16" in f"{image.mode} {image.tile}":  # a PNG of 16-bit colours has it only in the raw mode of its tiles
        yield "16-bit-image"


def _size(image: Image.Image, ignore_orientation: bool) -> tuple[int, int]:
    # getexif() of a PNG without EXIF data in its header decodes the whole file, so `info` is asked first.
    turned = not ignore_orientation and "exif" in image.info and image.getexif().get(ORIENTATION, 1) >= 5
    return image.size[::-1] if turned else image.size


def _jpeg_is_whole(image: Image.Image, file: BinaryIO) -> bool:
    file.seek(max(0, os.fstat(file.fileno()).st_size - 64))
    # If something else follows the end of the picture, only decoding tells.
    return file.read().rstrip(b"\0").endswith(END_OF_JPEG) or _succeeds(image.load)


def _png_is_whole(image: Image.Image, file: BinaryIO) -> bool:
    return _succeeds(image.verify)  # compares checksums and decodes nothing


IS_WHOLE = {"JPEG": _jpeg_is_whole, "MPO": _jpeg_is_whole, "PNG": _png_is_whole}


def _succeeds(read: Callable[[], object]) -> bool:
    try:
        read()
    except Exception:  # as in _header
        return False
    return True


def _decoded_size(file: BinaryIO, ignore_orientation: bool) -> tuple[int, int] | None:
    file.seek(0)
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if ignore_orientation else 0)
    try:
        pixels = cv2.imdecode(np.frombuffer(file.read(), dtype=np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else (pixels.shape[1], pixels.shape[0])
