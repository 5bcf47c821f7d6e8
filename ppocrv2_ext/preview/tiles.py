"""A training sample as a picture: the pixels that the network gets, and what is known of them drawn on or beside.

Pixels are shown as they are, or as blocks of equal pixels, wherever that fits; else reduced.
"""

import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw
from rapidfuzz.distance import Levenshtein

from .fonts import label_font
from .style import INK, QUIET, RULE, WRONG

PANEL = 480  # side of the two panels of a scene, pixels
LINE_WIDTH, SOURCE_WIDTH, ZOOM = 640, 200, 3  # most pixels for the line as fed and in the file; most times enlarged
GAP, PADDING = 8, 28  # inside a tile, and between tiles
NAME, LABEL = 17, 24  # font sizes
TEXT, IGNORED, PASTED = "#00e5ff", "#ffc400", "#ff3df2"
CORE, BORDER, UNSEEN = "#35d07f", "#ff9a3c", "#b8b8b8"
USED, DROPPED = "#1e88e5", WRONG
DASH = 5  # pixels of a dash and of a gap

SCENE_LEGEND = (
    (TEXT, "cyan: text"),
    (IGNORED, "amber, dashed: ignored"),
    (PASTED, "magenta: pasted from another picture"),
    (CORE, "green: core of text (shrink map)"),
    (BORDER, "orange: its border (threshold map)"),
    (UNSEEN, "hatched: masked, the loss looks away"),
)
LINE_LEGEND = (
    (USED, "blue: used width"),
    (RULE, "grey: padding"),
    (DROPPED, "red: in the file's label, dropped from what the network gets"),
)


def scene_tile(sample):
    """A scene with its outlines, beside it what the loss compares with, below it the name and the counts."""
    picture, factor = _panel(sample.image)
    outlined = picture.copy()
    for chosen, colour, dashed in _outlines(sample):
        for polygon in (sample.polygons[index] for index in np.flatnonzero(chosen)):
            _outline(outlined, (polygon + 0.5) * factor - 0.5, colour, dashed)
    tile = Image.new("RGB", (2 * PANEL + GAP, PANEL + 2 * GAP + NAME), "white")
    tile.paste(Image.fromarray(outlined), (0, 0))
    tile.paste(Image.fromarray(_targets(picture, sample)), (PANEL + GAP, 0))
    draw, top = ImageDraw.Draw(tile), PANEL + GAP
    fitted(draw, (0, top), sample.name, INK, NAME, PANEL)
    fitted(draw, (PANEL + GAP, top), _counts(sample), QUIET, NAME, PANEL)
    return tile


