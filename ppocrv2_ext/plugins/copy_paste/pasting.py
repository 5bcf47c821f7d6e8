"""Copy-Paste for text detection: draw everything at random first, then apply it to the pixels.

PP-OCRv2 (arXiv:2109.03144) after Ghiasi et al., CVPR 2021: some of the text of a second random picture, jittered in
scale, turned, perhaps mirrored, is pasted where the first picture has none. The first picture itself keeps its pixels;
the IaaAugment that follows in a detection config jitters and mirrors it together with what was pasted.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from .polygons import Obstacles, are_simple, coverages, short_sides


class Scene(NamedTuple):
    """What :func:`choose` needs to know of a picture: its size and its N polygons of P points."""

    height_width: tuple
    polygons: np.ndarray  # (N, P, 2)
    ignored: np.ndarray  # (N,) booleans: text that nobody can read


class Paste(NamedTuple):
    """One object of the other picture and where it goes."""

    index: int  # type: ignore[assignment]  # of the object in the other picture; it hides index() of tuples
    matrix: np.ndarray  # (2, 3) from pixels of the other picture to pixels of this one
    polygon: np.ndarray  # (P, 2) the object's outline in this picture: ``matrix`` applied to its label


class Settings(NamedTuple):
    """What bounds the draws; :class:`~ppocrv2_ext.plugins.copy_paste.transform.TextCopyPaste` says what each means."""

    p: float
    scale_range: tuple
    angle_range: tuple
    flip_p: float
    objects_ratio: float
    max_objects: int
    min_size: float
    max_overlap: float
    tries: int


def choose(rng, scene, other, settings):
    """Draw which objects of ``other`` to paste, how to transform each, and where on ``scene`` it goes.

    Args:
        rng: ``numpy.random.Generator``, the only source of chance.
        scene, other: :class:`Scene`, the picture to paste on and the picture to take text from.
        settings: :class:`Settings`.
    Returns:
        A list of :class:`Paste`, every polygon inside the picture. Objects that fit at no allowed scale, or for which
        ``tries`` random places were all taken, are left out.
    """
    if rng.random() >= settings.p:
        return []
    height, width = scene.height_width
    limits = np.where(scene.ignored, 0.0, settings.max_overlap)
    obstacles = Obstacles(scene.polygons, limits, height, width)
    indexes, linear, shapes = _choose_shapes(rng, other, (width, height), settings)
    # A part of a pixel first, then whole pixels, so that a shape is the same at every corner.
    last = np.array([width - 1, height - 1])
    phases = rng.random((len(indexes), 1, 2)) * np.clip(last - shapes.max(axis=1, keepdims=True), 0, 1)
    shapes = np.minimum(shapes + phases, last)
    room = last - np.ceil(shapes.max(axis=1, keepdims=True)) + 1
    corners = (rng.random((len(indexes), settings.tries, 2)) * room).astype(int)
    placed, corners = obstacles.place(shapes, settings.max_overlap, corners)
    indexes, linear, polygons = indexes[placed], linear[placed], shapes[placed] + corners[:, None]
    shifts = polygons[:, 0] - (linear @ other.polygons[indexes, 0, :, None])[..., 0]
    matrices = np.concatenate([linear, shifts[..., None]], axis=2)
    mirrored = linear[:, 0, 0] * linear[:, 1, 1] < linear[:, 0, 1] * linear[:, 1, 0]
    polygons[mirrored] = _in_reading_order(polygons[mirrored])
    return [Paste(*each) for each in zip(indexes.tolist(), matrices, polygons)]


def _choose_objects(rng, other, settings):
    """Indexes of a random share of the objects that are readable, whole and large enough; heights of their text."""
    polygons, (height, width) = other.polygons, other.height_width
    # NaN compares as False; a label may end on the border of the last pixel.
    inside = (polygons.min(axis=1) >= -1) & (polygons.max(axis=1) <= (width, height))
    usable = np.flatnonzero(inside.all(axis=1) & ~other.ignored)
    heights = short_sides(polygons[usable])
    tall = heights >= settings.min_size
    count = min(max(1, int(settings.objects_ratio * len(polygons))), settings.max_objects)
    order = rng.permutation(np.count_nonzero(tall))[:count]
    chosen, heights = usable[tall][order], heights[tall][order]
    simple = are_simple(polygons[chosen])
    return chosen[simple], heights[simple]


def _choose_shapes(rng, other, width_height, settings):
    """What :func:`_choose_objects` chose and can be made to fit.

    Returns:
        (M,) indexes, (M, 2, 2) matrices of a scale, a turn and perhaps a mirroring, and (M, P, 2) outlines from (0, 0).
    """
    indexes, text_heights = _choose_objects(rng, other, settings)
    angles = np.radians(rng.uniform(*settings.angle_range, len(indexes)))
    flips = np.where(rng.random(len(indexes)) < settings.flip_p, -1.0, 1.0)
    turns = np.array([[np.cos(angles) * flips, -np.sin(angles)], [np.sin(angles) * flips, np.cos(angles)]])
    turns = turns.transpose(2, 0, 1)
    shapes = other.polygons[indexes].astype(np.float64) @ turns.swapaxes(1, 2)
    shapes -= shapes.min(axis=1, keepdims=True)
    low, high = settings.scale_range
    low = np.maximum(low, settings.min_size / text_heights)
    high = np.minimum(high, ((np.array(width_height) - 1) / shapes.max(axis=1)).min(axis=1))
    scales = low * np.exp(rng.random(len(indexes)) * np.log(np.maximum(high / low, 1)))
    scales = scales[:, None, None]
    fits = low <= high
    return indexes[fits], (scales * turns)[fits], (scales * shapes)[fits]


def _in_reading_order(polygons):
    """Mirrored outlines (M, P, 2) from the new top left corner on, clockwise: each of the two long sides reversed."""
    half = polygons.shape[1] // 2
    return np.concatenate([polygons[:, :half][:, ::-1], polygons[:, half:][:, ::-1]], axis=1)


def paste(image, other_image, pastes):
    """Copy of ``image`` with the chosen objects of ``other_image`` on it; the inputs are not modified.

    Pixels and outline go through the same matrix. Only pixels that an outline touches or encloses change; the weight of
    what is pasted is 1/2 along the outline and 1 from one to two pixels inside.

    Args:
        image, other_image: (H, W, 3) uint8.
        pastes: list of :class:`Paste`.
    """
    image = image.copy()
    if not pastes:
        return image
    polygons = np.stack([each.polygon for each in pastes])
    corners = np.floor(polygons.min(axis=1)).astype(int)
    for (_, matrix, _), (x, y), weight in zip(pastes, corners.tolist(), coverages(polygons - corners[:, None])):
        h, w = weight.shape
        # Sampling far more coarsely than the source would alias: sample finely, then average.
        finer = math.ceil(0.5 / math.hypot(*matrix[:, 0]))
        local = finer * (matrix - [[0, 0, x], [0, 0, y]])
        local[:, 2] += (finer - 1) / 2
        patch = cv2.warpAffine(other_image, local, (w * finer, h * finer), borderMode=cv2.BORDER_REPLICATE)
        if finer > 1:
            patch = cv2.resize(patch, (w, h), interpolation=cv2.INTER_AREA)
        softer = cv2.blur(weight, (3, 3), borderType=cv2.BORDER_CONSTANT)
        # At least 1/2, for what shows most of the pasted text to stay what the label says.
        weight = np.minimum(weight, np.maximum(softer, 0.5, out=softer))
        below = image[y : y + h, x : x + w]
        below[...] = cv2.blendLinear(patch, below, weight, 1 - weight)
    return image
