"""A sheet of training samples as the network gets them, and a table of what each transform costs."""

from statistics import mean, median

from PIL import Image, ImageDraw
from rich.table import Table

from ..errors import UserError
from .fonts import label_font, load_font
from .samples import Cost, LineSample, SceneSample
from .style import INK, QUIET
from .tiles import GAP, LABEL, LINE_LEGEND, NAME, PADDING, SCENE_LEGEND, fitted, line_tile, scene_tile

WIDTH = 2100  # most pixels of a sheet, unless one tile is wider
TITLE = 28  # font size


def sheet(samples, title, note=""):
    """The samples as tiles on one picture, with a legend.

    Args:
        samples: list of SceneSample, or of LineSample, not empty.
        title, note: a line of text above the tiles, and a smaller one.
    Returns:
        PIL image, RGB.
    """
    if not samples:
        raise ValueError("`samples` must not be empty.")
    tiles = [scene_tile(each) if isinstance(each, SceneSample) else line_tile(each) for each in samples]
    width, height = (max(getattr(tile, side) for tile in tiles) + PADDING for side in ("width", "height"))
    columns = min(len(tiles), max(1, (WIDTH - PADDING) // width))
    room = columns * width - PADDING
    colours = _legend(legend(samples), room)
    head, foot = 2 * PADDING + TITLE + GAP + NAME, colours.height + PADDING
    body = -(-len(tiles) // columns) * height
    page = Image.new("RGB", (room + 2 * PADDING, head + body + foot), "white")
    draw = ImageDraw.Draw(page)
    fitted(draw, (PADDING, PADDING), title, INK, TITLE, room)
    fitted(draw, (PADDING, PADDING + TITLE + GAP), note, QUIET, NAME, room)
    for index, tile in enumerate(tiles):
        page.paste(tile, (PADDING + index % columns * width, head + index // columns * height))
    page.paste(colours, (PADDING, head + body))
    return page


def legend(samples):
    """((colour, meaning), ...) of the sheet of these samples."""
    return SCENE_LEGEND if isinstance(samples[0], SceneSample) else LINE_LEGEND


def missing_font(samples):
    """A sentence if labels are on the sheet that it lacks a font for, else None."""
    if all(label.isascii() for each in samples if isinstance(each, LineSample) for label in (each.label, each.written)):
        return None
    try:
        load_font("sans", LABEL)
    except UserError as error:
        return str(error)


def costs_table(costs, workers, batch_size):
    """What each transform costs, and what that makes of the loader.

    Args:
        costs: list of Cost over the same samples.
        workers: processes that load data; 0 is the training process itself.
        batch_size: samples of a batch.
    Returns:
        (rich Table, sentence).
    """
    all_of_it = Cost("all", [sum(each) for each in zip(*(cost.milliseconds for cost in costs))], 0)
    total = mean(all_of_it.milliseconds)
    count = len(all_of_it.milliseconds)
    grid = Table(title=f"Cost of a sample, over {count} of them", caption="on this machine, as busy as it is")
    grid.add_column("transform")
    for name in ("median ms", "mean ms", "share", "refused"):
        grid.add_column(name, justify="right")
    for cost in (*costs, all_of_it):
        own, usual = mean(cost.milliseconds), median(cost.milliseconds)
        grid.add_row(cost.transform, f"{usual:.1f}", f"{own:.1f}", f"{own / total:.0%}", f"{cost.refused or ''}")
    processes = max(workers, 1)
    rate = 1000 * processes / total
    makers = f"{processes} loading process{'es make' if processes > 1 else ' makes'}"
    return grid, (
        f"{makers} at most {rate:.0f} samples a second: "
        f"a training step of {batch_size} that takes less than {batch_size / rate:.2g} s waits for its data."
    )


def _legend(entries, room):
    """The entries side by side, on as many lines as they take."""
    font, places, x, y = label_font(NAME), [], 0, 0
    for colour, meaning in entries:
        width = NAME + GAP + font.getlength(meaning)
        if x and x + width > room:
            x, y = 0, y + NAME + GAP
        places.append((x, y, colour, meaning))
        x += width + PADDING
    image = Image.new("RGB", (room, y + NAME + GAP), "white")
    draw = ImageDraw.Draw(image)
    for x, y, colour, meaning in places:
        draw.rectangle((x, y, x + NAME, y + NAME), colour, INK)
        draw.text((x + NAME + GAP, y + NAME * 0.9), meaning, INK, font, anchor="ls")
    return image
