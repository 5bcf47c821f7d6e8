"""Open pictures as a viewer shows them: files and arrays of any kind as (H, W, 3) uint8 BGR. H and W are pixels."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from typing import Union

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..data.images import ORIENTATION
from ..errors import summarise
from ..files import PathLike, open_regular
from .memory import TOO_LARGE, NoMemoryError

# Width by height of the longest line: some 500 letters, for which the official recognizer takes 200 MB. A strip of
# 2000 x 1 pixels would take ten times as much, and nobody can read it.
LONGEST_RATIO = 250
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

ImageSource = Union[PathLike, np.ndarray, Image.Image]


def load_image(path: PathLike) -> np.ndarray:
    """An image file as (H, W, 3) uint8 BGR, as a viewer shows it: turned by EXIF, white where it is transparent.

    Of several frames or pages it is the first.

    Raises:
        OSError or ValueError: it cannot be read as an image; the message says why.
    """
    with pillow_errors(), open_regular(path) as stream, Image.open(stream) as file:
        return to_pixels(file)


def to_pixels(file: Image.Image) -> np.ndarray:
    """An opened image, or the frame at which it stands, as :func:`load_image` returns it."""
    file.load()  # a truncated file fails here
    image = _turn_upright(file)
    if image.mode == "I" or image.mode.startswith("I;16"):
        return to_bgr(_narrow(np.asarray(image)))
    if image.mode == "F":
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
        raise ValueError(f"broken, as Pillow says ({summarise(error)}); save it again") from error


def open_image(image: ImageSource) -> np.ndarray:
    """A path, an array or an image of Pillow as (H, W, 3) uint8 BGR.

    Args:
        image: one of Pillow is turned and laid on white as its file would be.
    Raises:
        OSError or ValueError: it is no picture; :func:`~ppocrv2_ext.errors.reason_of` says why.
        TypeError: it is something else.
    """
    if isinstance(image, np.ndarray):
        return to_bgr(image)
    if isinstance(image, Image.Image):
        with pillow_errors():
            return to_pixels(image)
    if not isinstance(image, (str, os.PathLike)):  # bytes are no path: they may be the content of a file
        raise TypeError(
            "a picture must be a path, an array (H, W[, 1, 3 or 4]) or an image of Pillow, got "
            f"{'None' if image is None else type(image).__name__}"
        )
    return load_image(image)


def require_several(images: object) -> None:
    """Refuse one picture in the place of several.

    A text would be taken for one path a letter, and an array for one picture a row. An array of four dimensions holds
    several pictures.

    Raises:
        TypeError: it is one.
    """
    is_array = isinstance(images, np.ndarray) and images.ndim < 4
    if is_array or isinstance(images, (str, bytes, os.PathLike, io.IOBase, Image.Image)):
        raise TypeError(f"`images` must be several, got one {type(images).__name__}; give a list, such as [image].")


def open_line(image: ImageSource) -> np.ndarray:
    """A picture of one line, as :func:`open_image`. One that is longer than LONGEST_RATIO allows is refused.

    Raises:
        OSError or ValueError: it is no picture of a line; :func:`~ppocrv2_ext.errors.reason_of` says why.
        TypeError: it is something else.
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
    """Grey as Pillow opens files of 16 and 32 bits, as uint8 or uint16.

    Such a file does not say where its white is. If no value is above 255, it is taken as 8 bits, else as 16.

    Args:
        pixels: (H, W) int32, or uint16 in either order of bytes.
    Raises:
        ValueError: a value does not fit into 16 bits.
    """
    least, most = pixels.min(initial=0), pixels.max(initial=0)
    if least < 0 or most >= 2**16:
        value = least if least < 0 else most
        raise ValueError(f"a grey value must be from 0 to 65535, got {value}; save the picture with 8 or 16 bits")
    return pixels.astype(np.uint8 if most < 2**8 else np.uint16)


def _lay_on_white(pixels: np.ndarray) -> np.ndarray:
    """BGRA on white, as BGR. Double precision takes 60 bytes a pixel, so it is done one band at a time."""
    height, width = pixels.shape[:2]
    result, rows = np.empty((height, width, 3), np.uint8), max(1, BAND // width)
    for top in range(0, height, rows):
        band = pixels[top : top + rows]
        opacity = band[..., 3:] / 255
        result[top : top + rows] = 255 * (1 - opacity) + band[..., :3] * opacity
    return result
