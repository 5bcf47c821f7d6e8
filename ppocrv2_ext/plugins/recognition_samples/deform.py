"""Random deformations of a line of text: waves, a stretch along the line, and a perspective.

The deformations are those of PaddleOCR's RecAug (ppocr/data/imaug/text_image_aug/, after Luo et al., CVPR 2020,
arXiv:2003.06606). Control points are moved at random, and the picture follows by moving least squares with rotations
and scales (Schaefer et al., SIGGRAPH 2006). They are solved at few points, ``GRID`` pixels apart. Between these the
moves are interpolated.

Shape legend: K control points, G points of the grid. A point is a complex number, x + iy in pixels.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import cv2
import numpy as np

from ...data.large_pictures import MOST_WARPED

GRID = 100  # pixels


class ControlPoints(NamedTuple):
    """A deformation: what lies at ``source`` in the picture goes to ``target`` in the result."""

    source: np.ndarray  # (K,) complex
    target: np.ndarray  # (K,) complex


def choose_deformations(rng: np.random.Generator, height: int, width: int) -> tuple[ControlPoints, ...]:
    """Draw waves, a stretch and a perspective, to be applied one after another.

    Args:
        rng: the only source of randomness.
        height, width: of the picture in pixels, each >= 20.
    """
    corners = np.array([0, width, width + 1j * height, 1j * height])
    inwards = np.array([1 + 1j, -1 + 1j, -1 - 1j, 1 - 1j])
    return (
        _choose_waves(rng, corners, inwards),
        _choose_stretch(rng, corners),
        _choose_perspective(rng, corners, inwards),
    )


def _choose_waves(rng: np.random.Generator, corners: np.ndarray, inwards: np.ndarray) -> ControlPoints:
    """Corners move inwards, points on the upper and lower border any way, up to a third of the step between them."""
    cuts, step = _choose_cuts(rng, corners)
    reach = step // 3
    into, along = rng.integers(0, reach, (2, 4)), rng.integers(0, reach, (2, len(cuts))) - reach / 2
    target = [corners + into[0] * inwards.real + 1j * into[1] * inwards.imag, cuts + along[0] + 1j * along[1]]
    return ControlPoints(np.concatenate([corners, cuts]), np.concatenate(target))


def _choose_stretch(rng: np.random.Generator, corners: np.ndarray) -> ControlPoints:
    """Opposite points on the upper and lower border move along the line, together."""
    cuts, step = _choose_cuts(rng, corners)
    reach = step * 4 // 5
    moves = np.repeat(rng.integers(0, reach, len(cuts) // 2) - reach / 2, 2)
    return ControlPoints(np.concatenate([corners, cuts]), np.concatenate([corners, cuts + moves]))


def _choose_perspective(rng: np.random.Generator, corners: np.ndarray, inwards: np.ndarray) -> ControlPoints:
    """Corners move up or down into the picture, by up to half its height."""
    moves = rng.integers(0, int(corners[3].imag) // 2, 4)
    return ControlPoints(corners, corners + 1j * moves * inwards.imag)


def _choose_cuts(rng: np.random.Generator, corners: np.ndarray) -> tuple[np.ndarray, int]:
    """Draw 3 to 6 segments of a line: points on its borders between them, upper and lower in turn, and their step."""
    segments = int(rng.integers(3, 7))
    step = int(corners[1].real) // segments
    upper = np.arange(1, segments) * step
    return np.stack([upper, upper + corners[3]], axis=1).ravel(), step


def deform(image: np.ndarray, points: ControlPoints) -> np.ndarray:
    """``image`` after a deformation, with bilinear interpolation.

    What lies outside the picture has the colour of the nearest pixel. Values are rounded down, as in PaddleOCR.

    Args:
        image: (H, W, C) float32. It is not modified.
    Returns:
        (H, W, C) float32, whole numbers.
    """
    height, width = image.shape[:2]
    x, y = find_sources(height, width, points)
    interpolate = cv2_interpolate if max(height, width) <= MOST_WARPED else interpolate_plainly
    result = interpolate(image, x, y)
    return np.floor(result, out=result)


def find_sources(height: int, width: int, points: ControlPoints) -> np.ndarray:
    """Where each pixel of the result comes from: (2, height, width) float32, its x and its y in the picture."""
    rows, columns = _grid_lines(height), _grid_lines(width)
    grid = (columns + 1j * rows[:, None]).ravel()
    moves = (move_points(grid, points) - grid).reshape(len(rows), len(columns))
    sources = _line_shares(height) @ (np.stack([moves.real, moves.imag]).astype(np.float32) @ _line_shares(width).T)
    sources[0] += np.arange(width, dtype=np.float32)
    sources[1] += np.arange(height, dtype=np.float32)[:, None]
    return sources


def move_points(points: np.ndarray, control: ControlPoints) -> np.ndarray:
    """Moving least squares: the sources of ``points``, (G,) complex, if those of ``control.target`` are known.

    Each point has a rotation, scale and shift of its own: those that fit the control points best, weighted by the
    inverse square of their distance. A point on a control point moves exactly with it. The last control point is an
    exception, as in PaddleOCR's loop: a point on it follows the others alone. It shows at a corner of few pictures.
    """
    arms = control.target - points[:, None]  # (G, K)
    squares = arms.real**2 + arms.imag**2
    is_on = squares == 0
    weights = 1 / np.where(is_on, np.inf, squares)
    weights /= weights.sum(axis=1, keepdims=True)
    centers = (weights * arms).sum(axis=1)
    arms -= centers[:, None]
    turns = (weights * arms.conj()) @ control.source / (weights * (arms.real**2 + arms.imag**2)).sum(axis=1)
    sources = weights @ control.source - centers * turns
    is_exact = is_on[:, :-1].any(axis=1)
    sources[is_exact] = control.source[is_on[is_exact].argmax(axis=1)]
    return sources


def _grid_lines(length: int) -> np.ndarray:
    """Positions on a side of ``length`` pixels at which the moves are computed: every ``GRID``, and the last pixel."""
    return np.unique(np.append(np.arange(0, length, GRID), length - 1))


@functools.lru_cache(maxsize=512)  # the sides of a data set repeat
def _line_shares(length: int) -> np.ndarray:
    """(length, lines) float32: the shares of the grid lines at each pixel, which add up to 1."""
    lines = _grid_lines(length)
    position = np.arange(length)
    cell = position // GRID
    following = np.minimum(cell + 1, len(lines) - 1)
    # As in PaddleOCR, the last cell is one pixel longer than the distance of its lines. The last pixel stops short.
    size = np.where((cell + 1) * GRID < length, GRID, lines[-1] - cell * GRID + 1)
    shares = np.zeros((length, len(lines)), dtype=np.float32)
    part = (position - cell * GRID) / size
    shares[position, cell] += 1 - part
    shares[position, following] += part
    shares.flags.writeable = False  # later calls get the same array
    return shares


def cv2_interpolate(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """:func:`interpolate_plainly` by OpenCV. Up to OpenCV 4 the places are rounded to 1/32 of a pixel.

    Args:
        image: no side longer than ``MOST_WARPED``.
    """
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def interpolate_plainly(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bilinear interpolation of an image between its pixels; a place outside gets the colour of the nearest pixel.

    Args:
        image: (H, W, C) float32.
        x, y: (h, w) float32, places in pixels.
    Returns:
        (h, w, C) float32.
    """
    height, width = image.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, upper = x.astype(np.intp), y.astype(np.intp)
    right, lower = np.minimum(left + 1, width - 1), np.minimum(upper + 1, height - 1)
    along, down = (x - left)[..., None], (y - upper)[..., None]
    above = image[upper, left] + along * (image[upper, right] - image[upper, left])
    below = image[lower, left] + along * (image[lower, right] - image[lower, left])
    return (above + down * (below - above)).astype(np.float32)
