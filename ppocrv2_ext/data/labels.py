"""Label files of PaddleOCR's SimpleDataSet, with ``image<TAB>label`` on each line, and what is wrong with a label.

What is wrong is given by names of :data:`~.reasons.REASONS`. Sizes are (width, height) and points (x, y), in pixels.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from shapely import Geometry, Polygon, box, set_precision

from ..errors import UserError, shorten, summarise
from ..files import PathLike, read_regular
from .encoding import find_wide_encoding

LONGEST_SHAPE = 50  # a scene may be this many times as long as wide
IGNORED_TEXTS = ("*", "###")  # PaddleOCR's DetLabelEncode ignores a box with one of these texts
LARGEST_COORDINATE = 1e6  # pixels
MOST_POINTS = 1000  # of an outline that is compared with others, which takes the square of it
LEAST_WIDTH = 1  # pixels across: of a thinner polygon, PaddleOCR's MakeBorderMap keeps nothing and fails
GRID = 0.1  # pixels; corners of a mended outline are rounded to this
TOLERANCE = 5  # pixels that a polygon may reach out of its picture: annotators click a little beside it
Form = Literal["NFC", "NFKC"]
SIZE_COLUMNS = re.compile(r"[0-9]+(\.[0-9]+)?")


class Entry(NamedTuple):
    """A line of a label file."""

    file: Path
    number: int  # of the line; the first is 1
    text: str  # the line without its end; "" if it is blank or not UTF-8
    name: str | None  # what is before the first tab; None if the line holds no sample
    images: tuple[str, ...]  # the image names in ``name``; if there are several, PaddleOCR picks one at random
    label: str  # what is between the first tab and a second one
    reasons: tuple[str, ...]  # what is wrong with the line
    columns: tuple[str, ...] = ()  # after the label, those that the data set reads: a width and a height

    @property
    def place(self) -> str:
        """``file:number``."""
        return f"{self.file}:{self.number}"


class LabelCheck(NamedTuple):
    """What is wrong with a label, what to use in its place, and what it holds."""

    reasons: tuple[str, ...]  # one for each broken box of a scene
    label: str = ""  # the label without what is broken
    boxes: int = 0  # in ``label``, if it is a scene's
    ignored_boxes: int = 0  # those of them whose text is ignored
    extent: float = 0  # the largest coordinate of the label, as it was written
    text_length: int = 0  # characters, if it is a text
    unknown_characters: tuple[str, ...] = ()  # those of them that the dictionary lacks
    frames: int = 0  # the fewest in which CTC can write the text


def read_entries(file: PathLike, delimiter: str = "\t", with_sizes: bool = False) -> list[Entry]:
    """Every line of a label file, also the blank and the broken ones. A file in UTF-16 or UTF-32 is converted.

    Args:
        with_sizes: whether each line must go on with the width and the height of its image.
    Raises:
        UserError: the file cannot be read.
    """
    file = Path(file)
    try:
        content = read_regular(file)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the label file {file}: {getattr(error, 'strerror', None) or error}.") from None
    text, mark = _as_utf8(content)
    lines = text.split(b"\n")
    if lines[-1] == b"":  # what follows the last newline is not a line
        lines.pop()
    return [_entry(file, n, line, delimiter, with_sizes, mark if n == 1 else ()) for n, line in enumerate(lines, 1)]


def _as_utf8(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """(the content of a label file in UTF-8 without a byte-order mark, what is wrong with the file)."""
    if content.startswith(codecs.BOM_UTF8):
        return content[len(codecs.BOM_UTF8) :], ("byte-order-mark",)
    encoding = find_wide_encoding(content)
    if encoding is None:
        return content, ()
    return content.decode(encoding, "replace").lstrip("\ufeff").encode("utf-8", "replace"), ("utf-16-file",)


def _entry(file: Path, number: int, line: bytes, delimiter: str, with_sizes: bool, reasons: tuple[str, ...]) -> Entry:
    if line.endswith(b"\r"):
        line, reasons = line.rstrip(b"\r"), (*reasons, "windows-line-end")

    def without_sample(text: str, reason: str) -> Entry:
        return Entry(file, number, text, None, (), "", (*reasons, reason))

    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return without_sample("", "not-utf8")
    if not text.strip():
        return without_sample("", "blank-line")
    name, tab, rest = text.partition(delimiter)
    if not tab:
        return without_sample(text, "no-tab")
    label, more, rest = rest.partition(delimiter)
    if not with_sizes:
        return Entry(file, number, text, name, _images(name), label, (*reasons, "more-columns") if more else reasons)
    columns = tuple(rest.split(delimiter))
    if len(columns) != 2 or not all(SIZE_COLUMNS.fullmatch(column) and float(column) for column in columns):
        return without_sample(text, "no-size")
    return Entry(file, number, text, name, _images(name), label, reasons, columns)


def _images(name: str) -> tuple[str, ...]:
    """The image names in `a.jpg` or `["a.jpg", "b.jpg"]`."""
    if name.startswith("["):
        try:
            names = json.loads(name)
        except (ValueError, RecursionError):
            return (name,)
        if names and all(isinstance(each, str) for each in names):
            return tuple(names)
    return (name,)


def check_detection_label(
    label: str, size: tuple[int, int] | None = None, ignore_difficult: bool = False
) -> LabelCheck:
    """Check the boxes of a scene.

    Args:
        label: JSON, [{"transcription": text, "points": [[x, y], ...]}, ...].
        size: of the picture; None if it is not known. Then no box counts as outside.
        ignore_difficult: whether a box with ``"difficult": true`` becomes an ignored box.
    Returns:
        In the label of the check, a broken box is an ignored box with a sound outline. It is left out where nothing of
        it can be seen.
    """
    try:
        objects = json.loads(label)
    except (ValueError, RecursionError):
        return LabelCheck(("not-json",), label)
    if not isinstance(objects, list) or not all(_is_object(each) for each in objects):
        return LabelCheck(("not-objects",), label)
    extent = max((_extent(each["points"]) for each in objects), default=0.0)
    if 0 < extent <= 1 and any(isinstance(x, float) for each in objects for point in each["points"] for x in point):
        return LabelCheck(("fraction-boxes",), label, extent=extent)
    checks = [_check_box(each, size, ignore_difficult) for each in objects]
    reasons = [reason for reason, _ in checks if reason]
    usable = [box for _, box in checks if box is not None]
    ignored = sum(map(_is_ignored, usable))
    if usable != objects:
        # Half of a surrogate pair can be written as JSON, but not as UTF-8: it stays an escape.
        label = json.dumps(usable, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    if ignored == len(usable):
        reasons.append("all-ignored" if usable else "no-text")
    if size is not None and max(size) > LONGEST_SHAPE * min(size):
        reasons.append("strip-image")
    return LabelCheck(tuple(reasons), label, boxes=len(usable), ignored_boxes=ignored, extent=extent)


def read_boxes(label: str) -> list[tuple[list, str]]:
    """[(outline, text), ...] of a picture that is only evaluated: nothing is mended.

    Raises:
        ValueError: the label is no list of boxes, or an outline is none; the message, half a sentence, says which.
    """
    try:
        content = json.loads(label)
        if not isinstance(content, list):  # a dict without keys would be a picture without text
            raise ValueError(f"it is no list of boxes but {shorten(content)}")
        boxes = [(box["points"], str(box["transcription"])) for box in content]
    except json.JSONDecodeError:
        raise ValueError("it is no JSON") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no list of boxes: {summarise(error)}") from None
    for points, text in boxes:
        try:
            corners = np.array(points, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            corners = np.zeros(0)
        if corners.ndim != 2 or corners.shape[1] != 2 or not 3 <= len(corners) <= MOST_POINTS:
            raise ValueError(f"the outline of {text!r} is not 3 to {MOST_POINTS} points")
        if not (np.abs(corners) <= LARGEST_COORDINATE).all():  # also False for NaN
            raise ValueError(f"the outline of {text!r} is not finite")
    return boxes


def _is_ignored(value: dict) -> bool:
    return value["transcription"] in IGNORED_TEXTS


def _extent(points: Any) -> float:
    """The largest coordinate of one box; 0 if it has none, or what cannot be compared."""
    try:
        return float(max(abs(x) for point in points for x in point))
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _check_box(value: dict, size: tuple[int, int] | None, ignore_difficult: bool) -> tuple[str | None, dict | None]:
    """(reason, box to use): a sound box itself, an ignored box with a sound outline, or None to leave it out."""
    reason, outline = check_polygon(value["points"], size)
    if reason == "sliver" and _is_ignored(value):
        reason, outline = None, value["points"]  # no maps are made of ignored text, however thin
    if outline is None:
        return reason, None
    if reason:
        return reason, {**value, "transcription": IGNORED_TEXTS[1], "points": outline}
    if value.get("difficult") is True and not _is_ignored(value):
        return "difficult-box", {**value, "transcription": IGNORED_TEXTS[1]} if ignore_difficult else value
    return None, value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "points" in value and "transcription" in value


def check_polygon(points: Any, size: tuple[int, int] | None = None) -> tuple[str | None, Any]:
    """Check the outline of one box.

    Args:
        points: what the label has for it, which may be anything.
        size: of the picture, or None.
    Returns:
        (reason, outline). The reason is None if nothing is wrong, and the outline is then ``points`` itself. The
        outline of a broken box surrounds what can be seen of it, and crosses itself nowhere. It is None if nothing can
        be seen.
    """
    if _is_plain_quadrangle(points, size):
        return None, points
    try:
        corners = np.array(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return "few-points", None
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        return "few-points", None
    if not (np.abs(corners) <= LARGEST_COORDINATE).all():  # also False for NaN
        return "not-finite", None
    polygon = Polygon(corners)
    outline = _on_grid(polygon if polygon.is_valid else polygon.convex_hull)
    if outline.area < 1:
        return "zero-area", None
    visible = outline if size is None else _on_grid(outline.intersection(box(0, 0, *size)))
    if visible.area < 1:
        return "outside", None
    if not polygon.is_valid:
        return "crossing", _corners(visible)
    if size is not None and not box(0, 0, *size).buffer(TOLERANCE, join_style="mitre").covers(polygon):
        return "partly-outside", _corners(visible)
    if 2 * polygon.area < LEAST_WIDTH * polygon.length:
        return "sliver", _corners(visible)
    return None, points


def _is_plain_quadrangle(points: Any, size: tuple[int, int] | None) -> bool:
    """Whether an outline has four corners in the picture, is convex and a few pixels wide: nothing is wrong with it.

    Almost every box is such a one, and shapely would take 50 times as long to say so.
    """
    try:
        (a, b), (c, d), (e, f), (g, h) = points
        turns = (
            (c - a) * (f - d) - (d - b) * (e - c),
            (e - c) * (h - f) - (f - d) * (g - e),
            (g - e) * (b - h) - (h - f) * (a - g),
            (a - g) * (d - b) - (b - h) * (c - a),
        )
        width, height = size or (LARGEST_COORDINATE, LARGEST_COORDINATE)
        area = abs((e - a) * (h - b) - (f - b) * (g - a) + (c - a) * (f - b) - (d - b) * (e - a))  # twice the area
        perimeter = (
            abs(c - a) + abs(d - b) + abs(e - c) + abs(f - d) + abs(g - e) + abs(h - f) + abs(a - g) + abs(b - h)
        )
        return bool(
            (min(turns) > 0 or max(turns) < 0)
            and area > 2 * (1 + GRID * perimeter)
            and area > LEAST_WIDTH * perimeter
            and 0 <= min(a, c, e, g) <= max(a, c, e, g) <= width
            and 0 <= min(b, d, f, h) <= max(b, d, f, h) <= height
        )
    except (TypeError, ValueError, OverflowError):
        return False


def _on_grid(shape: Geometry) -> Geometry:
    """The shape with its corners on tenths of a pixel, as they are written to a label.

    Plain rounding could make edges cross. This does not.
    """
    with np.errstate(all="ignore"):  # shapely divides by zero if corners fall together
        return set_precision(shape, GRID)


def _corners(shape: Geometry) -> list[list[float]]:
    """The corners of a shape, or of its hull if it is in pieces."""
    whole = shape if shape.geom_type == "Polygon" else shape.convex_hull
    return [[round(x, 1), round(y, 1)] for x, y in list(whole.exterior.coords)[:-1]]


def check_recognition_label(
    label: str,
    alphabet: Collection[str],
    longest: int | None = None,
    frames: int | None = None,
    form: Form | None = None,
    most_known: int | None = None,
    lower: bool = False,
) -> LabelCheck:
    """Check the text of a line.

    Args:
        label: the text.
        alphabet: the dictionary's characters, a set.
        longest: the most characters a text may have (``Global.max_text_length``); None for any number.
        frames: how many frames the network makes of a line; None if it is not known.
        form: the Unicode form that the text is brought into, "NFC" or "NFKC"; None to leave it as it is.
        most_known: the most characters of the dictionary a text may have; None for any number.
        lower: whether the network reads small letters in place of capitals.
    """
    if is_detection_label(label):
        return LabelCheck(("detection-label",), label)
    written, label = label, unicodedata.normalize(form, label) if form else label
    known = [character for character in label if character in alphabet]
    unknown = tuple(character for character in label if character not in alphabet)
    needed = count_needed_frames([character.lower() for character in known] if lower else known)
    rules = {
        "decomposed": label != written or (bool(unknown) and _has_fewer(unknown, label, alphabet)),
        "empty-label": not label,
        "long-label": (longest is not None and len(label) > longest)
        or (most_known is not None and len(known) > most_known),
        "unknown-character": bool(unknown),
        "no-known-character": bool(label) and not known,
        "few-frames": frames is not None and needed > frames,
    }
    reasons = tuple(reason for reason, is_broken in rules.items() if is_broken)
    return LabelCheck(reasons, label, text_length=len(label), unknown_characters=unknown, frames=needed)


def is_detection_label(label: str) -> bool:
    """Whether a label is that of a scene: a list of boxes, as PPOCRLabel writes it to Label.txt."""
    return label.startswith("[") and '"points"' in label and '"transcription"' in label


def _has_fewer(unknown: Sequence[str], label: str, alphabet: Collection[str]) -> bool:
    """Whether the dictionary lacks less of the text's composed form."""
    composed = unicodedata.normalize("NFC", label)
    return composed != label and sum(character not in alphabet for character in composed) < len(unknown)


def count_needed_frames(text: Sequence[str]) -> int:
    """The fewest frames in which CTC can write ``text``.

    Each character needs a frame, and a blank between equal neighbours needs one.
    """
    return len(text) + sum(a == b for a, b in zip(text, text[1:]))


def check_class_label(label: str, label_list: Iterable[Any]) -> LabelCheck:
    """Check a class. PaddleOCR compares it as text with the entries of ``label_list``."""
    return LabelCheck(() if label in label_list else ("unknown-class",), label)
