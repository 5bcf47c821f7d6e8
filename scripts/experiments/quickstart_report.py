"""What fine-tuning did to a recognizer: a table of before and after, and a picture of lines with what was read.

A line is right if it equals its label. Spaces do not count, as in PaddleOCR's RecMetric.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Optional

from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein
from rich import box
from rich.table import Table

from ppocrv2_ext.deploy.pictures import ImageSource, open_image
from ppocrv2_ext.errors import pluralize
from ppocrv2_ext.files import PathLike
from ppocrv2_ext.preview.colours import INK, QUIET, RULE, WRONG
from ppocrv2_ext.preview.fonts import load_font

from .markdown import markdown_table

RIGHT = "#2e7d32"  # colour of a line that was read right
WIDTH, PICTURE_HEIGHT, PADDING, FONT_SIZE = 560, 64, 16, 20  # of one cell, pixels
Pair = tuple[str, Optional[str]]  # (label, text); a text of None is an image that could not be read
PictureRow = tuple[ImageSource, str, Optional[str], Optional[str]]  # image, label, before, after
LEGEND = "red: wrong    ▲: a character is missing    spaces do not count"
MISSING = 8  # pixels of the wedge where a character is missing
HEADER = ("lines", "count", "right before", "right after", "errors before", "errors after")
EXPLANATION = (
    "right: lines that equal their label; spaces do not count",
    "errors: wrong, missing and extra characters, per 100 in the labels",
    "in brackets: the change in percentage points",
)


class Score(NamedTuple):
    """Counts over lines. They show how little a single line is worth."""

    lines: int
    right: int
    characters: int  # of the labels
    errors: int  # characters to insert, delete or replace in what was read to get the labels

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Score:
        """Count over pairs. An image that could not be read is a line without characters."""
        pairs = [(_drop_spaces(label), _drop_spaces(text or "")) for label, text in pairs]
        return cls(
            lines=len(pairs),
            right=sum(label == text for label, text in pairs),
            characters=sum(len(label) for label, _ in pairs),
            errors=sum(Levenshtein.distance(text, label) for label, text in pairs),
        )


class Changes(NamedTuple):
    """Positions of lines, by what became of them. A line is read differently if it is in one of the first three."""

    mended: list[int]
    broken: list[int]
    still_wrong: list[int]  # read differently, and wrong before and after
    same: list[int]

    @property
    def different(self) -> int:
        """How many lines are read differently."""
        return len(self.mended) + len(self.broken) + len(self.still_wrong)


def find_changes(labels: Iterable[str], before: Iterable[str | None], after: Iterable[str | None]) -> Changes:
    """Tell what became of each line. Spaces do not count."""
    changes = Changes([], [], [], [])
    for position, texts in enumerate(zip(labels, before, after)):
        label, old, new = (_drop_spaces(text or "") for text in texts)
        if old == new:
            changes.same.append(position)
        elif new == label:
            changes.mended.append(position)
        elif old == label:
            changes.broken.append(position)
        else:
            changes.still_wrong.append(position)
    return changes


def choose_lines(changes: Changes, room: int) -> list[int]:
    """Choose lines that show what changed, in the order in which to show them.

    Mended lines come first, then broken ones. If they do not fit, both are shown in the proportion of their counts,
    and at least one of each. Lines that are still wrong fill what is left. If no line changed, those that are the same
    are shown.

    Args:
        room: most lines to choose, at least 2.
    Returns:
        Their positions.
    """
    mended, broken = len(changes.mended), len(changes.broken)
    if mended + broken > room:
        share = round(room * broken / (mended + broken))
        broken = min(max(share, min(broken, 1)), room - min(mended, 1))
        mended = room - broken
    chosen = [*changes.mended[:mended], *changes.broken[:broken], *changes.still_wrong][:room]
    return chosen or changes.same[:room]


def describe(changes: Changes, shown: int) -> tuple[str, str]:
    """A title and a note for a sheet with ``shown`` lines of :func:`choose_lines`."""
    title = f"Fine-tuning {_count_changes(changes)}"
    if not changes.different:
        return title, f"No line is read differently. Here are {shown} of {len(changes.same)} lines."
    order = "first those mended, then those broken, then those still wrong"
    different = pluralize(changes.different, "line")
    return title, f"{shown} of {different} that {_are(changes.different)} read differently: {order}"


def make_table(before: Iterable[Pair], after: Iterable[Pair]) -> tuple[Table, str]:
    """Compare before and after, over all lines and over each kind of line.

    Args:
        before, after: the same labels in the same order.
    Returns:
        (a table for the terminal, the same table as Markdown)
    """
    before, after = list(before), list(after)
    if not before or [label for label, _ in before] != [label for label, _ in after]:
        raise ValueError(f"`before` and `after` must have the same labels, got {len(before)} and {len(after)} lines.")
    kinds = [_find_kind(label) for label, _ in before]
    rows = []
    for kind in ("all", *dict.fromkeys(sorted(kinds))):
        indices = [index for index, own in enumerate(kinds) if kind in ("all", own)]
        old, new = (Score.of([pairs[index] for index in indices]) for pairs in (before, after))
        right = _format_change(old.right, new.right, old.lines)
        errors = _format_change(old.errors, new.errors, old.characters)
        rows.append((kind, f"{old.lines}", *right, *errors))
    labels, old_texts = zip(*before)
    summary = f"Fine-tuning {_count_changes(find_changes(labels, old_texts, [text for _, text in after]))}."
    grid = Table(
        title="Before and after fine-tuning",
        caption="\n".join((summary, *EXPLANATION)),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for title in HEADER:
        grid.add_column(title, justify="left" if title == HEADER[0] else "right", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    notes = [f"- {line}" for line in EXPLANATION]
    return grid, "\n".join([*markdown_table(HEADER, rows), "", *notes, "", summary, ""])


def draw_sheet(rows: Iterable[PictureRow], output: PathLike, title: str, note: str = "", columns: int = 2) -> None:
    """Draw a sheet of lines: each image, its label, and what was read before and after, with the errors marked.

    Args:
        rows: an image is a path or an (H, W, 3) uint8 BGR array. A text of None is an image that could not be read.
        output: path of the PNG.
        title: a line of text above the cells.
        note: a smaller line below the title.
        columns: cells side by side.
    """
    rows = list(rows)
    if not rows or columns < 1:
        raise ValueError(f"`rows` must not be empty and `columns` at least 1, got {len(rows)} rows, columns={columns}.")
    font, small = load_font(FONT_SIZE), load_font(FONT_SIZE * 2 // 3)
    line = FONT_SIZE * 3 // 2
    cell = PADDING + PICTURE_HEIGHT + PADDING // 2 + 3 * line + PADDING
    columns = min(columns, len(rows))
    head, height = 3 * line, -(-len(rows) // columns) * cell
    sheet = Image.new("RGB", (columns * WIDTH, head + height + 2 * line), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((PADDING, line), title, INK, font, anchor="lm")
    draw.text((PADDING, 2 * line), note, QUIET, small, anchor="lm")
    for index, (image, label, before, after) in enumerate(rows):
        left, top = index % columns * WIDTH + PADDING, head + index // columns * cell + PADDING
        draw.line((left, top + cell - PADDING, left + WIDTH - 2 * PADDING - 1, top + cell - PADDING), RULE)
        _paste_line(sheet, image, left, top)
        y = top + PICTURE_HEIGHT + PADDING // 2
        for name, text in (("label", label), ("before", before), ("after", after)):
            draw.text((left, y + line / 2), name, QUIET, small, anchor="lm")
            _draw_text(draw, left + 64, y + line / 2, text, None if name == "label" else label, font)
            y += line
    draw.text((PADDING, head + height + line), LEGEND, QUIET, small, anchor="lm")
    sheet.save(output)


def mark_errors(text: str, label: str) -> list[tuple[str, bool]]:
    """Compare a text with its label, character by character.

    Returns:
        (character, whether it is right) for each character of ``text``. A space is right. ("", False) stands where a
        character is missing.
    """
    marks = []
    for step in Levenshtein.opcodes(_drop_spaces(text), _drop_spaces(label)):
        if step.tag == "insert":
            marks += [("", False)] * (step.dest_end - step.dest_start)
        marks += [(c, step.tag == "equal") for c in _drop_spaces(text)[step.src_start : step.src_end]]
    read = [position for position, (character, _) in enumerate(marks) if character]
    for space in reversed([position for position, character in enumerate(text) if character == " "]):
        after = len(_drop_spaces(text[:space]))
        marks.insert(read[after] if after < len(read) else len(marks), (" ", True))
    return marks


def _find_kind(label: str) -> str:
    """Chinese, Latin or figures, by its characters."""
    if any("\u3400" <= character <= "\u9fff" for character in label):
        return "Chinese"
    return "figures" if any(character.isdigit() for character in label) else "Latin"


def _drop_spaces(text: str) -> str:
    return text.replace(" ", "")


def _format_change(old: int, new: int, total: int) -> tuple[str, str]:
    before, after = (round(100 * count / max(total, 1), 1) for count in (old, new))
    return f"{before:.1f} %", f"{after:.1f} % ({after - before:+.1f})"  # the change of what is shown


def _count_changes(changes: Changes) -> str:
    return f"mended {pluralize(len(changes.mended), 'line')} and broke {len(changes.broken)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _paste_line(sheet: Image.Image, image: ImageSource, left: int, top: int) -> None:
    """Paste a line, as large as fits. An image that cannot be read becomes a grey box."""
    room = WIDTH - 2 * PADDING
    try:
        pixels = open_image(image)
    except (OSError, ValueError):
        sheet.paste(RULE, (left, top, left + room, top + PICTURE_HEIGHT))
        return
    line = Image.fromarray(pixels[:, :, ::-1])
    factor = min(PICTURE_HEIGHT / line.height, room / line.width)
    size = max(1, round(line.width * factor)), max(1, round(line.height * factor))
    sheet.paste(line.resize(size, Image.Resampling.BICUBIC), (left, top + (PICTURE_HEIGHT - size[1]) // 2))


def _draw_text(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    text: str | None,
    label: str | None,
    font: ImageFont.FreeTypeFont,
) -> None:
    """Write ``text`` to the right of (x, y). With a label, errors are red and a mark for right or wrong follows."""
    if not text:
        draw.text((x, y), "not an image" if text is None else "nothing", WRONG, font, anchor="lm")
        return
    marks = [(character, True) for character in text] if label is None else mark_errors(text, label)
    room = WIDTH - 2 * PADDING - 64 - FONT_SIZE * 2
    needed = sum(font.getlength(character) or MISSING for character, _ in marks)
    font = font.font_variant(size=max(1, int(font.size * min(1, room / needed))))
    below = y + font.size * 0.6
    for character, is_right in marks:
        width = font.getlength(character) if character else MISSING
        draw.text((x, y), character, INK if is_right else WRONG, font, anchor="lm")
        if not is_right and character:
            draw.line((x + 1, below, x + width - 2, below), WRONG, 2)
        elif not is_right:
            draw.polygon((x, below + 1, x + width, below + 1, x + width / 2, below - 6), WRONG)
        x += width
    if label is not None:
        is_right = all(verdict for _, verdict in marks)
        draw.text((x + 10, y), "✓" if is_right else "×", RIGHT if is_right else WRONG, font, anchor="lm")
