"""Lines cut out of labelled pictures, so that the labels of a detector train a recognizer too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..data.box_checks import check_polygon
from ..data.label_files import NO_SAMPLE, Entry, read_entries
from ..data.labels import IGNORED_TEXTS
from ..data.reasons import REASONS
from ..errors import UserError
from ..files import PathLike
from .detect import order_corners
from .lines import cut_line

ONE_LINE = str.maketrans("\t\r\n", "   ")  # a label file has a line for each image, and a tab before its label
LEAST_TURN = 0.05  # sine of the angle by which an outline turns at a corner; a warp needs four real corners

Box = tuple[Any, Any]  # (outline, text), as a label has them; they may be anything


class Cut(NamedTuple):
    """A box whose text is known."""

    number: int  # of the box in its picture, from 1
    text: Any  # on one line; as the label has it if the box is broken
    line: np.ndarray | None  # (h, w, 3) uint8 BGR; None if the box is broken
    fault: str | None  # the rule that a broken box breaks, and what to do


def read_pages(file: PathLike, data_dir: PathLike | None) -> list[tuple[Path, list[Box]]]:
    """[(picture, its boxes), ...] of a label file.

    Args:
        data_dir: what the pictures are relative to; None for the folder of the file.
    Raises:
        UserError: the file cannot be read, or a line is no picture with a list of boxes.
    """
    folder, pages = Path(data_dir) if data_dir else Path(file).parent, []
    for entry in read_entries(file):
        if entry.is_blank:
            continue
        if not entry.images:
            raise UserError(f"{entry.place}: {NO_SAMPLE}; mend the line or leave it out.")
        boxes = _read_boxes(entry)
        pages += [(folder / image, boxes) for image in entry.images]
    return pages


def _read_boxes(entry: Entry) -> list[Box]:
    try:
        boxes = json.loads(entry.label)
    except (ValueError, RecursionError):
        boxes = None
    if not isinstance(boxes, list) or not all(isinstance(box, dict) for box in boxes):
        raise UserError(
            f"{entry.place}: the label is not a list of boxes; a line must be "
            'image<TAB>[{"transcription", "points"}, ...]; mend it or leave it out.'
        )
    return [(box.get("points"), box.get("transcription")) for box in boxes]


def cut_lines(picture: np.ndarray, boxes: Sequence[Box]) -> Iterator[Cut]:
    """Cut the line of each box whose text is known.

    Args:
        picture: (H, W, 3) uint8 BGR.
        boxes: [(outline, text), ...].
    """
    height, width = picture.shape[:2]
    for number, (points, text) in enumerate(boxes, 1):
        if isinstance(text, str) and (text in IGNORED_TEXTS or not text.strip()):
            continue
        fault = _find_fault(points, text, (width, height))
        if fault:
            yield Cut(number, text, None, fault)
        else:
            line = cut_line(picture, choose_corners(np.array(points, np.float32)))
            yield Cut(number, text.translate(ONE_LINE), line, None)


def _find_fault(points: Any, text: Any, size: tuple[int, int]) -> str | None:
    """What is wrong with a box and what to do; None if nothing is. ``size`` is the (width, height) of its picture."""
    if not isinstance(text, str):
        return _describe("not-a-text")
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "the transcription must not have half of a surrogate pair; write the text again"
    reason, _ = check_polygon(points, size)
    return _describe(reason) if reason else None


def _describe(reason: str) -> str:
    return f"{REASONS[reason].rule}; {REASONS[reason].advice}"


def choose_corners(outline: np.ndarray) -> np.ndarray:
    """The corners by which a line is cut: (4, 2) float32, clockwise.

    Args:
        outline: (N, 2) float32. A convex quadrangle keeps its corners and begins at the same one. Any other outline is
            cut by its least rectangle.
    """
    edges = np.roll(outline, -1, axis=0) - outline
    lengths, after = np.linalg.norm(edges, axis=1), np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]  # > 0 clockwise, since y grows downwards
    least = LEAST_TURN * lengths * np.roll(lengths, -1)
    if len(outline) == 4 and (turns > least).all():
        return outline
    if len(outline) == 4 and (turns < -least).all():
        return outline[[0, 3, 2, 1]]
    return order_corners(cv2.boxPoints(cv2.minAreaRect(outline)))
