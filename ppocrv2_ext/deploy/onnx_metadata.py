"""What an ONNX file says about itself: {key: text}. A recognizer's dictionary stands there, as RapidOCR expects it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..errors import UserError, reason_of
from ..files import PathLike, read_regular
from .settings import LineSettings

CHARACTERS, IMAGE_SHAPE = "character", "image_shape"  # keys of a recognizer; RapidOCR reads the first
PROPERTIES, KEY, VALUE = 14, 1, 2  # the numbers of the fields: metadata_props of a ModelProto, and of each the two
VARINT, WITH_LENGTH = 0, 2  # how protobuf stores a field: a number, and what has its length before it
SIZES = {1: 8, 5: 4}  # {another way: how many bytes such a field has}


def describe_lines(dictionary: Sequence[str], image_shape: Sequence[int]) -> dict[str, str]:
    """The metadata of a recognizer: "channels,height,width", and the characters joined by newlines.

    Args:
        dictionary: without blank and space.
        image_shape: (channels, height, width) of the images that it was evaluated on.
    """
    return {CHARACTERS: "\n".join(dictionary), IMAGE_SHAPE: ",".join(map(str, image_shape))}


def read_line_settings(onnx_file: PathLike) -> LineSettings | None:
    """The settings of a recognizer that :func:`describe_lines` describes; None if the file has no such metadata.

    Raises:
        UserError: the file cannot be read, is not a whole ONNX file, or holds no recognizer of colour images.
    """
    with _naming(onnx_file):
        metadata = read_metadata(onnx_file)
        if not {CHARACTERS, IMAGE_SHAPE} <= metadata.keys():
            return None
        channels, height, width = image_shape = [int(size) for size in metadata[IMAGE_SHAPE].split(",")]
    if channels != 3:
        raise UserError(
            f"{onnx_file} is not a recognizer of colour images with a dictionary: it takes {image_shape}; name another."
        )
    return LineSettings(height, width, metadata[CHARACTERS].split("\n"))


def read_characters(onnx_file: PathLike) -> list[str] | None:
    """The characters of a recognizer's dictionary, as the file says them; None if it says none.

    Raises:
        UserError: the file cannot be read, or is not a whole ONNX file.
    """
    with _naming(onnx_file):
        characters = read_metadata(onnx_file).get(CHARACTERS)
    return None if characters is None else characters.split("\n")


@contextlib.contextmanager
def _naming(onnx_file: PathLike) -> Iterator[None]:
    """Raise a UserError that names the file for what reading it raises."""
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot read {onnx_file}: {reason_of(error)}; mend its permissions.") from error
    except ValueError as error:
        raise UserError(f"{onnx_file} is not a whole ONNX file ({error}); export it again.") from error


def read_metadata(onnx_file: PathLike) -> dict[str, str]:
    """{key: text} of what an ONNX file says about itself. No package is needed, and the network is passed over.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is cut off, or not an ONNX file.
    """
    content = memoryview(read_regular(onnx_file))
    entries = [dict(_list_fields(field)) for number, field in _list_fields(content) if number == PROPERTIES]
    return {str(entry.get(KEY, b""), "utf-8"): str(entry.get(VALUE, b""), "utf-8") for entry in entries}


def _list_fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(number, content) of the fields of a protobuf message that are texts, bytes or messages.

    Raises:
        ValueError: the message is cut off, or is none.
    """
    end = 0
    while end < len(message):
        tag, start = _read_varint(message, end)
        kind, end = tag & 7, start
        if kind == VARINT:
            _, end = _read_varint(message, start)
        elif kind == WITH_LENGTH:
            length, start = _read_varint(message, start)
            end = start + length
        elif kind in SIZES:
            end = start + SIZES[kind]
        else:
            raise ValueError(f"there is no field of the kind {kind}")
        if end > len(message):
            raise ValueError("it is cut off")
        if kind == WITH_LENGTH:
            yield tag >> 3, message[start:end]


def _read_varint(message: memoryview, start: int) -> tuple[int, int]:
    """(a number of protobuf that begins at a byte, where it ends): 7 bits in each byte, the lowest first.

    Raises:
        ValueError: the message is cut off, or the number has more than 64 bits.
    """
    number = 0
    for count, byte in enumerate(message[start : start + 10]):
        number |= (byte & 127) << (7 * count)
        if byte < 128:
            return number, start + count + 1
    raise ValueError("a number in it has no end")
