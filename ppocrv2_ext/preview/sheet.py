"""A sheet of training samples as the network gets them, with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Union

from PIL import Image, ImageDraw

from ..errors import UserError
from .colours import INK, LINE_LEGEND, PASTED, QUIET, SCENE_LEGEND
from .fonts import load_font, load_label_font
from .tiles import GAP, LABEL, NAME, PADDING, draw_line_tile, draw_scene_tile, draw_text
from .training_samples import LineSample, SceneSample

Samples = Union[Sequence[SceneSample], Sequence[LineSample]]
Legend = Sequence[tuple[str, str]]  # of (colour, what it means)

WIDTH = 2100  # most pixels of a sheet, unless one tile is wider
TITLE = 28  # font size


def draw_sheet(samples: Samples, title: str, note: str = "") -> Image.Image:
    """Draw samples as tiles on one RGB picture, with a legend below.

    Args:
        samples: not empty, all of one kind.
        title: a line of text above the tiles.
        note: a smaller line below the title.
    """
    if not samples:
        raise ValueError("`samples` must not be empty.")
    tiles = [draw_scene_tile(each) if isinstance(each, SceneSample) else draw_line_tile(each) for each in samples]
    width, height = (max(getattr(tile, side) for tile in tiles) + PADDING for side in ("width", "height"))
    columns = min(len(tiles), max(1, (WIDTH - PADDING) // width))
    room = columns * width - PADDING
    legend = _draw_legend(choose_legend(samples), room)
    head, foot = 2 * PADDING + TITLE + GAP + NAME, legend.height + PADDING
    body = -(-len(tiles) // columns) * height
    page = Image.new("RGB", (room + 2 * PADDING, head + body + foot), "white")
    draw = ImageDraw.Draw(page)
    draw_text(draw, (PADDING, PADDING), title, INK, TITLE, room)
    draw_text(draw, (PADDING, PADDING + TITLE + GAP), note, QUIET, NAME, room)
    for index, tile in enumerate(tiles):
        page.paste(tile, (PADDING + index % columns * width, head + index // columns * height))
    page.paste(legend, (PADDING, head + body))
    return page


def choose_legend(samples: Samples) -> Legend:
    """The colours of the sheet of these samples, and what they mean."""
    if isinstance(samples[0], LineSample):
        return LINE_LEGEND
    has_pasted = any(sample.pasted.any() for sample in samples if isinstance(sample, SceneSample))
    return [entry for entry in SCENE_LEGEND if has_pasted or entry[0] != PASTED]


def find_missing_font(samples: Samples) -> str | None:
    """A sentence on how to install the font, if labels on the sheet need it and it is missing; else None."""
    if all(label.isascii() for each in samples if isinstance(each, LineSample) for label in (each.label, each.written)):
        return None
    try:
        load_font(LABEL)
    except UserError as error:
        return str(error)
    return None


def _draw_legend(entries: Legend, room: int) -> Image.Image:
    """The entries side by side, on as many lines as they take in a width of ``room`` pixels."""
    font, corners, x, y = load_label_font(NAME), [], 0.0, 0
    for _, meaning in entries:
        width = NAME + GAP + font.getlength(meaning)
        if x and x + width > room:
            x, y = 0, y + NAME + GAP
        corners.append((x, y))
        x += width + PADDING
    image = Image.new("RGB", (room, y + NAME + GAP), "white")
    draw = ImageDraw.Draw(image)
    for (x, y), (colour, meaning) in zip(corners, entries):
        draw.rectangle((x, y, x + NAME, y + NAME), colour, INK)
        draw.text((x + NAME + GAP, y + NAME * 0.9), meaning, INK, font, anchor="ls")
    return image
