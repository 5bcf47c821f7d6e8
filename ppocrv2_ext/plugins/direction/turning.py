"""Text lines turned upside down: any recognition label file, `image<TAB>text`, trains and tests a classifier of that.

Place these right after DecodeImage. What RecAug and resizing leave behind, a cropped edge or the padding at the end,
then lies the same way for both classes; turned afterwards, it would give the answer away.
"""

import hashlib
import os

import numpy as np

from ...config.numbers import number
from ...errors import UserError
from ...registry import TRANSFORMS
from ..draws import Draws

UPRIGHT, TURNED = "0", "180"  # degrees; the two classes in PaddleOCR's `Global.label_list`


def half_turn(image):
    """A copy of an image, (H, W) or (H, W, C), turned by 180 degrees."""
    return np.ascontiguousarray(image[::-1, ::-1])


def labelled(data, turned):
    """A copy of a sample with its `image` turned if ``turned``, and the `label` that says so."""
    if turned:
        return {**data, "image": half_turn(data["image"]), "label": TURNED}
    return {**data, "label": UPRIGHT}


@TRANSFORMS.register
class RandomHalfTurn:
    """For training: a line is turned at random, every time it is read; its text gives way to "0" or "180".

    Args:
        p: probability of a turn.
        label_list: the classes; PaddleOCR puts `Global.label_list` here.
        seed: for the same draws in every run; PaddleOCR puts `Global.seed` here if a config has one.
    """

    def __init__(self, p=0.5, label_list=(UPRIGHT, TURNED), seed=None):
        _require_classes("RandomHalfTurn", label_list)
        self.p = number(p, "p", 0, 1)
        self.draws = Draws("RandomHalfTurn", seed)

    def __call__(self, data):
        """data: a sample with `image`, (H, W) or (H, W, C)."""
        return labelled(data, self.draws.generator().random() < self.p)


@TRANSFORMS.register
class HalfTurnByName:
    """For evaluation: about half of the lines are turned, always the same ones, whatever folder they lie in.

    A sample without a label is left alone: PaddleOCR's tools/infer_cls.py runs the transforms of the evaluation too.

    Args:
        label_list: the classes; PaddleOCR puts `Global.label_list` here.
    """

    def __init__(self, label_list=(UPRIGHT, TURNED)):
        _require_classes("HalfTurnByName", label_list)

    def __call__(self, data):
        """data: a sample with `image`, (H, W) or (H, W, C), and `img_path`, of which the last part decides."""
        if "label" not in data:
            return data
        if "img_path" not in data:
            raise UserError("HalfTurnByName: this data set has no file names to decide by; use SimpleDataSet.")
        return labelled(data, _is_odd(os.path.basename(data["img_path"])))


def _is_odd(text):
    """The last bit of a hash that is the same in every process and on every machine."""
    return hashlib.sha256(text.encode("utf-8")).digest()[-1] % 2 == 1


def _require_classes(owner, label_list):
    """Other classes would have PaddleOCR's ClsLabelEncode drop every line, which ends in a RecursionError."""
    if tuple(label_list or ()) != (UPRIGHT, TURNED):
        raise UserError(f"{owner}: Global.label_list must be ['0', '180'], as text, got {label_list!r}.")
