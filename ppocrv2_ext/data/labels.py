"""What is wrong with a label: the boxes of a scene, the text of a line, or a class.

What is wrong is given by names of :data:`~.reasons.REASONS`. Sizes are (width, height) and points (x, y), in pixels.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from ..errors import shorten, summarise
from .box_checks import are_finite, check_polygon, read_corners
from .reasons import REASONS

LONGEST_SHAPE = 50  # a scene may be this many times as long as wide
IGNORED_TEXTS = ("*", "###")  # PaddleOCR's DetLabelEncode ignores a box with one of these texts
MOST_POINTS = 1000  # of an outline that is compared with others, which takes the square of it
Form = Literal["NFC", "NFKC"]


class LabelCheck(NamedTuple):
    """What is wrong with a label, what to use in its place, and what it holds."""

    reasons: tuple[str, ...]  # one for each broken or doubtful box of a scene
    label: str = ""  # the label without what is broken
    boxes: int = 0  # in ``label``, if it is a scene's
    ignored_boxes: int = 0  # those of them whose text is ignored
    extent: float = 0  # the largest coordinate of the boxes that have finite ones, as it was written
    text_length: int = 0  # characters, if it is a text
    unknown_characters: tuple[str, ...] = ()  # those of them that the dictionary lacks
    frames: int = 0  # the fewest in which CTC can write the text


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
    coordinates = [x for each in objects for x in _list_coordinates(each["points"])]
    extent = float(max(map(abs, coordinates), default=0))
    if 0 < extent <= 1 and any(isinstance(x, float) for x in coordinates):
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
        ValueError: the label is no list of boxes, or an outline or a text is none; the message, half a sentence, says
            which.
    """
    try:
        content = json.loads(label)
        if not isinstance(content, list):  # a dict without keys would be a picture without text
            raise ValueError(f"it is not a list of boxes but {shorten(content)}")
        boxes = [(box["points"], box["transcription"]) for box in content]
    except json.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is not a list of boxes: {summarise(error)}") from None
    for points, text in boxes:
        if not isinstance(text, str):
            reason = REASONS["not-a-text"]
            raise ValueError(f"{reason.rule}, got {shorten(text)}; {reason.advice}")
        corners = read_corners(points)
        if corners is None or len(corners) > MOST_POINTS:
            raise ValueError(f"the outline of {text!r} is not 3 to {MOST_POINTS} points")
        if not are_finite(corners):
            raise ValueError(f"the outline of {text!r} is not finite")
    return boxes


def _is_ignored(value: dict) -> bool:
    return value["transcription"] in IGNORED_TEXTS


def _list_coordinates(points: Any) -> list[float]:
    """The coordinates of one box; none if any of them is no finite number.

    Args:
        points: what the label has for the box, which may be anything.
    """
    try:
        coordinates = [x for point in points for x in point]
        return coordinates if all(map(math.isfinite, coordinates)) else []
    except (TypeError, OverflowError):
        return []


def _check_box(value: dict, size: tuple[int, int] | None, ignore_difficult: bool) -> tuple[str | None, dict | None]:
    """(reason, box to use): a sound box itself, an ignored box with a sound outline, or None to leave it out."""
    reason, outline = check_polygon(value["points"], size)
    if reason == "sliver" and _is_ignored(value):
        reason, outline = None, value["points"]  # no maps are made of ignored text, however thin
    if outline is None:
        return reason, None
    if reason:
        return reason, {**value, "transcription": IGNORED_TEXTS[1], "points": outline}
    is_difficult = value.get("difficult") is True and not _is_ignored(value)
    if is_difficult and ignore_difficult:
        return "difficult-box", {**value, "transcription": IGNORED_TEXTS[1]}
    if not isinstance(value["transcription"], str):
        return "not-a-text", value
    return "difficult-box" if is_difficult else None, value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "points" in value and "transcription" in value


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
        "outer-space": label.strip() not in ("", label)
        and any(end.isspace() and end in alphabet for end in (label[0], label[-1])),
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
