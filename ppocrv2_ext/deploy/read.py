"""Open images, and read those of one line of text with an exported recognizer.

B batch, T frames, C classes (blank, the dictionary, a space if it was trained with one), H and W pixels.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Union

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..data.images import ORIENTATION
from ..errors import UserError, summarise
from ..files import PathLike, open_regular
from .engine import Engine, load_onnx_engine, load_paddle_engine, require_rank
from .memory import TOO_LARGE, NoMemoryError
from .model_folder import ONNX_FILE, ModelDescription, find_model_files, read_description
from .onnx_conversion import CHARACTERS, IMAGE_SHAPE
from .places import has_folder
from .settings import LineSettings

# Width by height of the longest line: some 500 letters, for which the official recognizer takes 200 MB. A strip of
# 2000 x 1 pixels would take ten times as much, and nobody can read it.
LONGEST_RATIO = 250
LEAST_ALONE = 2048  # pixels; a line that is read at more takes memory enough to run alone
BAND = 2**20  # pixels of a transparent picture that are laid on white at a time
TURNS = {  # {EXIF orientation: what turns the stored picture upright}
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

ImageSource = Union[PathLike, np.ndarray]


class Reading(NamedTuple):
    """What was read in one image."""

    path: PathLike | int  # as the caller passed it; for an array, its position, from 0
    text: str | None  # None if there was no image to read
    score: float  # the mean probability of the characters; 0 if there are none
    problem: str | None = None  # why there was no image to read


def read_lines(
    images: Iterable[ImageSource], model: PathLike, engine: str = "onnxruntime", batch_size: int = 8
) -> Iterator[Reading]:
    """Read images of one text line each, in order, as :func:`.lines.read_texts`. No result depends on other images.

    Args:
        images: paths, or (H, W[, 1, 3 or 4]) BGR arrays.
        model: the folder of an exported recognizer; for "onnxruntime" also an ONNX file with its dictionary inside.
        engine: "onnxruntime" (the ``inference.onnx`` of the folder; "onnx" is the same) or "paddle".
        batch_size: how many lines run together, at least 1.
    Returns:
        A :class:`Reading` for every image. An image that cannot be read is no error: the reading says why.
    Raises:
        UserError: there is no such model, or it is no recognizer.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1, got {batch_size}.")
    run, (image_shape, dictionary) = _open(Path(model), engine)
    if dictionary is None or image_shape[0] != 3:
        raise UserError(f"{model} is no recognizer of colour images with a dictionary: it takes {image_shape}.")
    _, height, width = image_shape
    return _read(iter(images), run, LineSettings(height, width, dictionary), batch_size)


def resize_line(image: np.ndarray, height: int = 32, width: int = 320) -> np.ndarray:
    """One line as the network sees it: with its aspect, padded on the right, squeezed if it is longer than ``width``.

    PaddleOCR trains and evaluates with the same pixels (RecResizeImg, ppocr/data/imaug/rec_img_aug.py).

    Args:
        image: (h, w, 3) uint8, BGR.
        height, width: pixels of the result.
    Returns:
        (3, height, width) float32 in [-1, 1]; padding is 0.
    """
    used = min(width, math.ceil(height * image.shape[1] / image.shape[0]))
    pixels = cv2.resize(image, (used, height)).transpose(2, 0, 1).astype(np.float32)
    line = np.zeros((3, height, width), np.float32)
    line[:, :, :used] = (pixels / 255 - 0.5) / 0.5
    return line


def ctc_greedy(probabilities: np.ndarray, characters: Sequence[str]) -> list[tuple[str, float]]:
    """Greedy CTC decoding: the likeliest class of each frame, with repeats merged and then blanks dropped.

    Args:
        probabilities: (B, T, C) in [0, 1].
        characters: C strings, the first stands for the blank.
    Returns:
        B pairs (text, mean probability of the frames that gave its characters; 0 for no text).
    """
    if len(characters) != probabilities.shape[2]:
        raise ValueError(f"`characters` must have C={probabilities.shape[2]} entries, got {len(characters)}.")
    classes = probabilities.argmax(2)
    best = np.take_along_axis(probabilities, classes[..., None], 2)[..., 0]
    writes = classes != 0  # (B, T): whether a frame writes a character
    writes[:, 1:] &= classes[:, 1:] != classes[:, :-1]
    texts = ["".join(characters[c] for c in row[own]) for row, own in zip(classes, writes)]
    return [(text, float(row[own].mean()) if own.any() else 0.0) for text, row, own in zip(texts, best, writes)]


