"""Copy-Paste for text detection as a transform in a PaddleOCR config (PP-OCRv2, arXiv:2109.03144)."""

import math

import numpy as np

from ...config.numbers import number, whole_number
from ...registry import TRANSFORMS
from ..draws import Draws
from .pasting import Scene, Settings, choose, paste
from .polygons import padded


@TRANSFORMS.register
class TextCopyPaste:
    """:func:`choose` and :func:`paste` as a transform, right after DecodeImage and DetLabelEncode.

    Args:
        p: probability that anything is pasted.
        scale_range: (low, high) factors, drawn evenly on a logarithmic scale, within what fits into the picture.
        angle_range: (low, high) degrees, clockwise.
        flip_p: probability that an object is mirrored, as in the paper; 0 since mirrored text is not text.
        objects_ratio: share of the other picture's objects to paste, at least one.
        max_objects: most objects to paste.
        min_size: lowest height of a line of text, in pixels, in the other picture and once pasted.
        max_overlap: largest share of any text in the picture that pasted text may cover; ignored text stays free.
        tries: places to try for each object.
        seed: for the same draws in every run; PaddleOCR puts `Global.seed` here if a config has one. Without it, one is
            drawn from NumPy's global generator. Workers, and those of another epoch, draw differently either way.
    """

    ext_data_num = 1  # pictures that PaddleOCR's dataset is to load into `ext_data`

    def __init__(
        self,
        p=1.0,
        scale_range=(0.5, 2.0),
        angle_range=(-10.0, 10.0),
        flip_p=0.0,
        objects_ratio=0.2,
        max_objects=30,
        min_size=8,
        max_overlap=0.0,
        tries=50,
        seed=None,
    ):
        self.settings = Settings(
            p=number(p, "p", 0, 1),
            scale_range=_range(scale_range, "scale_range", 0.01, 100),
            angle_range=_range(angle_range, "angle_range", -360, 360),
            flip_p=number(flip_p, "flip_p", 0, 1),
            objects_ratio=number(objects_ratio, "objects_ratio", 0, 1),
            max_objects=whole_number(max_objects, "max_objects", 1),
            min_size=number(min_size, "min_size", 1, math.inf),
            max_overlap=number(max_overlap, "max_overlap", 0, 1),
            tries=whole_number(tries, "tries", 1),
        )
        self.draws = Draws("TextCopyPaste", seed)

    def __call__(self, data):
        """PaddleOCR's sample with `image`, `polys`, `texts`, `ignore_tags`; what it had in `ext_data` is used up."""
        others = data.get("ext_data")
        data = {key: value for key, value in data.items() if key != "ext_data"}
        if not isinstance(others, (list, tuple)) or not others or not _is_labelled(others[0]):
            return data
        other = others[0]
        scene, source = _scene(data), _scene(other)
        pastes = choose(self.draws.generator(), scene, source, self.settings)
        if not pastes:
            return data
        new = np.stack([each.polygon for each in pastes])
        points = max(scene.polygons.shape[1], new.shape[1])
        return {
            **data,
            "image": paste(data["image"], other["image"], pastes),
            "polys": np.concatenate([padded(scene.polygons, points), padded(new, points)]).astype(np.float32),
            "texts": [*data["texts"], *(other["texts"][each.index] for each in pastes)],
            "ignore_tags": np.append(scene.ignored, np.zeros(len(pastes), dtype=bool)),
        }


def _scene(sample):
    polygons = np.asarray(sample["polys"], dtype=np.float32)
    polygons = polygons if len(polygons) else polygons.reshape(0, 4, 2)
    return Scene(sample["image"].shape[:2], polygons, np.asarray(sample["ignore_tags"], dtype=bool))


def _is_labelled(sample):
    """Whether there is a picture with text in it; a dataset may hand over anything when it found none."""
    if not isinstance(sample, dict) or [getattr(sample.get(key), "ndim", 0) for key in ("image", "polys")] != [3, 3]:
        return False
    labels = [sample.get(key) for key in ("texts", "ignore_tags")]
    return all(label is not None and len(label) == len(sample["polys"]) > 0 for label in labels)


def _range(value, argument, low, high):
    if (
        not isinstance(value, (list, tuple))
        or len(value) != 2
        or not number(value[0], argument, low, high) <= number(value[1], argument, low, high)
    ):
        raise ValueError(f"`{argument}` must be [low, high] with low <= high, got {value!r}.")
    return tuple(map(float, value))
