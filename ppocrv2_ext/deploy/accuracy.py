"""How well one model alone does on labelled pictures: a detector, a recognizer or a classifier of directions.

The accuracy is in points, from 0 to 100: of a recognizer the lines whose text is right, of a classifier the lines whose
direction is right, of a detector the F1 of its boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..data.label_files import NO_SAMPLE, read_entries
from ..data.labels import is_detection_label, read_boxes
from ..errors import UserError
from ..files import PathLike
from .detect import Detector
from .engine import Engine
from .evaluation import Counts, keep_text, match_boxes
from .lines import DIRECTIONS, find_turned, read_texts, reading_width
from .read import explain, open_image, resize_line


class Sample(NamedTuple):
    """A picture, and what is written in it."""

    path: Path
    label: Any  # of a detector [(polygon, text), ...], else the text


def read_samples(data: PathLike, data_dir: PathLike | None, kind: str, count: int) -> list[Sample]:
    """The samples of a label file, or ``count`` of them from all parts of it.

    Args:
        data: a label file, ``image<TAB>text``, or of a detector ``image<TAB>[{"transcription", "points"}, ...]``.
        data_dir: what the images are relative to; None for the folder of the file.
        kind: of the model: "det", "rec" or "cls".
        count: the most samples.
    Raises:
        UserError: the file cannot be read or has no sample. Or a line is not ``image<TAB>label`` in UTF-8, has no boxes
            although the model is a detector, or has boxes although it is none.
    """
    folder = Path(data_dir) if data_dir else Path(data).parent
    entries = [entry for entry in read_entries(data) if not entry.is_blank]
    if not entries:
        raise UserError(f"{data} has no labelled picture.")
    step = max(1, -(-len(entries) // count))
    samples = []
    for entry in islice(entries, 0, None, step):
        if not entry.images:
            raise UserError(f"{entry.place}: {NO_SAMPLE}; mend the line or leave it out.")
        label: Any = entry.label
        if kind == "det":
            try:
                label = read_boxes(entry.label)
            except ValueError as error:
                raise UserError(
                    f"{entry.place}: no boxes of a picture ({error}); a detector needs "
                    'image<TAB>[{"transcription", "points"}, ...].'
                ) from error
        elif is_detection_label(label):
            raise UserError(f"{entry.place}: the label is a list of boxes; this model needs image<TAB>text, of lines.")
        samples.append(Sample(folder / entry.images[0], label))
    return samples


def open_samples(
    samples: Sequence[Sample], open_one: Callable[[Path], np.ndarray] = open_image
) -> tuple[list[np.ndarray], list[Any], list[str]]:
    """(pictures (H, W, 3) uint8 BGR, their labels, a sentence for each that cannot be read)

    Args:
        open_one: of a picture; for a recognizer :func:`~ppocrv2_ext.deploy.read.open_line`.
    """
    pictures, labels, problems = [], [], []
    for sample in samples:
        try:
            pictures.append(open_one(sample.path))
            labels.append(sample.label)
        except (OSError, ValueError) as error:
            problems.append(f"{sample.path}: {explain(error)}")
    return pictures, labels, problems


def prepare_inputs(kind: str, settings: Any, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What the network sees of each picture, (1, 3, H, W) float32.

    Args:
        kind: of the model: "det", "rec" or "cls".
        settings: of the model, as :func:`~ppocrv2_ext.deploy.settings.read_settings` reads them.
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

    A classifier sees each line twice, as it is and on its head.

    Args:
        kind: of the model: "det", "rec" or "cls".
        engine: that runs it.
        settings: of the model.
        pictures: (H, W, 3) uint8 BGR, at least one.
        labels: as :func:`open_samples` returns them. For a classifier "180" is a line on its head; others are not.
    Raises:
        UserError: the model is of another kind, or the dictionary does not fit it.
    """
    if kind == "det":
        detector, counts = Detector(engine, settings), Counts()
        for picture, boxes in zip(pictures, labels):
            pairs, *others = match_boxes([box for box, _ in boxes], [t for _, t in boxes], list(detector(picture)))
            counts += Counts(len(pairs), *others)
        return 100 * counts.f1
    if kind == "cls":
        on_head = [label == DIRECTIONS[1] for label in labels]
        lines = [*pictures, *(cv2.rotate(line, cv2.ROTATE_180) for line in pictures)]
        truth = [*on_head, *(not each for each in on_head)]
        return 100 * float(np.mean([a == b for a, b in zip(find_turned(lines, engine, settings), truth)]))
    read = read_texts(pictures, engine, settings)
    return 100 * float(np.mean([keep_text(text) == keep_text(label) for (text, _), label in zip(read, labels)]))
