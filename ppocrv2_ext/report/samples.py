"""Samples of an evaluation that are worth a look, with their pictures.

All samples are counted. Few are kept: of lines the wrong ones of which the network is surest, where faults of labels
show up first, and the right ones of which it is least sure; of scenes the worst and the best.
"""

from __future__ import annotations

import base64
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..data import matching
from .confusions import Confusion, find_confusions

WRONG_LINES, RIGHT_LINES = 24, 12
WORST_SCENES, BEST_SCENES = 6, 2
SCENE_SIDE = 720  # pixels of the longer side of a scene's picture; more are scaled down
LONGEST_SIDE = 65500  # pixels; libjpeg writes no more

Picture = Callable[[], np.ndarray]  # makes an (H, W, 3) uint8 RGB image; called for samples that are kept


class Line(NamedTuple):
    """A line of text, or of a classifier an image, and what was read."""

    name: str  # of the file, "" if it is not known
    label: str
    reading: str
    confidence: float  # in [0, 1]
    picture: str  # address with the data in it


class Scene(NamedTuple):
    """A scene, and which of its boxes were found. Corners are in pixels of the picture."""

    name: str
    size: tuple[int, int]  # width and height of the picture
    picture: str  # address with the data in it
    found: list[np.ndarray]  # boxes of the detector that match a labelled one, (P, 2) each
    missed: list[np.ndarray]  # labelled boxes that no box matches
    wrong: list[np.ndarray]  # boxes of the detector that match none
    ignored: list[np.ndarray]  # labelled boxes that do not count


class HighestScores:
    """The ``limit`` items with the highest scores of all that were offered."""

    def __init__(self, limit: int):
        self.limit = limit
        self._heap: list = []
        self._order = itertools.count(0, -1)  # of two with equal scores the earlier is kept; items are not compared

    def offer(self, score: float, make: Callable[[], object]) -> None:
        """Offer an item. It is made only if its score is high enough so far."""
        entry = (score, next(self._order))
        if len(self._heap) < self.limit:
            heapq.heappush(self._heap, (*entry, make()))
        elif entry > self._heap[0][:2]:
            heapq.heapreplace(self._heap, (*entry, make()))

    def items(self) -> list:
        """The highest score first."""
        return [item for *_, item in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]


class LineSamples:
    """The lines of an evaluation.

    Args:
        classes: whether the texts are names of classes, which are right or wrong as a whole.
        ignore_space: whether spaces do not count.
    """

    def __init__(self, classes: bool = False, ignore_space: bool = False):
        self.classes, self.ignore_space = classes, ignore_space
        self.count = self.wrong_count = 0
        self.confusions: Counter[Confusion] = Counter()
        self._wrong, self._right = HighestScores(WRONG_LINES), HighestScores(RIGHT_LINES)

    def add(self, name: str, label: str, reading: str, confidence: float, picture: Picture) -> None:
        """Count a line, and perhaps keep it."""

        def make() -> Line:
            return Line(name, label, reading, confidence, encode_picture(picture()))

        self.count += 1
        written, read = (text.replace(" ", "") if self.ignore_space else text for text in (label, reading))
        if written == read:
            self._right.offer(-confidence, make)
            return
        self.wrong_count += 1
        self.confusions.update([Confusion(label, reading)] if self.classes else find_confusions(written, read))
        self._wrong.offer(confidence, make)

    @property
    def wrong(self) -> list[Line]:
        """The wrong lines of which the network is surest first."""
        return self._wrong.items()

    @property
    def right(self) -> list[Line]:
        """The right lines of which the network is least sure first."""
        return self._right.items()


class SceneSamples:
    """The scenes of an evaluation."""

    def __init__(self) -> None:
        self.count = self.found = self.missed = self.wrong = 0
        self._worst, self._best = HighestScores(WORST_SCENES), HighestScores(BEST_SCENES)

    def add(
        self, name: str, labelled: Sequence[np.ndarray], ignored: Sequence[bool], boxes: Sequence[np.ndarray],
        scale: tuple[float, float], picture: Picture,
    ) -> None:  # fmt: skip
        """Count a scene, and perhaps keep it.

        Args:
            labelled: N polygons (P, 2) of the label, in pixels of the file.
            ignored: N booleans: whether the box does not count.
            boxes: polygons of the detector, likewise.
            scale: (x, y) factors from pixels of the file to pixels of ``picture``.
        """
        found, missed, wrong = sort_boxes_by_fate(labelled, ignored, boxes)
        self.count += 1
        self.found += len(found)
        self.missed += len(missed)
        self.wrong += len(wrong)
        regions = [box for box, is_ignored in zip(labelled, ignored) if is_ignored]

        def make() -> Scene:
            image = picture()
            shown = shrink(image, SCENE_SIDE)
            height, width = shown.shape[:2]
            factors = np.array([scale[0] * width / image.shape[1], scale[1] * height / image.shape[0]])
            groups = ([np.asarray(box) * factors for box in group] for group in (found, missed, wrong, regions))
            return Scene(name, (width, height), encode_picture(shown), *groups)

        faults = len(missed) + len(wrong)
        if faults:
            self._worst.offer(faults / (faults + 2 * len(found)), make)  # one minus the scene's F-measure
        elif found:
            self._best.offer(len(found), make)

    @property
    def worst(self) -> list[Scene]:
        """The scene with the lowest F-measure first."""
        return self._worst.items()

    @property
    def best(self) -> list[Scene]:
        """Scenes without a fault, the one with the most boxes first."""
        return self._best.items()


def sort_boxes_by_fate(
    labelled: Sequence[np.ndarray], ignored: Sequence[bool], boxes: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Which boxes of a detector match labelled ones, as :func:`ppocrv2_ext.data.matching.match_boxes` pairs them.

    Returns:
        (boxes of the detector that match, labelled boxes that are missed, boxes of the detector that are wrong)
    """
    pairs, counts = matching.match_boxes(labelled, ignored, boxes)
    met, taken = {i for i, _ in pairs}, {j for _, j in pairs}
    missed = [box for i, box in enumerate(labelled) if not ignored[i] and i not in met]
    return [boxes[j] for _, j in pairs], missed, [box for j, box in enumerate(boxes) if counts[j] and j not in taken]


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """A picture, scaled down if a side of it has more than ``longest`` pixels."""
    factor = longest / max(image.shape[:2])
    if factor >= 1:
        return image
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def encode_picture(image: np.ndarray) -> str:
    """The address of a picture that holds the picture itself, as JPEG.

    Args:
        image: (H, W, 3) uint8, RGB. One that JPEG cannot hold is scaled down.
    """
    image = shrink(image, LONGEST_SIDE)
    data = cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
