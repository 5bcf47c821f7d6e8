"""How well one model alone does on labelled pictures: a detector, a recognizer or a text direction classifier.

The accuracy is in points, from 0 to 100: of a recognizer the lines whose text is right, of a classifier the lines whose
direction is right, of a detector the F1 of its boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ..data.line_pixels import resize_line
from ..data.transforms import DIRECTIONS
from .detect import Detector
from .engine import Engine
from .evaluation import Counts, count_matches, normalize_text
from .lines import find_turned, read_texts, reading_width


def prepare_inputs(kind: str, settings: Any, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the network sees of each picture, (1, 3, H, W) float32.

    Args:
        kind: of the model: "det", "rec" or "cls".
        settings: of the model, as :func:`~ppocrv2_ext.deploy.settings.read_settings` reads them.
        pictures: (H, W, 3) uint8 BGR.
    """
    if kind == "det":
        detector = Detector(lambda inputs: inputs, settings)
        return [detector.prepare(picture).copy() for picture in pictures]
    widths = [
        settings.width if kind == "cls" else reading_width(line, settings.height, settings.width) for line in pictures
    ]
    return [resize_line(line, settings.height, width)[None] for line, width in zip(pictures, widths)]


def measure_accuracy(
    kind: str, engine: Engine, settings: Any, pictures: Sequence[np.ndarray], labels: Sequence[Any]
) -> float:
    """The accuracy of a model in points, in [0, 100].

    A classifier sees each line twice, as it is and upside down.

    Args:
        kind: of the model: "det", "rec" or "cls".
        engine: that runs it.
        settings: of the model.
        pictures: (H, W, 3) uint8 BGR, at least one.
        labels: of the pictures, each that of a :class:`~ppocrv2_ext.deploy.labelled.Sample`. For a classifier "180" is
            a line that is upside down; any other label is an upright one.
    Raises:
        UserError: the model is of another kind, or the dictionary does not fit it.
    """
    if kind == "det":
        detector, counts = Detector(engine, settings), Counts()
        for picture, boxes in zip(pictures, labels):
            pairs, *others = count_matches([box for box, _ in boxes], [t for _, t in boxes], list(detector(picture)))
            counts += Counts(len(pairs), *others)
        return 100 * counts.f1
    if kind == "cls":
        on_head = [label == DIRECTIONS[1] for label in labels]
        lines = [*pictures, *(cv2.rotate(line, cv2.ROTATE_180) for line in pictures)]
        truth = [*on_head, *(not each for each in on_head)]
        return 100 * float(np.mean([a == b for a, b in zip(find_turned(lines, engine, settings), truth)]))
    read = read_texts(pictures, engine, settings)
    return 100 * float(
        np.mean([normalize_text(text) == normalize_text(label) for (text, _), label in zip(read, labels)])
    )
