"""Draw a line of text and photograph it. Nothing here is random: a :class:`Look` holds every decision.

Sizes are in pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .typefaces import load_typeface

# Glyphs are drawn this much larger than the photograph: strokes can be thinner than a pixel, and edges have no stairs.
OVERSAMPLING = 2

Colour = tuple[float, float, float]  # B, G, R


class Look(NamedTuple):
    """How a line is drawn and photographed. Lengths "of the size" are multiples of ``size``."""

    font: str  # a name in typefaces.FONTS
    size: int  # of the font
    spacing: float  # between characters, of the size; negative is tight
    weight: float  # how much strokes grow (> 0) or shrink (< 0) on each side, of the size
    stretch: float  # the width, as a multiple of the font's own
    margins: tuple[float, ...]  # left, top, right, bottom around the ink, of the size; negative cuts into it
    rotation: float  # degrees, counter-clockwise
    corners: tuple[tuple[float, float], ...]  # 4 of (x, y): how perspective moves the corners of the text, of the size
    ink: Colour
    papers: tuple[Colour, Colour]  # the ends of a gradient
    slope: float  # direction of the gradient, radians
    shadow: tuple[float, float, float] | None  # (center, width, strength) of a dark band; shares of the picture's width
    reduction: float  # height of the photograph over that of the drawing
    motion: tuple[float, float]  # (length, degrees) of the camera's movement, in the photograph
    blur: float  # standard deviation of the lens blur, in the photograph
    noise: float  # standard deviation, grey levels
    noise_seed: int
    jpeg: int  # quality


def render(text: str, look: Look) -> np.ndarray:
    """Draw ``text`` and photograph it: (H, W, 3) uint8, BGR."""
    scale = look.size * OVERSAMPLING
    opacity = warp(draw_glyphs(text, look), look.rotation, look.corners, look.margins, scale)
    opacity = opacity[..., None].astype(np.float32) / 255
    picture = opacity * np.float32(look.ink) + (1 - opacity) * make_paper(opacity.shape[:2], look.papers, look.slope)
    if look.shadow:
        picture *= make_shadow(picture.shape[1], *look.shadow)[:, None]
    factor = look.reduction / OVERSAMPLING
    hw = [max(2, round(side * factor)) for side in picture.shape[:2]]
    picture = cv2.resize(picture, (hw[1], hw[0]), interpolation=cv2.INTER_AREA)
    picture = cv2.GaussianBlur(cv2.filter2D(picture, -1, make_motion_kernel(*look.motion)), (0, 0), look.blur)
    picture += np.random.default_rng(look.noise_seed).normal(0, look.noise, picture.shape)
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg])[1], cv2.IMREAD_COLOR)


def draw_glyphs(text: str, look: Look) -> np.ndarray:
    """Draw the text character by character, and cut it to the ink: (H, W) uint8 opacity."""
    scale = look.size * OVERSAMPLING
    font = load_typeface(look.font, scale)
    lefts, left = [], scale
    for character in text:
        lefts.append(left)
        left += font.getlength(character) + look.spacing * scale
    image = Image.new("L", (round(left) + scale, 3 * scale))
    draw = ImageDraw.Draw(image)
    for character, x in zip(text, lefts):
        draw.text((round(x), scale), character, 255, font, stroke_width=max(0, round(look.weight * scale)))
    opacity = np.asarray(image.crop(image.getbbox()))
    if look.weight < 0:
        # Half of the erosion, so that strokes fade and stay: plain erosion removes the hairlines of a serif font.
        radius = max(1, round(-look.weight * scale))
        opacity = opacity // 2 + cv2.erode(opacity, np.ones((2 * radius + 1,) * 2, np.uint8)) // 2
    return cv2.resize(
        opacity, (max(1, round(opacity.shape[1] * look.stretch)), opacity.shape[0]), interpolation=cv2.INTER_AREA
    )


def warp(
    opacity: np.ndarray,
    rotation: float,
    corners: tuple[tuple[float, float], ...],
    margins: tuple[float, ...],
    scale: float,
) -> np.ndarray:
    """Rotate the ink, move the corners of its box, and cut out the box around the result, with margins.

    Args:
        opacity: (H, W) uint8.
        rotation, corners, margins: as in :class:`Look`.
        scale: pixels of the unit of ``corners`` and ``margins``.
    """
    h, w = opacity.shape
    box = np.float32([(0, 0), (w, 0), (w, h), (0, h)])
    angle = np.deg2rad(rotation)
    turn = np.float32([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    quad = (box - (w / 2, h / 2)) @ turn + np.float32(corners) * scale
    margins = np.float32(margins).reshape(2, 2) * scale
    first, last = quad.min(0) - margins[0], quad.max(0) + margins[1]
    size = np.maximum(np.ceil(last - first), 8).astype(int)
    matrix = cv2.getPerspectiveTransform(box, np.float32(quad - first))
    return cv2.warpPerspective(opacity, matrix, tuple(map(int, size)), flags=cv2.INTER_LINEAR)


def make_paper(hw: tuple[int, int], papers: tuple[Colour, Colour], slope: float) -> np.ndarray:
    """(H, W, 3) float32 gradient from one colour to the other along ``slope``, radians."""
    y, x = np.mgrid[-0.5 : 0.5 : hw[0] * 1j, -0.5 : 0.5 : hw[1] * 1j]
    share = np.clip(0.5 + x * np.cos(slope) + y * np.sin(slope), 0, 1)[..., None].astype(np.float32)
    return share * np.float32(papers[0]) + (1 - share) * np.float32(papers[1])


def make_shadow(width: int, center: float, extent: float, strength: float) -> np.ndarray:
    """(W,) factors in (0, 1]: darkest at ``center``, soft at the sides.

    Args:
        width: pixels.
        center, extent: shares of the width.
        strength: how much of the light is gone at ``center``, in [0, 1).
    """
    x = np.linspace(0, 1, width, dtype=np.float32)
    return 1 - strength * np.exp(-(((x - center) / extent) ** 2))


def make_motion_kernel(length: float, degrees: float) -> np.ndarray:
    """(K, K) float32 kernel, sum 1: a segment of ``length`` pixels through the middle."""
    radius = int(np.ceil(length / 2))
    kernel = np.zeros((2 * radius + 1,) * 2, np.float32)
    for offset in np.linspace(-length / 2, length / 2, 16 * radius + 1):
        x, y = offset * np.cos(np.deg2rad(degrees)), offset * np.sin(np.deg2rad(degrees))
        kernel[radius + round(y), radius + round(x)] += 1
    return kernel / kernel.sum()
