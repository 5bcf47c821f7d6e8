"""Copy-Paste for text detection: :func:`choose` draws everything at random, then :func:`paste` changes the pixels.

PP-OCRv2 (arXiv:2109.03144) after Ghiasi et al., CVPR 2021. Some text of a second random picture is scaled, turned,
perhaps mirrored, and pasted where the first picture has no text. The first picture itself is not scaled or mirrored
here: in a detection config the IaaAugment that follows does that, to the old and the pasted text alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ...data.large_pictures import MOST_WARPED, cut_surroundings
from ..polygons import are_simple, coverages, short_sides
from .obstacles import Obstacles


class Scene(NamedTuple):
    """What :func:`choose` needs to know about a picture: its size and its N polygons of P points."""

    height_width: tuple[int, int]  # pixels
    polygons: np.ndarray  # (N, P, 2)
    ignored: np.ndarray  # (N,) booleans: text that nobody can read


class Paste(NamedTuple):
    """One object of the other picture, and the place where it goes."""

    object_index: int  # which object of the other picture
    matrix: np.ndarray  # (2, 3) from pixels of the other picture to pixels of this one
    polygon: np.ndarray  # (P, 2) the object's outline in this picture: ``matrix`` applied to its label


class Settings(NamedTuple):
    """The limits of the draws. :class:`~ppocrv2_ext.plugins.copy_paste.transform.TextCopyPaste` explains each."""

    p: float
    scale_range: tuple[float, float]
    angle_range: tuple[float, float]
    flip_p: float
    objects_ratio: float
    max_objects: int
    min_size: float
    max_overlap: float
    tries: int


def choose(rng: np.random.Generator, scene: Scene, other: Scene, settings: Settings) -> list[Paste]:
    """Draw which objects to paste, how to transform each, and where it goes.

    Args:
        rng: the only source of randomness.
        scene: the picture to paste on.
        other: the picture to take objects from.
        settings: the limits of the draws.
    Returns:
        The objects to paste, every polygon inside the picture. An object is left out if it fits at no allowed scale,
        or if none of its ``tries`` random places is free.
    """
    if rng.random() >= settings.p:
        return []
    height, width = scene.height_width
    limits = np.where(scene.ignored, 0.0, settings.max_overlap)
    obstacles = Obstacles(scene.polygons, limits, height, width)
    indexes, linear, shapes = _choose_shapes(rng, other, (width, height), settings)
    # First a shift by part of a pixel, then whole pixels, so that a shape touches the same pixels at every corner.
    last = np.array([width - 1, height - 1])
    phases = rng.random((len(indexes), 1, 2)) * np.clip(last - shapes.max(axis=1, keepdims=True), 0, 1)
    shapes = np.minimum(shapes + phases, last)
    room = last - np.ceil(shapes.max(axis=1, keepdims=True)) + 1
    corners = (rng.random((len(indexes), settings.tries, 2)) * room).astype(int)
    free, corners = obstacles.place(shapes, settings.max_overlap, corners)
    indexes, linear, polygons = indexes[free], linear[free], shapes[free] + corners[:, None]
    shifts = polygons[:, 0] - (linear @ other.polygons[indexes, 0, :, None])[..., 0]
    matrices = np.concatenate([linear, shifts[..., None]], axis=2)
    is_mirrored = linear[:, 0, 0] * linear[:, 1, 1] < linear[:, 0, 1] * linear[:, 1, 0]
    polygons[is_mirrored] = _reorder_mirrored(polygons[is_mirrored])
    return [Paste(*fields) for fields in zip(indexes.tolist(), matrices, polygons)]


def _choose_objects(rng: np.random.Generator, other: Scene, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Draw a share of the objects that are readable, whole and large enough.

    Returns:
        (M,) indexes, and (M,) heights of their text in pixels.
    """
    polygons, (height, width) = other.polygons, other.height_width
    # A comparison with NaN is False. A label may end at the border of the last pixel.
    inside = (polygons.min(axis=1) >= -1) & (polygons.max(axis=1) <= (width, height))
    indexes = np.flatnonzero(inside.all(axis=1) & ~other.ignored)
    heights = short_sides(polygons[indexes])
    is_tall = heights >= settings.min_size
    count = min(max(1, int(settings.objects_ratio * len(polygons))), settings.max_objects)
    order = rng.permutation(np.count_nonzero(is_tall))[:count]
    indexes, heights = indexes[is_tall][order], heights[is_tall][order]
    is_simple = are_simple(polygons[indexes])
    return indexes[is_simple], heights[is_simple]


