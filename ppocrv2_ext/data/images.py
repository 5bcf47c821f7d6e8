"""Is an image file what training needs? Told from its header and its end where these tell, else by decoding it."""

import os
from typing import NamedTuple, Optional

import cv2
import numpy as np
from PIL import Image

TINY = 4  # pixels
ORIENTATION = 0x0112  # EXIF; from 5 on, the picture lies on its side
END_OF_JPEG = b"\xff\xd9"


class Picture(NamedTuple):
    """``reasons``: names from :mod:`.reasons`. ``size``: (width, height) in pixels as PaddleOCR decodes it."""

    reasons: tuple
    size: Optional[tuple] = None


def inspect(path, ignore_orientation=False):
    """The :class:`Picture` in a file.

    Args:
        path: of the image.
        ignore_orientation: DecodeImage's; False turns a picture upright by its EXIF data.
    """
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return Picture(("empty-image",))
            return _inspect(file, ignore_orientation)
    except (OSError, ValueError):  # ValueError: a name that holds a NUL
        return Picture(("missing-image",))


def _inspect(file, ignore_orientation):
    image = _header(file)
    notes = [] if image is None else list(_notes(image))
    if image is not None and image.format in IS_WHOLE:
        size = _size(image, ignore_orientation)
        size = size if IS_WHOLE[image.format](image, file) else None
    else:
        size = _decoded_size(file, ignore_orientation)
    if size is None:
        return Picture(("broken-image",))
    return Picture((*notes, *(["tiny-image"] if min(size) < TINY else ())), size)


def _header(file):
    try:
        return Image.open(file)
    except Exception:  # Pillow's readers raise whatever they stumble on; OpenCV, which training uses, has the last word
        return None


def _notes(image):
    if Image.getmodebase(image.mode) == "L":
        yield "grey-image"
    if image.mode.endswith(("A", "a")) or "transparency" in image.info:
        yield "transparent-image"
    if ";16" in f"{image.mode} {image.tile}":  # a PNG of 16-bit colours says so in the raw mode of its tiles alone
        yield "16-bit-image"


def _size(image, ignore_orientation):
    # A PNG without EXIF data at its start is decoded to its end for it, so it is not asked.
    turned = not ignore_orientation and "exif" in image.info and image.getexif().get(ORIENTATION, 1) >= 5
    return image.size[::-1] if turned else image.size


def _jpeg_is_whole(image, file):
    file.seek(max(0, os.fstat(file.fileno()).st_size - 64))
    # Where something else follows the end, only decoding tells.
    return file.read().rstrip(b"\0").endswith(END_OF_JPEG) or _succeeds(image.load)


def _png_is_whole(image, file):
    return _succeeds(image.verify)  # checksums, nothing is decoded


IS_WHOLE = {"JPEG": _jpeg_is_whole, "MPO": _jpeg_is_whole, "PNG": _png_is_whole}


def _succeeds(read):
    try:
        read()
    except Exception:  # as in _header
        return False
    return True


def _decoded_size(file, ignore_orientation):
    file.seek(0)
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if ignore_orientation else 0)
    try:
        pixels = cv2.imdecode(np.frombuffer(file.read(), dtype=np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else (pixels.shape[1], pixels.shape[0])
