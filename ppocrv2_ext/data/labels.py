"""Label files of PaddleOCR's SimpleDataSet, with ``image<TAB>label`` on each line, and what is wrong with a label.

What is wrong is given by names of :data:`~.reasons.REASONS`. Sizes are (width, height) and points (x, y), in pixels.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from shapely import Geometry, Polygon, box, set_precision

from ..errors import UserError
from ..files import PathLike

LONGEST_SHAPE = 50  # a scene may be this many times as long as wide
IGNORED_TEXTS = ("*", "###")  # PaddleOCR's DetLabelEncode ignores a box with one of these texts
LARGEST_COORDINATE = 1e6  # pixels
GRID = 0.1  # pixels; corners of a mended outline are rounded to this
TOLERANCE = 5  # pixels that a polygon may reach out of its picture: annotators click a little beside it


class Entry(NamedTuple):
    """A line of a label file."""

    file: Path
    number: int  # of the line; the first is 1
    text: str  # the line without its end; "" if it is blank or not UTF-8
    name: str | None  # what is before the first tab; None if the line holds no sample
    images: tuple[str, ...]  # the image names in ``name``; if there are several, PaddleOCR picks one at random
    label: str  # what is between the first tab and a second one
    reasons: tuple[str, ...]  # what is wrong with the line

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
    text_length: int = 0  # characters, if it is a text
    unknown_characters: tuple[str, ...] = ()  # those of them that the dictionary lacks


def list_label_files(dataset: Mapping[str, Any]) -> list[Path]:
    """The label files of a config's ``dataset``, in order. A config may name a single one without a list."""
    files = dataset["label_file_list"]
    return [Path(file) for file in ([files] if isinstance(files, str) else files)]


def read_entries(file: PathLike, delimiter: str = "\t") -> list[Entry]:
    """Every line of a label file, also the blank and the broken ones.

    Raises:
        UserError: the file cannot be read.
    """
    file = Path(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the label file {file}: {error.strerror or error}.") from None
    text = content[len(codecs.BOM_UTF8) :] if content.startswith(codecs.BOM_UTF8) else content
    mark = ["byte-order-mark"] if text is not content else []
    lines = text.split(b"\n")
    if lines[-1] == b"":  # what follows the last newline is not a line
        lines.pop()
    return [_entry(file, n, line, delimiter, mark if n == 1 else []) for n, line in enumerate(lines, 1)]


def _entry(file: Path, number: int, line: bytes, delimiter: str, mark: Sequence[str]) -> Entry:
    reasons = [*mark, *(["windows-line-end"] if line.endswith(b"\r") else [])]

    def without_sample(text, reason):
        return Entry(file, number, text, None, (), "", (*reasons, reason))

    try:
        text = line.rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        return without_sample("", "not-utf8")
    if not text.strip():
        return without_sample("", "blank-line")
    name, tab, rest = text.partition(delimiter)
    if not tab:
        return without_sample(text, "no-tab")
    label, more, _ = rest.partition(delimiter)
    return Entry(file, number, text, name, _images(name), label, (*reasons, *(["more-columns"] if more else [])))


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


def check_detection_label(label: str, size: tuple[int, int] | None = None) -> LabelCheck:
    """Check the boxes of a scene.

    Args:
        label: JSON, [{"transcription": text, "points": [[x, y], ...]}, ...].
        size: of the picture; None if it is not known. Then no box counts as outside.
    Returns:
        A check. In its label, a broken box whose outline can be used is an ignored box. Other broken boxes are left
        out.
    """
    try:
        objects = json.loads(label)
    except (ValueError, RecursionError):
        return LabelCheck(("not-json",), label)
    if not isinstance(objects, list) or not all(_is_object(each) for each in objects):
        return LabelCheck(("not-objects",), label)
    checks = [(each, *check_polygon(each["points"], size)) for each in objects]
    reasons = [reason for _, reason, _ in checks if reason]
    usable = [_mend(each, reason, outline) for each, reason, outline in checks if outline is not None]
    ignored = sum(each["transcription"] in IGNORED_TEXTS for each in usable)
    if reasons:
        # Half of a surrogate pair can be written as JSON, but not as UTF-8: it stays an escape.
        label = json.dumps(usable, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    if ignored == len(usable):
        reasons.append("all-ignored" if usable else "no-text")
    if size is not None and max(size) > LONGEST_SHAPE * min(size):
        reasons.append("strip-image")
    return LabelCheck(tuple(reasons), label, boxes=len(usable), ignored_boxes=ignored)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "points" in value and "transcription" in value


def _mend(each: dict, reason: str | None, outline: list) -> dict:
    """The box itself if nothing is wrong with it, else an ignored box with a sound outline."""
    return {**each, "transcription": IGNORED_TEXTS[1], "points": outline} if reason else each


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
    return None, points


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
    label: str, alphabet: Collection[str], longest: int | None = None, frames: int | None = None
) -> LabelCheck:
    """Check the text of a line.

    Args:
        label: the text.
        alphabet: the dictionary's characters, a set.
        longest: the most characters a text may have (``Global.max_text_length``); None for any number.
        frames: how many frames the network has for the width of its input; None if it is not known.
    """
    known = [character for character in label if character in alphabet]
    unknown = tuple(character for character in label if character not in alphabet)
    rules = {
        "empty-label": not label,
        "long-label": longest is not None and len(label) > longest,
        "unknown-character": bool(unknown),
        "no-known-character": bool(label) and not known,
        "few-frames": frames is not None and count_frames(known) > frames,
    }
    reasons = tuple(reason for reason, is_broken in rules.items() if is_broken)
    return LabelCheck(reasons, label, text_length=len(label), unknown_characters=unknown)


def count_frames(text: Sequence[str]) -> int:
    """The fewest frames in which CTC can write ``text``.

    Each character needs a frame, and a blank between equal neighbours needs one.
    """
    return len(text) + sum(a == b for a, b in zip(text, text[1:]))


def check_class_label(label: str, label_list: Iterable[Any]) -> LabelCheck:
    """Check a class. PaddleOCR compares it as text with the entries of ``label_list``."""
    return LabelCheck(() if label in label_list else ("unknown-class",), label)
