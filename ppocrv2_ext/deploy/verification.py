"""Whether other readers read the same with an exported model: what each found, and whether that is the same.

All of them get pictures that were decoded here, so a difference is one of the model and its settings, not of image
files. Readers that are no part of this project are in ``peer_processes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely

from ..data.line_pixels import resize_line
from ..data.transforms import DIRECTIONS
from ..errors import UserError
from ..files import PathLike, has_file, has_folder
from ..packages import find_version
from .detect import Detector
from .engine import load_engine
from .lines import classify, read_texts
from .model_folder import ONNX_FILE, PROGRAMS
from .models import Model, read_folder

SAME_OVERLAP = 0.9  # intersection over union of two boxes that are the same but for rounding

# What a problem of a reader means, by a part of its message.
HINTS = {
    "tf_key in self._FUNC_MAP": "it does not know a step of PreProcess in inference.yml; export the model again",
    "Type of attribute": "another version of Paddle wrote the program; use the version that exported it",
}


class PictureReading(NamedTuple):
    """What a reader found in one picture."""

    text: str = ""  # of a line: what is written there; for a classifier one of DIRECTIONS
    score: float = 0.0  # of a line, in [0, 1]
    boxes: Sequence[Any] = ()  # of a picture, each (4, 2) in pixels
    problem: str | None = None  # why the picture was not read


class Outcome(NamedTuple):
    """What a reader found in all pictures."""

    reader: str  # name and version
    readings: list[PictureReading]  # one for each picture; none if the reader could not be used
    problem: str | None = None  # why it could not be used
    notes: Sequence[str] = ()  # what it had to be told
    was_tried: bool = True  # False if the reader is not installed, or not made for such a model


def open_model(folder: PathLike) -> Model:
    """The model of an exported folder with ``inference.onnx``.

    Raises:
        UserError: there is no such folder, or a file of it is missing or broken.
    """
    if has_folder(folder) and not has_file(Path(folder) / ONNX_FILE):
        raise UserError(f"{folder} has no {ONNX_FILE}, which most readers run; export the model with --onnx.")
    return read_folder(folder)


def read_here(model: Model, pictures: Sequence[np.ndarray], engine: str = "onnxruntime") -> list[PictureReading]:
    """What this project reads. A long line gets no empty end, as in other readers that read it alone.

    Args:
        pictures: (H, W, 3) uint8 BGR; of a recognizer or a classifier each is a line.
        engine: "onnxruntime" or "paddle".
    Raises:
        UserError: the engine is not installed or cannot run the model, or the dictionary does not fit it.
    """
    run = load_engine(model.path, engine)
    if model.kind == "det":
        detector = Detector(run, model.settings)
        return [PictureReading(boxes=list(detector(picture))) for picture in pictures]
    if model.kind == "rec":
        return [PictureReading(text, score) for text, score in read_texts(pictures, run, model.settings, empty_end=0)]
    size = (model.settings.height, model.settings.width)
    rows = [classify(resize_line(picture, *size)[None], run)[0] for picture in pictures]
    return [PictureReading(DIRECTIONS[int(row.argmax())], float(row.max())) for row in rows]


def read_with_paddle(model: Model, pictures: Sequence[np.ndarray]) -> Outcome:
    """What this project reads with Paddle's engine."""
    version = find_version("paddlepaddle", "paddlepaddle-gpu")
    if version is None:
        return Outcome("Paddle", [], "it is not installed", was_tried=False)
    title = f"Paddle {version}"
    if not model.has_program:
        problem = f"the folder holds {ONNX_FILE} alone, which onnxruntime and OpenVINO run; Paddle needs {PROGRAMS[0]}"
        return Outcome(title, [], problem, was_tried=False)
    try:
        return Outcome(title, read_here(model, pictures, "paddle"))
    except UserError as error:
        return Outcome(title, [], add_hint(str(error)))


def add_hint(problem: str) -> str:
    """A problem, with what it means where that is known."""
    return next((f"{hint} ({problem.rstrip('.')})" for part, hint in HINTS.items() if part in problem), problem)


def is_same(ours: PictureReading, theirs: PictureReading) -> bool:
    """Whether two readers found the same: the same text, and boxes that are the same but for rounding."""
    return theirs.problem is None and ours.text == theirs.text and not find_single_boxes(ours.boxes, theirs.boxes)


def find_single_boxes(ours: Sequence[Any], theirs: Sequence[Any]) -> list[tuple[str, Any]]:
    """The boxes without a partner among the others: ("here" or "there", (4, 2)). Partners overlap by SAME_OVERLAP.

    A box is what its corners enclose, whatever their order.
    """
    corners = [np.asarray(boxes, float).reshape(-1, 4, 2) for boxes in (ours, theirs)]
    shapes = [shapely.convex_hull(shapely.multipoints(each)) for each in corners]
    shared = shapely.area(shapely.intersection(shapes[0][:, None], shapes[1][None, :])).reshape(len(ours), len(theirs))
    areas = [shapely.area(each) for each in shapes]
    overlap = shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9)
    single = [("here", box) for box, row in zip(ours, overlap) if row.max(initial=0) < SAME_OVERLAP]
    return single + [("there", box) for box, column in zip(theirs, overlap.T) if column.max(initial=0) < SAME_OVERLAP]
