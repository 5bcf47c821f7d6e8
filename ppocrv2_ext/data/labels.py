"""Label files of PaddleOCR's SimpleDataSet, one `image<TAB>label` a line, and what may be wrong with one label.

What is wrong is told by names from :mod:`.reasons`. Sizes are (width, height), points (x, y), both in pixels.
"""

import codecs
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from shapely import Polygon, box, set_precision

from ..errors import UserError

STRIP = 50  # times as long as wide
IGNORED_TEXTS = ("*", "###")  # as in PaddleOCR's DetLabelEncode
LARGEST = 1e6  # pixels
TENTH = 0.1  # of a pixel
TOLERANCE = 5  # pixels that a polygon may reach out of its picture: annotators click a little beside it


class Entry(NamedTuple):
    """A line of a label file.

    Args:
        file, number: where it is; the first line is 1.
        text: the line without its end, "" if it is not text or blank.
        name: what is before the first tab, None if there is no sample to read.
        images: image names in it, several where PaddleOCR picks one at random.
        label: what is between the first tab and a second one.
        reasons: what is wrong so far.
    """

    file: Path
    number: int
    text: str
    name: str
    images: tuple
    label: str
    reasons: tuple

    @property
    def place(self):
        return f"{self.file}:{self.number}"


class Verdict(NamedTuple):
    """What is wrong with a label, one reason a box or line; the label to hand on; and what it holds."""

    reasons: tuple
    label: str = ""
    objects: int = 0  # boxes of a scene, and how many of them are ignored
    ignored: int = 0
    length: int = 0  # characters of a text, and those that the dictionary lacks
    unknown: tuple = ()


def label_files(dataset):
    """Paths of a data set's label files, in order; a config may give one without a list."""
    files = dataset["label_file_list"]
    return [Path(file) for file in ([files] if isinstance(files, str) else files)]


def read_entries(file, delimiter="\t"):
    """Every line of a label file as an :class:`Entry`, blank and broken ones too."""
    file = Path(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the label file {file}: {error.strerror or error}.") from None
    lines = content[len(codecs.BOM_UTF8) :] if content.startswith(codecs.BOM_UTF8) else content
    marked = ["byte-order-mark"] if lines is not content else []
    lines = lines.split(b"\n")
    if lines[-1] == b"":  # what follows the last newline is not a line
        lines.pop()
    return [_entry(file, n, line, delimiter, marked if n == 1 else []) for n, line in enumerate(lines, 1)]


def _entry(file, number, line, delimiter, marked):
    reasons = [*marked, *(["windows-line-end"] if line.endswith(b"\r") else [])]

    def unread(text, reason):
        return Entry(file, number, text, None, (), "", (*reasons, reason))

    try:
        text = line.rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        return unread("", "not-utf8")
    if not text.strip():
        return unread("", "blank-line")
    name, tab, rest = text.partition(delimiter)
    if not tab:
        return unread(text, "no-tab")
    label, more, _ = rest.partition(delimiter)
    return Entry(file, number, text, name, _images(name), label, (*reasons, *(["more-columns"] if more else [])))


def _images(name):
    """Names in `a.jpg` or `["a.jpg", "b.jpg"]`."""
    if name.startswith("["):
        try:
            names = json.loads(name)
        except (ValueError, RecursionError):
            return (name,)
        if names and all(isinstance(each, str) for each in names):
            return tuple(names)
    return (name,)


def judge_detection(label, size=None):
    """Judge the boxes of a picture.

    Args:
        label: JSON, [{"transcription": text, "points": [[x, y], ...]}, ...].
        size: of the picture; None if it is not known, and no box can lie outside then.
    Returns:
        A :class:`Verdict`. In its label, a broken box is ignored text where its outline can be used, else it is gone.
    """
    try:
        objects = json.loads(label)
    except (ValueError, RecursionError):
        return Verdict(("not-json",), label)
    if not isinstance(objects, list) or not all(_is_object(each) for each in objects):
        return Verdict(("not-objects",), label)
    judged = [(each, *judge_polygon(each["points"], size)) for each in objects]
    reasons = [reason for _, reason, _ in judged if reason]
    kept = [_mended(each, reason, outline) for each, reason, outline in judged if outline is not None]
    ignored = sum(each["transcription"] in IGNORED_TEXTS for each in kept)
    if reasons:
        # Half of a surrogate pair is JSON, but not UTF-8: it stays an escape.
        label = json.dumps(kept, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    if ignored == len(kept):
        reasons.append("all-ignored" if kept else "no-text")
    if size is not None and max(size) > STRIP * min(size):
        reasons.append("strip-image")
    return Verdict(tuple(reasons), label, objects=len(kept), ignored=ignored)


def _is_object(value):
    return isinstance(value, dict) and "points" in value and "transcription" in value


def _mended(each, reason, outline):
    return {**each, "transcription": IGNORED_TEXTS[1], "points": outline} if reason else each


def judge_polygon(points, size=None):
    """Judge one outline.

    Args:
        points: what stands for it in the label; anything.
        size: of the picture, or None.
    Returns:
        (reason or None, outline or None): the points as they are; or, of a polygon that is not to be used as text, a
        sound outline of what can be seen of it, None where there is nothing.
    """
    try:
        corners = np.array(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return "few-points", None
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        return "few-points", None
    if not (np.abs(corners) <= LARGEST).all():  # false for NaN too
        return "not-finite", None
    polygon = Polygon(corners)
    outline = _on_grid(polygon if polygon.is_valid else polygon.convex_hull)
    if outline.area < 1:
        return "zero-area", None
    seen = outline if size is None else _on_grid(outline.intersection(box(0, 0, *size)))
    if seen.area < 1:
        return "outside", None
    if not polygon.is_valid:
        return "crossing", _corners(seen)
    if size is not None and not box(0, 0, *size).buffer(TOLERANCE, join_style="mitre").covers(polygon):
        return "partly-outside", _corners(seen)
    return None, points


def _on_grid(shape):
    """The shape with corners on tenths of a pixel, as they are written; sound, where rounding alone may cross edges."""
    with np.errstate(all="ignore"):  # what falls together divides by zero on the way
        return set_precision(shape, TENTH)


def _corners(shape):
    """Corners of a shape, or of its hull where it is in pieces."""
    whole = shape if shape.geom_type == "Polygon" else shape.convex_hull
    return [[round(x, 1), round(y, 1)] for x, y in list(whole.exterior.coords)[:-1]]


def judge_recognition(label, alphabet, longest=None, frames=None):
    """Judge the text of a line.

    Args:
        label: the text.
        alphabet: set of the dictionary's characters.
        longest: most characters, ``Global.max_text_length``; None for any number.
        frames: the network's for the width of its input; None if not known.
    """
    known = [character for character in label if character in alphabet]
    unknown = tuple(character for character in label if character not in alphabet)
    broken = {
        "empty-label": not label,
        "long-label": longest is not None and len(label) > longest,
        "unknown-character": bool(unknown),
        "no-known-character": bool(label) and not known,
        "few-frames": frames is not None and frames_needed(known) > frames,
    }
    reasons = tuple(reason for reason, found in broken.items() if found)
    return Verdict(reasons, label, length=len(label), unknown=unknown)


def frames_needed(text):
    """Frames in which CTC can write ``text``: one a character, and a blank between equal neighbours."""
    return len(text) + sum(a == b for a, b in zip(text, text[1:]))


def judge_classification(label, label_list):
    """Judge a class: PaddleOCR compares it as text with the entries of ``label_list``."""
    return Verdict(() if label in label_list else ("unknown-class",), label)