def _choose_shapes(
    rng: np.random.Generator, other: Scene, width_height: tuple[int, int], settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw objects with :func:`_choose_objects`, and a transformation for each. Objects that cannot fit are left out.

    Returns:
        (M,) indexes; (M, 2, 2) matrices of a scale, a turn and perhaps a mirroring; (M, P, 2) transformed outlines,
        moved so that their smallest x and y are 0.
    """
    indexes, text_heights = _choose_objects(rng, other, settings)
    angles = np.radians(rng.uniform(*settings.angle_range, len(indexes)))
    flips = np.where(rng.random(len(indexes)) < settings.flip_p, -1.0, 1.0)
    turns = np.array([[np.cos(angles) * flips, -np.sin(angles)], [np.sin(angles) * flips, np.cos(angles)]])
    turns = turns.transpose(2, 0, 1)
    shapes = other.polygons[indexes].astype(np.float64) @ turns.swapaxes(1, 2)
    shapes -= shapes.min(axis=1, keepdims=True)
    low, high = settings.scale_range
    smallest = np.maximum(low, settings.min_size / text_heights)
    largest = np.minimum(high, ((np.array(width_height) - 1) / shapes.max(axis=1)).min(axis=1))
    scales = smallest * np.exp(rng.random(len(indexes)) * np.log(np.maximum(largest / smallest, 1)))
    scales = scales[:, None, None]
    fits = smallest <= largest
    return indexes[fits], (scales * turns)[fits], (scales * shapes)[fits]


def _reorder_mirrored(polygons: np.ndarray) -> np.ndarray:
    """Outlines (M, P, 2) of mirrored text, again from the top left corner on and clockwise.

    The points of each of the two long sides are reversed.
    """
    half = polygons.shape[1] // 2
    return np.concatenate([polygons[:, :half][:, ::-1], polygons[:, half:][:, ::-1]], axis=1)


def paste(image: np.ndarray, other_image: np.ndarray, pastes: Sequence[Paste]) -> np.ndarray:
    """A copy of ``image`` with the chosen objects of ``other_image`` on it. The inputs are not modified.

    Pixels and outline go through the same matrix. Only pixels that an outline touches or encloses change. The pasted
    pixels have weight 1/2 along the outline and reach weight 1 one to two pixels inside it.

    Args:
        image, other_image: (H, W, 3) uint8; the sizes may differ.
        pastes: what :func:`choose` returned.
    """
    image = image.copy()
    if not pastes:
        return image
    parts: Sequence[np.ndarray] = [other_image] * len(pastes)
    if max(other_image.shape[:2]) > MOST_WARPED:  # smaller ones are not cut: OpenCV 5 would round some pixels otherwise
        parts, pastes = zip(*(cut_object(other_image, one) for one in pastes))
    polygons, matrices = (np.array([getattr(one, name) for one in pastes]) for name in ("polygon", "matrix"))
    corners = np.floor(polygons.min(axis=1))
    # A strong reduction would alias: sample more finely, then average.
    finer = np.ceil(0.5 / np.hypot(*matrices[:, :, 0].T))[:, None]
    matrices[:, :, 2] -= corners
    matrices *= finer[..., None]
    matrices[:, :, 2] += (finer - 1) / 2
    weights = coverages(polygons - corners[:, None])
    fields = zip(parts, matrices, corners.astype(int).tolist(), finer[:, 0].astype(int).tolist(), weights)
    for part, matrix, (x, y), times, weight in fields:
        h, w = weight.shape
        patch = cv2.warpAffine(part, matrix, (w * times, h * times), borderMode=cv2.BORDER_REPLICATE)
        if times > 1:
            patch = cv2.resize(patch, (w, h), interpolation=cv2.INTER_AREA)
        softer = cv2.blur(weight, (3, 3), borderType=cv2.BORDER_CONSTANT)
        # At least 1/2 along the outline, so that the visible part of the pasted text still matches its label.
        np.minimum(weight, np.maximum(softer, 0.5, out=softer), out=softer)
        below = image[y : y + h, x : x + w]
        cv2.blendLinear(patch, below, softer, 1 - softer, dst=below)
    return image


def cut_object(image: np.ndarray, one: Paste) -> tuple[np.ndarray, Paste]:
    """The part of a picture that an object lies in, with no side longer than MOST_WARPED, and the object in it.

    Args:
        image: (H, W, 3), the picture that the object comes from. The part may be a view of it.
        one: the object in the whole picture, and the place where it goes.
    """
    linear, shift = one.matrix[:, :2], one.matrix[:, 2]
    inverse = np.linalg.inv(linear)
    # A pasted pixel reaches less than two of its own sides beyond the outline, and its interpolation one pixel further.
    margin = 2 * np.abs(inverse).sum(axis=1) + 2
    part, low, scale = cut_surroundings(image, (one.polygon - shift) @ inverse.T, margin)
    step = 1 / scale  # sides of a pixel of the part, in pixels of the picture
    matrix = np.column_stack([linear * step, shift + linear @ (low + (step - 1) / 2)])
    return part, one._replace(matrix=matrix)
