"""What ``peers.py`` prints, checked before it is used: a program that is named as an interpreter may print anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from ..data.polygons import LARGEST_COORDINATE
from ..errors import shorten

Test = Callable[[Any], bool]
Shape = dict[str, Test]  # what each field of an answer must be

VERSION = re.compile(r"[\w.!+-]+")


def read_versions(output: bytes) -> dict[str, str]:
    """{package: version} of an interpreter.

    Raises:
        ValueError: it is not that; the message, half a sentence, shows what it is.
    """
    return _read(output, _are_versions)


def read_line(output: bytes, kind: str) -> dict[str, Any]:
    """One line of a reader: a remark of :data:`REMARKS`, or what it found in a picture.

    Args:
        kind: of the model: "det", "rec" or "cls".
    Raises:
        ValueError: it is not that; the message, half a sentence, shows what it is.
    """
    return _read(output, lambda answer: _has_fields(answer, REMARKS) or _has_fields(answer, [FOUND[kind]]))


def _read(output: bytes, is_right: Test) -> Any:
    try:
        answer = json.loads(output.decode("utf-8"))
    except (ValueError, RecursionError):
        answer = None
    if not is_right(answer):
        raise ValueError(f"it printed {shorten(output.decode('utf-8', 'replace').strip())}")
    return answer


def _has_fields(answer: Any, shapes: Sequence[Shape]) -> bool:
    """Whether an answer has the fields of one of the shapes, and no others."""
    return isinstance(answer, dict) and any(
        answer.keys() == shape.keys() and all(is_right(answer[name]) for name, is_right in shape.items())
        for shape in shapes
    )


def _are_versions(answer: Any) -> bool:
    return isinstance(answer, dict) and all(_is_text(each) and VERSION.fullmatch(each) for each in answer.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_score(value: Any) -> bool:
    return isinstance(value, float)


def _are_boxes(value: Any) -> bool:
    return _is_list(value, lambda box: _is_list(box, lambda point: _is_list(point, _is_coordinate, 2), 4))


def _is_list(value: Any, is_right: Test, count: int | None = None) -> bool:
    """Whether a value is a list of ``count`` right values, or of any number of them."""
    return isinstance(value, list) and count in (None, len(value)) and all(map(is_right, value))


def _is_coordinate(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST_COORDINATE  # False for NaN


REMARKS: list[Shape] = [{name: _is_text} for name in ("note", "limit", "failure", "problem")]
_LINE: Shape = {"text": _is_text, "score": _is_score}
FOUND: dict[str, Shape] = {"det": {"boxes": _are_boxes}, "rec": _LINE, "cls": _LINE}  # by the kind of the model
