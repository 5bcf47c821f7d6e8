"""Draw a line of text and photograph it. No chance here: a :class:`Look` has every decision. Sizes in pixels."""

from typing import NamedTuple, Optional

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .typefaces import load_typeface

OVERSAMPLING = 2  # glyphs are drawn this much larger: strokes thinner than a pixel, and edges without stairs


class Look(NamedTuple):
    """How a line is drawn and photographed. Lengths "of the size" are in multiples of ``size``."""

    font: str  # a name in typefaces.FONTS
    size: int  # of the font
    spacing: float  # between characters, of the size; negative is tight
    weight: float  # what strokes gain (> 0) or lose (< 0) on each side, of the size
    stretch: float  # width over the font's own
    margins: tuple  # left, top, right, bottom around the ink, of the size; negative cuts into it
    rotation: float  # degrees, counter-clockwise
    corners: tuple  # 4 of (x, y): what perspective adds to the corners of the text's box, of the size
    ink: tuple  # B, G, R
    papers: tuple  # two of (B, G, R): the ends of a gradient
    slope: float  # direction of the gradient, radians
    shadow: Optional[tuple]  # (center, width, strength) of a dark band across, of the picture's width; None for none
    reduction: float  # pixels of the photograph over those of the drawing
    motion: tuple  # (length, degrees) of the camera's movement, in the photograph
    blur: float  # standard deviation of the lens blur, in the photograph
    noise: float  # standard deviation, grey levels
    noise_seed: int
    jpeg: int  # quality


def render(text, look):
    """The photograph of ``text``: (H, W, 3) uint8, BGR."""
    scale = look.size * OVERSAMPLING
    opacity = warp(glyphs(text, look), look.rotation, look.corners, look.margins, scale)
    opacity = opacity[..., None].astype(np.float32) / 255
    picture = opacity * np.float32(look.ink) + (1 - opacity) * paper(opacity.shape[:2], look.papers, look.slope)
    if look.shadow:
        picture *= shadow(picture.shape[1], *look.shadow)[:, None]
    factor = look.reduction / OVERSAMPLING
    hw = [max(2, round(side * factor)) for side in picture.shape[:2]]
    picture = cv2.resize(picture, (hw[1], hw[0]), interpolation=cv2.INTER_AREA)
    picture = cv2.GaussianBlur(cv2.filter2D(picture, -1, motion_kernel(*look.motion)), (0, 0), look.blur)
    picture += np.random.default_rng(look.noise_seed).normal(0, look.noise, picture.shape)
    pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, look.jpeg])[1], cv2.IMREAD_COLOR)


def glyphs(text, look):
    """(H, W) uint8 opacity of the text, drawn character by character and cut to the ink."""
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
    drawn = np.asarray(image.crop(image.getbbox()))
    if look.weight < 0:
        # Worn rather than gone: the hairlines of a serif font would not survive a plain erosion.
        radius = max(1, round(-look.weight * scale))
        drawn = drawn // 2 + cv2.erode(drawn, np.ones((2 * radius + 1,) * 2, np.uint8)) // 2
    return cv2.resize(
        drawn, (max(1, round(drawn.shape[1] * look.stretch)), drawn.shape[0]), interpolation=cv2.INTER_AREA
    )


def warp(opacity, rotation, corners, margins, scale):
    """Rotate, then move the corners of the ink's box; the result is the box around it with ``margins``."""
    h, w = opacity.shape
    box = np.float32([(0, 0), (w, 0), (w, h), (0, h)])
    angle = np.deg2rad(rotation)
    turn = np.float32([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    moved = (box - (w / 2, h / 2)) @ turn + np.float32(corners) * scale
    margins = np.float32(margins).reshape(2, 2) * scale
    first, last = moved.min(0) - margins[0], moved.max(0) + margins[1]
    size = np.maximum(np.ceil(last - first), 8).astype(int)
    matrix = cv2.getPerspectiveTransform(box, np.float32(moved - first))
    return cv2.warpPerspective(opacity, matrix, tuple(map(int, size)), flags=cv2.INTER_LINEAR)


def paper(hw, papers, slope):
    """(H, W, 3) float32 gradient from one colour to the other along ``slope``."""
    y, x = np.mgrid[-0.5 : 0.5 : hw[0] * 1j, -0.5 : 0.5 : hw[1] * 1j]
    share = np.clip(0.5 + x * np.cos(slope) + y * np.sin(slope), 0, 1)[..., None].astype(np.float32)
    return share * np.float32(papers[0]) + (1 - share) * np.float32(papers[1])


def shadow(width, center, extent, strength):
    """(W,) factors in (0, 1]: darkest at ``center``, soft at the sides."""
    x = np.linspace(0, 1, width, dtype=np.float32)
    return 1 - strength * np.exp(-(((x - center) / extent) ** 2))


def motion_kernel(length, degrees):
    """(K, K) float32 kernel, sum 1: a segment of ``length`` pixels through the middle."""
    radius = int(np.ceil(length / 2))
    kernel = np.zeros((2 * radius + 1,) * 2, np.float32)
    for offset in np.linspace(-length / 2, length / 2, 16 * radius + 1):
        x, y = offset * np.cos(np.deg2rad(degrees)), offset * np.sin(np.deg2rad(degrees))
        kernel[radius + round(y), radius + round(x)] += 1
    return kernel / kernel.sum()