def decode(probabilities: np.ndarray, dictionary: Sequence[str]) -> list[tuple[str, float]]:
    """The text of each line of a batch, and its score, as :func:`ctc_greedy` gives them.

    Args:
        probabilities: what a recognizer made of the batch, (B, T, C).
        dictionary: its characters, without blank and space.
    Raises:
        UserError: that is no output of a recognizer, or the dictionary does not fit.
    """
    require_rank(probabilities, 3, "recognizer", "(lines, frames, classes)")
    return ctc_greedy(probabilities, name_classes(dictionary, probabilities.shape[2]))


def name_classes(dictionary: Sequence[str], count: int) -> list[str]:
    """The text of each of ``count`` classes: "" for the blank, the dictionary, and a space if there is one class more.

    Raises:
        UserError: the dictionary does not make that many classes.
    """
    if count - len(dictionary) not in (1, 2):
        raise UserError(
            f"the model has {count} classes, but its dictionary of {len(dictionary)} characters makes "
            f"{len(dictionary) + 1}, or {len(dictionary) + 2} with a space; export with the dictionary of its training."
        )
    return ["", *dictionary, " "][:count]


def load_image(path: PathLike) -> np.ndarray:
    """An image file as (H, W, 3) uint8 BGR, as a viewer shows it: turned by EXIF, white where it is transparent.

    Raises:
        OSError or ValueError: it cannot be read as an image; the message says why.
    """
    with pillow_errors(), open_regular(path) as stream, Image.open(stream) as file:
        return to_pixels(file)


def to_pixels(file: Image.Image) -> np.ndarray:
    """An opened image, or the frame at which it stands, as :func:`load_image` returns it."""
    file.load()  # a truncated file fails here
    image = _turn_upright(file)
    if image.mode == "I":
        return to_bgr(_narrow(np.asarray(image)))
    if image.mode == "F" or image.mode.startswith("I;16"):
        return to_bgr(np.asarray(image))
    transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    pixels = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    return to_bgr(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def _turn_upright(image: Image.Image) -> Image.Image:
    """A decoded image as its EXIF data turn it, or as it is if they are broken.

    Pillow's exif_transpose writes the EXIF data again too, and fails if one tag of them, any tag, is odd.
    """
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow raises anything for broken EXIF data
        return image
    return image if turn is None else image.transpose(turn)


@contextlib.contextmanager
def pillow_errors() -> Iterator[None]:
    """A context in which what Pillow raises for a broken file becomes an OSError or a ValueError that says why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a large picture, or of odd metadata: it is read all the same
            yield
    except UnidentifiedImageError:
        raise ValueError("not an image, or of a kind that Pillow cannot read") from None
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 10**6
        raise ValueError(f"larger than {most:.0f} million pixels; make it smaller") from None
    except MemoryError:
        raise NoMemoryError(TOO_LARGE) from None
    except (OSError, ValueError):
        raise
    except Exception as error:  # it raises anything for a broken file
        raise ValueError(f"broken, as Pillow finds ({summarise(error)}); save it again") from error


def open_image(image: ImageSource) -> np.ndarray:
    """A path or an array as (H, W, 3) uint8 BGR.

    Raises:
        OSError or ValueError: it is no picture; :func:`explain` says why.
    """
    return to_bgr(image) if isinstance(image, np.ndarray) else load_image(image)


def open_line(image: ImageSource) -> np.ndarray:
    """A picture of one line, as :func:`open_image`. One that is longer than LONGEST_RATIO allows is refused.

    Raises:
        OSError or ValueError: it is no picture of a line; :func:`explain` says why.
    """
    pixels = open_image(image)
    require_line(pixels)
    return pixels


def require_line(pixels: np.ndarray) -> None:
    """Refuse a picture that is no line of text, as it is too long: it would take all memory.

    Args:
        pixels: (H, W, 3).
    Raises:
        ValueError: it is more than LONGEST_RATIO times as wide as high.
    """
    height, width = pixels.shape[:2]
    if width > LONGEST_RATIO * height:
        raise ValueError(
            f"of {width} x {height} pixels, it is more than {LONGEST_RATIO} times as wide as high and no line of text; "
            "cut it into shorter lines, or leave it out"
        )


def explain(error: Exception) -> str:
    """Why a picture cannot be opened, as half a sentence without its path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def to_bgr(array: np.ndarray) -> np.ndarray:
    """(H, W[, 1, 3 or 4]) pixels as (H, W, 3) uint8 BGR.

    Grey is repeated, BGRA is laid on white, and 16 bits are cut to the upper 8.

    Raises:
        ValueError: the array has another shape or type, or is empty.
    """
    pixels = np.asarray(array)
    if pixels.ndim not in (2, 3) or pixels.size == 0 or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise ValueError(f"an image must be (H, W), or (H, W, 1, 3 or 4), and not empty, got {pixels.shape}.")
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:  # in either order of bytes
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ValueError(f"the pixels of an image must be uint8 or uint16, got {pixels.dtype}.")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] == 4:
        pixels = _lay_on_white(pixels)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _narrow(pixels: np.ndarray) -> np.ndarray:
    """Grey as Pillow opens files of 32 bits, and some of 16, as uint8 or uint16.

    Such a file does not say where its white is. If no value is above 255, it is taken as 8 bits, else as 16.

    Args:
        pixels: (H, W) int32.
    Raises:
        ValueError: a value does not fit into 16 bits.
    """
    least, most = pixels.min(initial=0), pixels.max(initial=0)
    if least < 0 or most >= 2**16:
        value = least if least < 0 else most
        raise ValueError(f"a grey value must be from 0 to 65535, got {value}; save the picture with 8 or 16 bits")
    return pixels.astype(np.uint8 if most < 2**8 else np.uint16)


