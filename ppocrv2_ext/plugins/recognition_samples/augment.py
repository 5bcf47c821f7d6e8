"""Random changes of a line of text, for training: :func:`choose` draws everything, :func:`augment` applies it.

The changes and their distribution are those of PaddleOCR's RecAug (ppocr/data/imaug/rec_img_aug.py). What it computes
with real numbers and then rounds down is here the whole number that results.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np

from ...arguments import number
from ...errors import UserError
from ...registry import TRANSFORMS
from ..draws import Draws
from .deform import ControlPoints, choose_deformations, deform

SMALLEST_SIDE = 20  # pixels; a smaller line is neither deformed nor cropped
LARGEST_CROP = 8  # pixels
BLUR = cv2.getGaussianKernel(5, 1, cv2.CV_32F)


class Probabilities(NamedTuple):
    """Probabilities of the changes, in [0, 1], in the order in which they are applied. RecAug has the same names."""

    tia: float
    crop: float
    blur: float
    hsv_aug: float
    jitter: float
    noise: float
    reverse: float


class Augmentation(NamedTuple):
    """What :func:`choose` has drawn for a picture of (H, W) pixels. Changes are applied from top to bottom."""

    deformations: tuple[ControlPoints, ...]  # applied one after another
    rows: tuple[int, int]  # first row that is kept, and the row after the last
    blur: bool
    darken: bool | None  # by one step of HSV's value; False: only to HSV and back; None: not at all
    shift: int  # pixels to the right and down
    noise: np.ndarray | None  # (rows, W, 3) uint8, 0 or 1: what is taken off each value
    invert: bool


def choose(rng: np.random.Generator, height: int, width: int, probabilities: Probabilities) -> Augmentation:
    """Draw the changes of a picture.

    RecAug's noise has a standard deviation of 0.16 and the sum is rounded down. So a value loses 1 or stays, each with
    probability 1/2; other outcomes have a probability of 3e-10 and are never drawn here. Its change of brightness is by
    less than 0.1 %, up or down. So HSV's value loses 1 or stays.

    Args:
        rng: the only source of randomness.
        height, width: of the picture in pixels, >= 1.
        probabilities: of the changes.
    """
    is_large = min(height, width) >= SMALLEST_SIDE
    tia, crop, blur, hsv_aug, jitter, noise, reverse = (rng.random(len(probabilities)) < probabilities).tolist()
    deformations = choose_deformations(rng, height, width) if tia and is_large else ()
    rows = _choose_rows(rng, height) if crop and is_large else (0, height)
    kept = rows[1] - rows[0]
    return Augmentation(
        deformations,
        rows,
        blur,
        darken=rng.random() < 0.5 if hsv_aug else None,
        # 1 % of the shorter side, rounded down, is the number of places that RecAug tries, the first at distance 0.
        shift=max(0, int(rng.random() * min(kept, width) * 0.01) - 1) if jitter else 0,
        noise=_choose_bits(rng, (kept, width, 3)) if noise else None,
        invert=reverse,
    )


def _choose_rows(rng: np.random.Generator, height: int) -> tuple[int, int]:
    count = int(rng.integers(1, LARGEST_CROP + 1))
    return (count, height) if rng.random() < 0.5 else (0, height - count)


def _choose_bits(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """An array of 0 and 1, uint8, each with probability 1/2."""
    count = shape[0] * shape[1] * shape[2]
    return np.unpackbits(np.frombuffer(rng.bytes(-(-count // 8)), np.uint8), count=count).reshape(shape)


def augment(image: np.ndarray, changes: Augmentation) -> np.ndarray:
    """``image`` after ``changes``. The input is not modified, and it is returned itself if nothing changes.

    Args:
        image: (H, W, 3) uint8 in BGR.
        changes: what :func:`choose` drew for its size.
    """
    if changes.deformations:
        values = image.astype(np.float32)
        for points in changes.deformations:
            values = deform(values, points)
        image = values.astype(np.uint8)
    image = image[slice(*changes.rows)]
    if changes.blur:
        image = cv2.sepFilter2D(image, -1, BLUR, BLUR)
    if changes.darken is not None:
        hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
        image = cv2.cvtColor(cv2.subtract(hsv, (0, 0, int(changes.darken), 0)), cv2.COLOR_HSV2BGR)
    if changes.shift:
        image = shift_diagonally(image, changes.shift)
    if changes.noise is not None:
        image = cv2.subtract(image, changes.noise)
    return cv2.bitwise_not(image) if changes.invert else image


def shift_diagonally(image: np.ndarray, distance: int) -> np.ndarray:
    """A copy of an image, (H, W, C), moved to the right and down.

    The first ``distance`` rows and columns are filled along diagonals with the pixels of the first row and column.

    Args:
        distance: pixels, 0 <= distance < min(H, W).
    """
    height, width = image.shape[:2]
    result = image.copy()
    result[distance:, distance:] = image[: height - distance, : width - distance]
    for i in range(distance):
        result[i, i:] = image[0, : width - i]
        result[i:, i] = image[: height - i, 0]
    return result


@TRANSFORMS.register
class TextLineAugment:
    """Changes a line of text at random, as PaddleOCR's RecAug does. It comes after DecodeImage.

    Args:
        tia_prob: probability of waves, a stretch and a perspective together, in [0, 1].
        crop_prob: probability that 1 to 8 rows are cut off above or below, in [0, 1].
        reverse_prob: probability that all values are inverted, in [0, 1].
        noise_prob: probability of weak noise, in [0, 1].
        jitter_prob: probability of a shift by up to 1 % of the shorter side, in [0, 1]. It changes lines of 200 pixels
            and more in height.
        blur_prob: probability of a Gaussian blur with a standard deviation of one pixel, in [0, 1].
        hsv_aug_prob: probability of a change of brightness by at most one step, in [0, 1].
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one. Without it the
            seed comes from NumPy's global generator. Either way each worker draws its own numbers in each epoch.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        tia_prob: float = 0.4,
        crop_prob: float = 0.4,
        reverse_prob: float = 0.4,
        noise_prob: float = 0.4,
        jitter_prob: float = 0.4,
        blur_prob: float = 0.4,
        hsv_aug_prob: float = 0.4,
        seed: int | None = None,
    ) -> None:
        self.probabilities = Probabilities(
            tia=number(tia_prob, "tia_prob", 0, 1),
            crop=number(crop_prob, "crop_prob", 0, 1),
            blur=number(blur_prob, "blur_prob", 0, 1),
            hsv_aug=number(hsv_aug_prob, "hsv_aug_prob", 0, 1),
            jitter=number(jitter_prob, "jitter_prob", 0, 1),
            noise=number(noise_prob, "noise_prob", 0, 1),
            reverse=number(reverse_prob, "reverse_prob", 0, 1),
        )
        self.draws = Draws("TextLineAugment", seed)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with another image. The input is not modified.

        Args:
            data: a sample with `image`, (H, W, 3) uint8, as DecodeImage makes it.
        Raises:
            UserError: the image has another form, or no pixels.
        """
        image = data["image"]
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UserError(
                "TextLineAugment takes images of (height, width, 3) with 8 bits, as DecodeImage makes them with"
                f" `channel_first: false`, got {image.shape} {image.dtype}."
            )
        height, width = image.shape[:2]
        changes = choose(self.draws.generator(), height, width, self.probabilities)
        return {**data, "image": augment(image, changes)}
