"""Whether an image file is fit for training. Its header, its checksums and its end often tell; else it is decoded.

PNG and JPEG are read by hand here: with Pillow the same check takes two to three times as long, and sets may hold
millions.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageFile

from ..files import PathLike, open_regular

TINY = 4  # pixels
UPRIGHT_RATIO = 1.5  # the line of a picture that is this many times as high as wide goes up or down
MOST_PIXELS = 120_000_000  # 360 MB as 8-bit colours, 1.4 GB as the numbers a network takes; a phone makes 108 million
MOST_BYTES = 2**30  # of a file
START = 2**16  # bytes; the header of a JPEG lies in them, unless a large preview comes first
ORIENTATION = 0x0112  # EXIF tag; from 5 on, the picture lies on its side
LEAST_RATIO = 100  # a PNG that is compressed more than this is unpacked: its size may be a lie
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # {colour type: values of a pixel}
PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # {colour type: bits}
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
END_OF_JPEG = b"\xff\xd9"
START_OF_SCAN, TABLES, EXTRAS = 0xDA, 0xDB, 0xE1  # markers of segments
SIZES_OF_JPEG = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers before a width and a height
RADIANCE = re.compile(rb"\A#\?RADIANCE\n.*?[-+]Y (\d+) [-+]X (\d+)\n|\A#\?RGBE\n.*?[-+]Y (\d+) [-+]X (\d+)\n", re.S)


class ImageCheck(NamedTuple):
    """What is wrong with an image file, and its size."""

    reasons: tuple[str, ...]  # keys of :data:`~.reasons.REASONS`
    size: tuple[int, int] | None = None  # (width, height) in pixels as PaddleOCR decodes it; None if it cannot


class Limits(NamedTuple):
    """How PaddleOCR decodes images, and how far a check looks into them."""

    ignore_orientation: bool = False  # as DecodeImage has it; if False, a picture is turned upright by its EXIF data
    most_pixels: int = MOST_PIXELS  # a larger picture is not decoded
    decode: bool = False  # also a picture that its checksums and its end show to be whole


USUAL_LIMITS = Limits()


class Header(NamedTuple):
    """What the header of an image says, and whether the rest of the file bears it out."""

    size: tuple[int, int]  # (width, height) as stored, before it is turned by its EXIF data
    notes: tuple[str, ...] = ()
    orientation: int = 1
    is_whole: Callable[[], bool] | None = None  # None: only decoding tells


def check_image(path: PathLike, limits: Limits = USUAL_LIMITS) -> ImageCheck:
    """Check one image file. What is no file, such as a pipe or a device, is not read."""
    try:
        with open_regular(path) as file:
            return _check_file(file, os.fstat(file.fileno()).st_size, limits)
    except (OSError, ValueError) as error:  # ValueError: the name has a NUL in it
        return ImageCheck(("not-a-file",) if getattr(error, "errno", None) == errno.EINVAL else ("missing-image",))


def check_image_bytes(data: bytes, limits: Limits = USUAL_LIMITS) -> ImageCheck:
    """As :func:`check_image`, for the content of a file."""
    return _check_file(io.BytesIO(data), len(data), limits)


def _check_file(file: BinaryIO, length: int, limits: Limits) -> ImageCheck:
    if length == 0:
        return ImageCheck(("empty-image",))
    if length > MOST_BYTES:
        return ImageCheck(("huge-image",))
    header = _read_header(file, length)
    notes = header.notes if header else ()
    if header and math.prod(header.size) > limits.most_pixels:
        return ImageCheck((*notes, "huge-image"), header.size)
    size = _measure(file, header, limits)
    if size is None:
        return ImageCheck(("broken-image",))
    return ImageCheck((*notes, "tiny-image") if min(size) < TINY else notes, size)


def _measure(file: BinaryIO, header: Header | None, limits: Limits) -> tuple[int, int] | None:
    """(width, height) as PaddleOCR decodes the picture; None if it is broken."""
    if header is None or header.is_whole is None:
        return _decoded_size(file, limits.ignore_orientation)
    if not header.is_whole() or (limits.decode and _decoded_size(file, limits.ignore_orientation) is None):
        return None
    is_turned = not limits.ignore_orientation and header.orientation >= 5
    return header.size[::-1] if is_turned else header.size


def _read_header(file: BinaryIO, length: int) -> Header | None:
    """What the header says; None if Pillow cannot read it either. Then OpenCV, which training uses, decides."""
    start = file.read(START)
    try:
        if start.startswith(PNG):
            return _read_png(start if length <= START else start + file.read())
        if start.startswith(JPEG):
            with contextlib.suppress(struct.error, IndexError):
                return _read_jpeg(start, file, length)
            return _read_jpeg(start + file.read(), file, length)
    except (struct.error, IndexError):  # the file ends in its header
        return None
    return _read_by_pillow(file) or _read_radiance(start)


def _read_png(data: bytes) -> Header | None:
    """The header of a PNG. Its checksums are compared at once; its pixels are not decoded."""
    width, height, depth, colours, compression, filters, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    usual = depth in PNG_DEPTHS.get(colours, ()) and not compression and not filters and interlace in (0, 1)
    if data[12:16] != b"IHDR" or not usual or not width or not height:
        return None
    view, position, kind = memoryview(data), 8, b""
    parts: dict[bytes, list[memoryview]] = {}
    wrong = set()  # the kinds of chunks whose checksum is wrong, or which the file ends in
    while kind != b"IEND" and not wrong:
        count, kind = struct.unpack_from(">I4s", data, position) if position + 8 <= len(data) else (0, b"IEND")
        end = position + 8 + count
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big") or end + 4 > len(data):
            wrong.add(kind)
        parts.setdefault(kind, []).append(view[position + 8 : end])
        position = end + 4
    pixels = parts.get(b"IDAT", [])
    if colours == 3 and b"PLTE" not in parts:
        return None
    notes = [
        *(["grey-image"] if colours in (0, 4) else []),
        *(["transparent-image"] if colours in (4, 6) or b"tRNS" in parts else []),
        *(["16-bit-image"] if depth == 16 else []),
    ]
    if any(kind[:1].islower() for kind in wrong):  # a chunk that decoders may skip
        return Header((width, height), tuple(notes))
    row = 1 + (width * depth * PNG_CHANNELS[colours] + 7) // 8  # bytes; the first names the filter
    return Header(
        (width, height),
        tuple(notes),
        _orientation(b"".join(parts[b"eXIf"])) if b"eXIf" in parts else 1,
        lambda: not wrong and _holds(pixels, height * row, bool(interlace)),
    )


def _holds(parts: list, needed: int, interlaced: bool) -> bool:
    """Whether compressed parts can hold as many bytes as a picture needs."""
    count = sum(map(len, parts))
    if needed <= LEAST_RATIO * count or interlaced:
        return count > 0
    unpacker, left = zlib.decompressobj(), needed
    try:
        for part in parts:
            while left > 0 and part:
                left -= len(unpacker.decompress(part, min(left, 2**20)))
                part = unpacker.unconsumed_tail
    except zlib.error:
        return False
    return left <= 0


def _read_jpeg(data: bytes, file: BinaryIO, length: int) -> Header | None:
    """The header of a JPEG, from its first bytes; None if one of its segments is unusual.

    Raises:
        IndexError, struct.error: they end before the header does.
    """
    position, size, orientation, channels, marker = 2, None, 1, 0, 0
    while marker != START_OF_SCAN:
        if data[position] != 0xFF:
            return None
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        count, depth, height, width, channels_here = struct.unpack_from(">HBHHB", data, position + 1)
        segment = data[position + 3 : position + 1 + count]
        position += 1 + count
        if marker < 0xC0 or 0xD0 <= marker <= 0xD9 or count < 2 or (marker == TABLES and not _are_tables(segment)):
            return None
        if marker in SIZES_OF_JPEG:
            size, channels = (width, height), channels_here
            if depth != 8 or channels not in (1, 3, 4) or count != 8 + 3 * channels:
                return None
        elif marker == EXTRAS and segment.startswith(b"Exif\0\0") and orientation == 1:
            orientation = _orientation(segment)
    if size is None or 0 in size:
        return None
    notes = ("grey-image",) if channels == 1 else ()
    holds = 8 * length >= size[0] * size[1] / 64  # a block of 8 x 8 pixels takes a bit at least
    return Header(size, notes, orientation, lambda: holds and _jpeg_ends(file, length))


def _are_tables(segment: bytes) -> bool:
    """Whether a segment holds tables of 64 steps, of one or two bytes each. The first byte of a table says which."""
    while segment:
        segment, length = segment[1 + 64 * (1 + (segment[0] > 15)) :], len(segment)
        if length < 65:
            return False
    return True


def _jpeg_ends(file: BinaryIO, length: int) -> bool:
    file.seek(max(0, length - 64))
    if file.read().rstrip(b"\0").endswith(END_OF_JPEG):
        return True
    file.seek(0)  # something else follows the end of the picture, or it is cut: only decoding tells
    try:
        Image.open(file).load()
    except Exception:  # Pillow raises anything for a broken file
        return False
    return True


def _orientation(data: bytes) -> int:
    exif = Image.Exif()
    try:
        exif.load(data)
        value = exif.get(ORIENTATION, 1)
    except Exception:  # as in _jpeg_ends; a picture whose EXIF data are broken is not turned
        return 1
    return value if isinstance(value, int) else 1


def _read_by_pillow(file: BinaryIO) -> Header | None:
    file.seek(0)
    try:
        image = Image.open(file)
        is_exif = "exif" in image.info
        return Header(image.size, tuple(_notes(image)), image.getexif().get(ORIENTATION, 1) if is_exif else 1)
    except Exception:  # as in _jpeg_ends
        return None


def _notes(image: ImageFile.ImageFile) -> Iterator[str]:
    if Image.getmodebase(image.mode) == "L":
        yield "grey-image"
    if image.mode.endswith(("A", "a")) or "transparency" in image.info:
        yield "transparent-image"
    if ";16" in f"{image.mode} {image.tile}":
        yield "16-bit-image"


def _read_radiance(start: bytes) -> Header | None:
    """The size of a Radiance picture (.hdr), which OpenCV reads and Pillow does not."""
    found = RADIANCE.match(start)
    if not found:
        return None
    height, width = (int(number) for number in found.groups() if number)
    return Header((width, height))


def _decoded_size(file: BinaryIO, ignore_orientation: bool) -> tuple[int, int] | None:
    file.seek(0)
    flags = cv2.IMREAD_COLOR | (cv2.IMREAD_IGNORE_ORIENTATION if ignore_orientation else 0)
    try:
        pixels = cv2.imdecode(np.frombuffer(file.read(), dtype=np.uint8), flags)
    except cv2.error:
        return None
    return None if pixels is None else (pixels.shape[1], pixels.shape[0])
