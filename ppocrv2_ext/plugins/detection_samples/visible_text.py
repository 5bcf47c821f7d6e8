"""Which text of a sample its picture still shows after an augmentation, a crop or a cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...registry import TRANSFORMS
from ..compact import Compact


def are_visible(polygons: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N,) booleans: the bounding box of each of (N, P, 2) polygons overlaps a picture of ``height`` x ``width``."""
    return (polygons.max(axis=1) > 0).all(axis=1) & (polygons.min(axis=1) < [width, height]).all(axis=1)


def select_text(data: dict[str, Any], mask: np.ndarray) -> dict[str, Any]:
    """A copy of a sample with only those `polys`, `ignore_tags` and `texts` where ``mask``, (N,) booleans, is true."""
    texts = {"texts": [text for text, keep in zip(data["texts"], mask) if keep]} if "texts" in data else {}
    return {**data, **texts, "polys": data["polys"][mask], "ignore_tags": np.asarray(data["ignore_tags"], bool)[mask]}


@TRANSFORMS.register
class KeepVisibleText(Compact):
    """Removes text that an augmentation has moved out of the picture. MakeBorderMap, which comes later, fails on it."""

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """data: a sample with `image` (H, W, 3), `polys` (N, P, 2), `ignore_tags`, perhaps `texts`."""
        return select_text(data, are_visible(np.asarray(data["polys"]), *data["image"].shape[:2]))
