"""Read text lines with an exported recognizer.

B batch, T frames, C classes (blank, the dictionary, a space if it was trained with one), H and W pixels.
"""

import math
from collections import defaultdict
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Optional, Union

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import UserError
from .engine import CHARACTERS, IMAGE_SHAPE, Contract, contract, model_files, onnx_engine, paddle_engine

WIDTH_STEP = 32  # pixels; lines longer than the model's width are read at a multiple of this


class Reading(NamedTuple):
    """What was read in one image. ``text`` is None, and ``problem`` the reason, where there was no image to read."""

    path: Union[str, Path, int]  # as it was given; the position, from 0, of an image given as an array
    text: Optional[str]
    score: float  # mean probability of the characters, 0 where there are none
    problem: Optional[str] = None


def read_lines(images, model, engine="onnx", batch_size=8):
    """Read images of one text line each, in order. A result does not depend on the images around it.

    Args:
        images: paths, or (H, W[, 1, 3 or 4]) BGR arrays; any iterable.
        model: folder of an exported recognizer, or, for the engine "onnx", an ONNX file with its dictionary inside.
        engine: "onnx" (the ``inference.onnx`` of the folder) or "paddle".
        batch_size: lines run together, at least 1.
    Returns:
        Iterator of Reading, one for every image.
    """
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1, got {batch_size}.")
    run, (image_shape, dictionary) = _open(Path(model), engine)
    if dictionary is None or image_shape[0] != 3:
        raise UserError(f"{model} is no recognizer of colour images with a dictionary: it takes {image_shape}.")
    return _read(iter(images), run, image_shape, dictionary, batch_size)


def resize_line(image, height=32, width=None):
    """One line as the network sees it: aspect kept, grey to the right, squeezed where it is longer than ``width``.

    The pixels PaddleOCR trains and evaluates with (RecResizeImg, ppocr/data/imaug/rec_img_aug.py).

    Args:
        image: (h, w, 3) uint8, BGR.
        height, width: pixels of the result; no width means :func:`line_width`.
    Returns:
        (3, height, width) float32 in [-1, 1]; 0 is padding.
    """
    width = line_width(image, height) if width is None else width
    used = min(width, math.ceil(height * image.shape[1] / image.shape[0]))
    pixels = cv2.resize(image, (used, height)).transpose(2, 0, 1).astype(np.float32)
    line = np.zeros((3, height, width), np.float32)
    line[:, :, :used] = (pixels / 255 - 0.5) / 0.5
    return line


def line_width(image, height=32, least=320):
    """Pixels a line needs at ``height``: ``least``, or for a longer one the next multiple of ``WIDTH_STEP``."""
    needed = math.ceil(height * image.shape[1] / image.shape[0])
    return max(least, math.ceil(needed / WIDTH_STEP) * WIDTH_STEP)


def ctc_greedy(probabilities, characters):
    """Best path: the likeliest class of each frame, repeats merged, then blanks dropped.

    Args:
        probabilities: (B, T, C) in [0, 1].
        characters: C strings, the first stands for the blank.
    Returns:
        B pairs (text, mean probability of the frames that gave its characters; 0 for no text).
    """
    if len(characters) != probabilities.shape[2]:
        raise ValueError(f"`characters` must have C={probabilities.shape[2]} entries, got {len(characters)}.")
    classes, best = probabilities.argmax(2), probabilities.max(2)
    kept = classes != 0
    kept[:, 1:] &= classes[:, 1:] != classes[:, :-1]
    texts = ["".join(characters[c] for c in row[keep]) for row, keep in zip(classes, kept)]
    return [(text, float(row[keep].mean()) if keep.any() else 0.0) for text, row, keep in zip(texts, best, kept)]


