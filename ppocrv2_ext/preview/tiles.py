"""A training sample as a picture: the pixels that the network gets, and what the label says about them.

A pixel is shown as one pixel or as a block of equal pixels if that fits. A larger image is reduced.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw
from rapidfuzz.distance import Levenshtein

from .colours import BORDER, CORE, DROPPED, EMPTY, IGNORED, INK, PASTED, QUIET, TEXT, UNSEEN, USED
from .fonts import load_label_font
from .training_samples import LineSample, SceneSample

PANEL = 480  # side of the two panels of a scene, pixels
LINE_WIDTH, SOURCE_WIDTH = 640, 200  # most pixels for a line as the network gets it, and as it is in the file
ZOOM = 3  # a line is enlarged at most this many times
GAP, PADDING = 8, 28  # inside a tile, and between tiles
NAME, LABEL = 17, 24  # font sizes
DASH = 5  # pixels of a dash and of a gap


def draw_scene_tile(sample: SceneSample) -> Image.Image:
    """A scene with the outlines of its text, beside it the targets of the loss, below both the name and the counts."""
    picture, factor = _fit_panel(sample.image)
    outlined = picture.copy()
    for is_of_kind, colour, dashed in _list_outlines(sample):
        for polygon in (sample.polygons[index] for index in np.flatnonzero(is_of_kind)):
            _draw_outline(outlined, (polygon + 0.5) * factor - 0.5, colour, dashed)
    tile = Image.new("RGB", (2 * PANEL + GAP, PANEL + 2 * GAP + NAME), "white")
    tile.paste(Image.fromarray(outlined), (0, 0))
    tile.paste(Image.fromarray(_draw_targets(picture, sample)), (PANEL + GAP, 0))
    draw, top = ImageDraw.Draw(tile), PANEL + GAP
    draw_text(draw, (0, top), sample.name, INK, NAME, PANEL)
    draw_text(draw, (PANEL + GAP, top), _describe_counts(sample), QUIET, NAME, PANEL)
    return tile


def draw_line_tile(sample: LineSample) -> Image.Image:
    """A line as it is in the file, and as the network gets it, over its label and a bar that ends at the padding."""
    h, w = sample.image.shape[:2]
    zoom = max(1, min(ZOOM, LINE_WIDTH // w))
    height, left = h * zoom, SOURCE_WIDTH + PADDING // 2
    tile = Image.new("RGB", (left + w * zoom, height + 5 * GAP + LABEL + NAME), "white")
    draw = ImageDraw.Draw(tile)
    source = Image.fromarray(sample.source)
    factor = min(SOURCE_WIDTH / source.width, height / source.height)
    size = tuple(max(1, round(side * factor)) for side in source.size)
    tile.paste(source.resize(size, Image.Resampling.BICUBIC), (0, (height - size[1]) // 2))
    tile.paste(Image.fromarray(_enlarge(sample.image, zoom)), (left, 0))
    for colour, columns in ((EMPTY, w), (USED, sample.width)):
        draw.rectangle((left, height + GAP // 2, left + columns * zoom - 1, height + GAP), colour)
    top = height + 2 * GAP
    draw_text(draw, (0, top + LABEL - NAME), sample.name, QUIET, NAME, SOURCE_WIDTH)
    _draw_label(draw, (left, top), sample, tile.width - left)
    draw_text(draw, (left, top + LABEL + GAP), f"{sample.width} of {w} columns used", QUIET, NAME, tile.width - left)
    return tile


def draw_text(
    draw: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, colour: str, size: int, room: float
) -> float:
    """Draw a line of text, in a smaller font if it would be too wide.

    Args:
        corner: (x, y) of the upper left corner, pixels. The baseline is that of ``size``, however small the font.
        size: of the font, pixels.
        room: most pixels in width.
    Returns:
        x where the text ends.
    """
    font = load_label_font(size)
    needed = font.getlength(text)
    if needed > room:
        font = load_label_font(max(6, int(size * room / needed)))
    draw.text((corner[0], corner[1] + size * 0.9), text, colour, font, anchor="ls")
    return corner[0] + font.getlength(text)


def _fit_panel(image: np.ndarray) -> tuple[np.ndarray, float]:
    """(image, factor): of at most PANEL x PANEL, enlarged in blocks of equal pixels, or reduced."""
    factor = PANEL / max(image.shape[:2])
    if factor >= 1:
        return _enlarge(image, int(factor)), int(factor)
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor


def _enlarge(image: np.ndarray, zoom: int) -> np.ndarray:
    """Each pixel as a block of ``zoom`` x ``zoom``."""
    return np.ascontiguousarray(image.repeat(zoom, axis=0).repeat(zoom, axis=1))


def _list_outlines(sample: SceneSample) -> tuple[tuple[np.ndarray, str, bool], ...]:
    """((N,) booleans, colour, dashed) for each kind of object. The kind that matters most comes last, on top."""
    return (
        (sample.ignored, IGNORED, True),
        (~sample.ignored & ~sample.pasted, TEXT, False),
        (sample.pasted & ~sample.ignored, PASTED, False),
        (sample.pasted & sample.ignored, PASTED, True),
    )


def _draw_outline(image: np.ndarray, points: np.ndarray, colour: str, dashed: bool) -> None:
    """Draw a closed line with a dark edge, which shows on any picture."""
    fine = np.rint(np.asarray(points, np.float64) * 16).astype(np.int32)  # 4 bits of a pixel
    parts = _cut_dashes(fine, 16 * DASH) if dashed else [fine]
    for shade, thickness in (((16, 16, 16), 4), (ImageColor.getrgb(colour), 2)):
        cv2.polylines(image, parts, not dashed, shade, thickness, cv2.LINE_AA, 4)


def _cut_dashes(points: np.ndarray, length: float) -> list[np.ndarray]:
    """Every other piece of ``length`` along each side; a piece ends at a corner."""
    pieces = []
    for start, end in zip(points, np.roll(points, -1, axis=0)):
        side = max(float(np.hypot(*(end - start))), 1.0)
        for along in np.arange(0, side, 2 * length):
            ends = np.array([along, min(along + length, side)])[:, None] / side
            pieces.append(np.rint(start + ends * (end - start)).astype(np.int32))
    return pieces


def _draw_targets(picture: np.ndarray, sample: SceneSample) -> np.ndarray:
    """The picture, grey and dark, under the maps that the config makes for the loss."""
    size = picture.shape[1::-1]
    canvas = np.repeat(0.45 * picture.mean(axis=2, keepdims=True), 3, axis=2)
    layers: list[tuple] = []
    if sample.threshold_map is not None:
        low, high = sample.threshold_map.min(), sample.threshold_map.max()
        border = (sample.threshold_map - low) / max(high - low, 1e-6)
        layers.append((ImageColor.getrgb(BORDER), border * sample.threshold_mask))
    if sample.shrink_map is not None and sample.shrink_mask is not None:
        y, x = np.indices(picture.shape[:2])[..., None]
        hatching = np.where((x + y) % 8 < 4, ImageColor.getrgb(UNSEEN), (24, 24, 24))
        layers += [(ImageColor.getrgb(CORE), sample.shrink_map), (hatching, 1 - sample.shrink_mask)]
    for colour, weight in layers:
        weight = 0.9 * _resize(weight, size)[..., None]
        canvas = (1 - weight) * canvas + weight * np.asarray(colour)
    return np.rint(canvas).astype(np.uint8)


def _resize(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    enlarged = size[0] >= values.shape[1]
    return cv2.resize(np.float32(values), size, interpolation=cv2.INTER_NEAREST if enlarged else cv2.INTER_AREA)


def _describe_counts(sample: SceneSample) -> str:
    ignored, small, pasted = (int(flags.sum()) for flags in (sample.ignored, sample.small, sample.pasted))
    boxes = len(sample.polygons)
    return (
        f"{boxes} {'box' if boxes == 1 else 'boxes'}, {ignored} ignored"
        + (f" ({small} too small)" if small else "")
        + (f", {pasted} pasted" if pasted else "")
    )


def _draw_label(draw: ImageDraw.ImageDraw, corner: tuple[float, float], sample: LineSample, room: float) -> None:
    """The label that the network gets; after it, in red, the characters of the file's label that it lacks."""
    steps = Levenshtein.opcodes(sample.written, sample.label)
    gone = "".join(sample.written[s.src_start : s.src_end] for s in steps if s.tag in ("delete", "replace"))
    dropped = f"dropped: {gone}" if gone else ""
    dropped_width = load_label_font(NAME).getlength(dropped) + PADDING if gone else 0
    end = draw_text(draw, corner, sample.label, INK, LABEL, room - dropped_width)
    draw.text((end + PADDING, corner[1] + LABEL), dropped, DROPPED, load_label_font(NAME), anchor="ls")