def line_tile(sample):
    """A line as it is in the file and as it is fed, below it the label and where the padding begins."""
    h, w = sample.image.shape[:2]
    zoom = max(1, min(ZOOM, LINE_WIDTH // w))
    height, left = h * zoom, SOURCE_WIDTH + PADDING // 2
    tile = Image.new("RGB", (left + w * zoom, height + 5 * GAP + LABEL + NAME), "white")
    draw = ImageDraw.Draw(tile)
    source = Image.fromarray(sample.source)
    factor = min(SOURCE_WIDTH / source.width, height / source.height)
    size = tuple(max(1, round(side * factor)) for side in source.size)
    tile.paste(source.resize(size, Image.Resampling.BICUBIC), (0, (height - size[1]) // 2))
    tile.paste(Image.fromarray(_blocks(sample.image, zoom)), (left, 0))
    for colour, columns in ((RULE, w), (USED, sample.width)):
        draw.rectangle((left, height + GAP // 2, left + columns * zoom - 1, height + GAP), colour)
    top = height + 2 * GAP
    fitted(draw, (0, top + LABEL - NAME), sample.name, QUIET, NAME, SOURCE_WIDTH)
    _label(draw, (left, top), sample, tile.width - left)
    fitted(draw, (left, top + LABEL + GAP), f"{sample.width} of {w} columns used", QUIET, NAME, tile.width - left)
    return tile


def fitted(draw, corner, text, colour, size, room):
    """Text on the baseline of ``size``, smaller if it would not fit into ``room``; returns where it ends."""
    font = label_font(size)
    needed = font.getlength(text)
    if needed > room:
        font = label_font(max(6, int(size * room / needed)))
    draw.text((corner[0], corner[1] + size * 0.9), text, colour, font, anchor="ls")
    return corner[0] + font.getlength(text)


def _panel(image):
    """(image of at most PANEL x PANEL, factor): as it is, in blocks of equal pixels, or reduced."""
    factor = PANEL / max(image.shape[:2])
    if factor >= 1:
        return _blocks(image, int(factor)), int(factor)
    size = [max(1, round(side * factor)) for side in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor


def _blocks(image, zoom):
    return np.ascontiguousarray(image.repeat(zoom, axis=0).repeat(zoom, axis=1))


def _outlines(sample):
    """(which objects, colour, dashed), what matters most drawn last."""
    return (
        (sample.ignored, IGNORED, True),
        (~sample.ignored & ~sample.pasted, TEXT, False),
        (sample.pasted & ~sample.ignored, PASTED, False),
        (sample.pasted & sample.ignored, PASTED, True),
    )


def _outline(image, points, colour, dashed):
    """Draw a closed line, dark around it so that it shows on anything."""
    fine = np.rint(np.asarray(points, np.float64) * 16).astype(np.int32)  # 4 bits of a pixel
    parts = _dashes(fine, 16 * DASH) if dashed else [fine]
    for shade, thickness in (((16, 16, 16), 4), (ImageColor.getrgb(colour), 2)):
        cv2.polylines(image, parts, not dashed, shade, thickness, cv2.LINE_AA, 4)


def _dashes(points, length):
    """Every other piece of ``length`` along each side; a piece ends at a corner."""
    pieces = []
    for start, end in zip(points, np.roll(points, -1, axis=0)):
        side = max(float(np.hypot(*(end - start))), 1.0)
        for along in np.arange(0, side, 2 * length):
            ends = np.array([along, min(along + length, side)])[:, None] / side
            pieces.append(np.rint(start + ends * (end - start)).astype(np.int32))
    return pieces


def _targets(picture, sample):
    """The picture, grey and dark, under the maps the loss compares with, those that the config has made."""
    size = picture.shape[1::-1]
    canvas = np.repeat(0.45 * picture.mean(axis=2, keepdims=True), 3, axis=2)
    layers = []
    if sample.threshold_map is not None:
        low, high = sample.threshold_map.min(), sample.threshold_map.max()
        border = (sample.threshold_map - low) / max(high - low, 1e-6)
        layers.append((ImageColor.getrgb(BORDER), border * sample.threshold_mask))
    if sample.shrink_map is not None:
        y, x = np.indices(picture.shape[:2])[..., None]
        hatching = np.where((x + y) % 8 < 4, ImageColor.getrgb(UNSEEN), (24, 24, 24))
        layers += [(ImageColor.getrgb(CORE), sample.shrink_map), (hatching, 1 - sample.shrink_mask)]
    for colour, weight in layers:
        weight = 0.9 * _resized(weight, size)[..., None]
        canvas = (1 - weight) * canvas + weight * np.asarray(colour)
    return np.rint(canvas).astype(np.uint8)


def _resized(values, size):
    enlarged = size[0] >= values.shape[1]
    return cv2.resize(np.float32(values), size, interpolation=cv2.INTER_NEAREST if enlarged else cv2.INTER_AREA)


def _counts(sample):
    ignored, small, pasted = (int(flags.sum()) for flags in (sample.ignored, sample.small, sample.pasted))
    boxes = len(sample.polygons)
    return (
        f"{boxes} {'box' if boxes == 1 else 'boxes'}, {ignored} ignored"
        + (f" ({small} too small)" if small else "")
        + f", {pasted} pasted"
    )


def _label(draw, corner, sample, room):
    """The label that is fed; after it, in red, the characters of the file's label that are not in it."""
    steps = Levenshtein.opcodes(sample.written, sample.label)
    gone = "".join(sample.written[s.src_start : s.src_end] for s in steps if s.tag in ("delete", "replace"))
    dropped = f"dropped: {gone}" if gone else ""
    taken = label_font(NAME).getlength(dropped) + PADDING if gone else 0
    end = fitted(draw, corner, sample.label, INK, LABEL, room - taken)
    draw.text((end + PADDING, corner[1] + LABEL), dropped, DROPPED, label_font(NAME), anchor="ls")
