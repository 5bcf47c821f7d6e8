"""Text lines turned upside down. Any recognition label file, `image<TAB>text`, can so train and test a classifier.

Place these transforms right after DecodeImage. Augmentation and resizing leave traces, such as a cropped edge or the
padding at the end. After an earlier turn they lie the same way for both classes. After a later turn they would give the
answer away.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import number
from ...data.transforms import DIRECTIONS
from ...errors import UserError
from ...registry import TRANSFORMS
from ..draws import Draws

UPRIGHT, UPSIDE_DOWN = DIRECTIONS  # the two classes in PaddleOCR's `Global.label_list`


def half_turn(image: np.ndarray) -> np.ndarray:
    """A copy of an image, (H, W) or (H, W, C), turned by 180 degrees."""
    return np.ascontiguousarray(image[::-1, ::-1])


def set_direction(data: dict[str, Any], turn: bool) -> dict[str, Any]:
    """A copy of a sample with the `label` "180" and its `image` turned, or with the `label` "0" if ``turn`` is false.

    Args:
        data: a sample with `image`, (H, W) or (H, W, C).
    """
    if turn:
        return {**data, "image": half_turn(data["image"]), "label": UPSIDE_DOWN}
    return {**data, "label": UPRIGHT}


@TRANSFORMS.register
class RandomHalfTurn:
    """For training: turns a line at random, each time it is read. The label "0" or "180" replaces the text.

    Args:
        p: probability of a turn, in [0, 1].
        label_list: the classes. PaddleOCR puts `Global.label_list` here.
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one.
    Raises:
        ValueError: an argument is out of range.
        UserError: ``label_list`` is not ["0", "180"].
    """

    def __init__(
        self, p: float = 0.5, label_list: Sequence[str] = (UPRIGHT, UPSIDE_DOWN), seed: int | None = None
    ) -> None:
        _require_classes("RandomHalfTurn", label_list)
        self.p = number(p, "p", 0, 1)
        self.draws = Draws("RandomHalfTurn", seed)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """data: a sample with `image`, (H, W) or (H, W, C)."""
        return set_direction(data, self.draws.generator().random() < self.p)


@TRANSFORMS.register
class HalfTurnByName:
    """For evaluation: turns about half of the lines. The file name decides, so it is always the same lines.

    The folder does not matter. A sample without a label stays as it is: PaddleOCR's tools/infer_cls.py runs the
    transforms of the evaluation too.

    Args:
        label_list: the classes. PaddleOCR puts `Global.label_list` here.
    Raises:
        UserError: ``label_list`` is not ["0", "180"].
    """

    def __init__(self, label_list: Sequence[str] = (UPRIGHT, UPSIDE_DOWN)) -> None:
        _require_classes("HalfTurnByName", label_list)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Turn the line or not, and set its label.

        Args:
            data: a sample with `image`, (H, W) or (H, W, C), and `img_path`, whose last part decides.
        Raises:
            UserError: the sample has a label and no `img_path`.
        """
        if "label" not in data:
            return data
        if "img_path" not in data:
            raise UserError("HalfTurnByName: this data set has no file names to decide by; use SimpleDataSet.")
        return set_direction(data, _is_hash_odd(os.path.basename(data["img_path"])))


def _is_hash_odd(text: str) -> bool:
    """The last bit of a hash. It is the same in every process and on every machine."""
    return hashlib.sha256(text.encode("utf-8")).digest()[-1] % 2 == 1


def _require_classes(owner: str, label_list: Sequence[str] | None) -> None:
    """With other classes PaddleOCR's ClsLabelEncode would drop every line, which ends in a RecursionError."""
    if tuple(label_list or ()) != (UPRIGHT, UPSIDE_DOWN):
        raise UserError(f"{owner}: Global.label_list must be ['0', '180'], as text, got {label_list!r}.")