def name_classes(dictionary, count):
    """The ``count`` classes of a network, blank first. One more than blank and dictionary is the space."""
    if count - len(dictionary) not in (1, 2):
        raise UserError(
            f"the model has {count} classes, but its dictionary of {len(dictionary)} characters makes "
            f"{len(dictionary) + 1}, or {len(dictionary) + 2} with a space; export with the dictionary of its training."
        )
    return ["", *dictionary, " "][:count]


def load_image(path):
    """An image file as (H, W, 3) uint8 BGR, the way a viewer shows it: turned by EXIF, white where transparent.

    Raises:
        OSError or ValueError: it cannot be read as an image; the message says why.
    """
    try:
        with Image.open(path) as image:
            image = ImageOps.exif_transpose(image)  # also decodes: a cut-off file fails here
            if image.mode in ("I", "F") or image.mode.startswith("I;16"):
                return to_bgr(np.asarray(image))
            transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            pixels = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    except UnidentifiedImageError:
        raise ValueError("not an image, or of a kind that Pillow cannot read") from None
    except (
        Image.DecompressionBombError,
        SyntaxError,
        IndexError,
        EOFError,
    ) as error:  # what broken files raise in Pillow
        raise ValueError(str(error) or type(error).__name__) from error
    return to_bgr(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])


def to_bgr(array):
    """(H, W[, 1, 3 or 4]) pixels as (H, W, 3) uint8: grey repeated, BGRA laid on white, 16 bits cut to the upper 8."""
    pixels = np.asarray(array)
    if pixels.ndim not in (2, 3) or pixels.size == 0 or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise ValueError(f"an image must be (H, W), or (H, W, 1, 3 or 4), and not empty, got {pixels.shape}.")
    if pixels.dtype == np.int32 and pixels.min() >= 0 and pixels.max() < 2**16:
        pixels = pixels.astype(np.uint16)  # how Pillow opens some 16-bit files
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise ValueError(f"the pixels of an image must be uint8 or uint16, got {pixels.dtype}.")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:] / 255
        pixels = (255 * (1 - opacity) + pixels[..., :3] * opacity).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _open(model, engine):
    """(engine function, Contract) for a folder or an ONNX file."""
    if engine == "paddle":
        model_files(model)
        return paddle_engine(model), contract(model)
    if engine != "onnx":
        raise ValueError(f"`engine` must be 'onnx' or 'paddle', got {engine!r}.")
    run, metadata = onnx_engine(model / "inference.onnx" if model.is_dir() else model)
    if CHARACTERS in metadata and IMAGE_SHAPE in metadata:
        shape = [int(size) for size in metadata[IMAGE_SHAPE].split(",")]
        return run, Contract(shape, metadata[CHARACTERS].split("\n"))
    return run, contract(model if model.is_dir() else model.parent)


def _read(images, run, image_shape, dictionary, batch_size):
    _, height, least = image_shape
    done = 0
    # Lines of one width run together; a stretch of several batches finds enough of them, and bounds the memory.
    while stretch := list(islice(images, 8 * batch_size)):
        readings, by_width = {}, defaultdict(list)
        for position, image in enumerate(stretch, done):
            source = position if isinstance(image, np.ndarray) else image
            try:
                pixels = to_bgr(image) if isinstance(image, np.ndarray) else load_image(image)
            except (OSError, ValueError) as error:
                readings[position] = Reading(source, None, 0.0, getattr(error, "strerror", None) or str(error))
                continue
            line = resize_line(pixels, height, line_width(pixels, height, least))
            by_width[line.shape[2]].append((position, source, line))
        for lines in by_width.values():
            for start in range(0, len(lines), batch_size):
                positions, sources, batch = zip(*lines[start : start + batch_size])
                probabilities = run(np.stack(batch))
                read = ctc_greedy(probabilities, name_classes(dictionary, probabilities.shape[2]))
                readings.update((p, Reading(s, *pair)) for p, s, pair in zip(positions, sources, read))
        done += len(stretch)
        yield from (readings[position] for position in sorted(readings))
