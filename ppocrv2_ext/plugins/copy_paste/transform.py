"""Copy-Paste for text detection as a transform in a PaddleOCR config (PP-OCRv2, arXiv:2109.03144)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import number, whole_number
from ...registry import TRANSFORMS
from ..draws import Draws
from ..polygons import pad_polygons
from .late import PastedPicture
from .pasting import Scene, Settings, choose


@TRANSFORMS.register
class TextCopyPaste:
    """Pastes text of a second picture into the first. It comes right after DecodeImage and DetLabelEncode.

    Args:
        p: probability that anything is pasted, in [0, 1]. With 0 no other picture is read, and nothing is drawn.
        scale_range: (low, high) factors in [0.01, 100]. The draw is uniform on a logarithmic scale, among the factors
            with which the object fits into the picture.
        angle_range: (low, high) degrees, clockwise, in [-360, 360].
        flip_p: probability that an object is mirrored, in [0, 1]. The paper mirrors. The default is 0, because
            mirrored text is no text.
        objects_ratio: share of the other picture's objects to paste, in [0, 1]; at least one object.
        max_objects: the largest number of objects to paste, >= 1.
        min_size: smallest height of a line of text in pixels, >= 1, both in the other picture and after pasting.
        max_overlap: largest share of any text in the picture that pasted text may cover, in [0, 1]. Ignored text is
            never covered.
        tries: how many places are tried for each object, >= 1.
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one. Without it the
            seed comes from NumPy's global generator. Either way each worker draws its own numbers in each epoch.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        p: float = 1.0,
        scale_range: Sequence[float] = (0.5, 2.0),
        angle_range: Sequence[float] = (-10.0, 10.0),
        flip_p: float = 0.0,
        objects_ratio: float = 0.2,
        max_objects: int = 30,
        min_size: float = 8,
        max_overlap: float = 0.0,
        tries: int = 50,
        seed: int | None = None,
    ) -> None:
        self.settings = Settings(
            p=number(p, "p", 0, 1),
            scale_range=_read_range(scale_range, "scale_range", 0.01, 100),
            angle_range=_read_range(angle_range, "angle_range", -360, 360),
            flip_p=number(flip_p, "flip_p", 0, 1),
            objects_ratio=number(objects_ratio, "objects_ratio", 0, 1),
            max_objects=whole_number(max_objects, "max_objects", 1),
            min_size=number(min_size, "min_size", 1, math.inf),
            max_overlap=number(max_overlap, "max_overlap", 0, 1),
            tries=whole_number(tries, "tries", 1),
        )
        # How many other pictures PaddleOCR's dataset must load into `ext_data`.
        self.ext_data_num = 1 if self.settings.p else 0
        self.draws = Draws("TextCopyPaste", seed)
        self.pastes_late = False  # true where the next transform takes a part of `image` and leaves the rest

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with text of another one pasted into it. The input is not modified.

        Args:
            data: a sample with `image` (H, W, 3) uint8, `polys` (N, P, 2), `texts`, `ignore_tags`, and in `ext_data`
                a list whose first entry is the other sample. The `image` of that one may be a LatePicture.
        Returns:
            The sample without `ext_data`. Without a usable other sample nothing is pasted. With ``pastes_late`` its
            `image` may be a PastedPicture.
        """
        others = data.get("ext_data")
        data = {key: value for key, value in data.items() if key != "ext_data"}
        if not isinstance(others, (list, tuple)) or not others or not _has_text(others[0]):
            return data
        other = others[0]
        scene, source = read_scene(data), read_scene(other)
        pastes = choose(self.draws.generator(), scene, source, self.settings)
        if not pastes:
            return data
        new = np.stack([one.polygon for one in pastes])
        points = max(scene.polygons.shape[1], new.shape[1])
        image = PastedPicture(data["image"], other["image"], pastes)
        return {
            **data,
            "image": image if self.pastes_late else image.whole(),
            "polys": np.concatenate([pad_polygons(scene.polygons, points), pad_polygons(new, points)]).astype(
                np.float32
            ),
            "texts": [*data["texts"], *(other["texts"][one.object_index] for one in pastes)],
            "ignore_tags": np.append(scene.ignored, np.zeros(len(pastes), dtype=bool)),
        }


def read_scene(sample: dict[str, Any]) -> Scene:
    """The size of a sample's picture and its text, for :func:`~.pasting.choose`."""
    polygons = np.asarray(sample["polys"], dtype=np.float32)
    polygons = polygons if len(polygons) else polygons.reshape(0, 4, 2)
    return Scene(sample["image"].shape[:2], polygons, np.asarray(sample["ignore_tags"], dtype=bool))


def _has_text(sample: Any) -> bool:
    """Whether the sample holds a picture with text. A dataset that found no other picture may pass anything."""
    if not isinstance(sample, dict) or [getattr(sample.get(key), "ndim", 0) for key in ("image", "polys")] != [3, 3]:
        return False
    labels = [sample.get(key) for key in ("texts", "ignore_tags")]
    return all(label is not None and len(label) == len(sample["polys"]) > 0 for label in labels)


def _read_range(value: Sequence[float], argument: str, low: float, high: float) -> tuple[float, float]:
    """``value`` as a pair of floats. A ValueError says if it is not [low, high] within the given limits."""
    if (
        not isinstance(value, (list, tuple))
        or len(value) != 2
        or not number(value[0], argument, low, high) <= number(value[1], argument, low, high)
    ):
        raise ValueError(f"`{argument}` must be [low, high] with low <= high, got {value!r}.")
    return float(value[0]), float(value[1])