def _lay_on_white(pixels: np.ndarray) -> np.ndarray:
    """BGRA as BGR. It is computed in double precision, in bands: of a whole picture that takes 60 bytes a pixel."""
    height, width = pixels.shape[:2]
    result, rows = np.empty((height, width, 3), np.uint8), max(1, BAND // width)
    for top in range(0, height, rows):
        band = pixels[top : top + rows]
        opacity = band[..., 3:] / 255
        result[top : top + rows] = 255 * (1 - opacity) + band[..., :3] * opacity
    return result


def _open(model: Path, engine: str) -> tuple[Engine, ModelDescription]:
    """The engine and the description of a folder or an ONNX file."""
    if engine == "paddle":
        find_model_files(model)
        return load_paddle_engine(model), read_description(model)
    if engine not in ("onnxruntime", "onnx"):
        raise ValueError(f"`engine` must be 'onnxruntime' or 'paddle', got {engine!r}.")
    run, metadata = load_onnx_engine(model / ONNX_FILE if has_folder(model) else model)
    if CHARACTERS in metadata and IMAGE_SHAPE in metadata:
        shape = [int(size) for size in metadata[IMAGE_SHAPE].split(",")]
        return run, ModelDescription(shape, metadata[CHARACTERS].split("\n"))
    return run, read_description(model if has_folder(model) else model.parent)


def _read(images: Iterator[ImageSource], run: Engine, settings: LineSettings, batch_size: int) -> Iterator[Reading]:
    from .lines import read_texts  # that module imports this one

    first = 0  # the position of the chunk's first image
    # Several batches of images are opened at once to find enough of one width, but not all images, to bound the memory.
    while chunk := list(islice(images, 8 * batch_size)):
        opened = [_open_or_explain(image) for image in chunk]
        lines = [line for line in opened if not isinstance(line, str)]
        texts = iter(read_texts(lines, run, settings, batch_size=batch_size))
        for position, (image, line) in enumerate(zip(chunk, opened), first):
            source = position if isinstance(image, np.ndarray) else image
            yield Reading(source, None, 0.0, line) if isinstance(line, str) else Reading(source, *next(texts))
        first += len(chunk)


def _open_or_explain(image: ImageSource) -> np.ndarray | str:
    """The line in an image, or why there is none."""
    try:
        return open_line(image)
    except (OSError, ValueError) as error:
        return explain(error)
