"""Training windows for text detection: a part of the picture, with its maps, at the scale that evaluation sees.

PaddleOCR's EastRandomCropData cuts out a region between texts and scales it to fit a square. The network then sees text
at other sizes than in evaluation, and on real scenes more than half of the square stays empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import number
from ...data.sample_keys import DB_MAPS
from ...errors import UserError
from ...registry import TRANSFORMS
from ..draws import Draws
from .visible_text import are_visible, select_text
from .window import choose_corner, cut, read_size


@TRANSFORMS.register
class RandomTextWindow:
    """Cuts one random window out of the image and its four maps, right after MakeShrinkMap.

    RandomSceneWindow does the same before the maps are made, several times faster; the shipped configs have that.

    The maps are made for the whole picture before the cut, so text at the border of the window keeps its labels. Where
    the window reaches past a small picture the masks are 0: nothing is learnt there.

    Args:
        size: (height, width) of the window in pixels.
        text_p: probability, in [0, 1], that the window is placed around text. The others show background.
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, size: Sequence[int], text_p: float = 0.75, seed: int | None = None) -> None:
        self.size = read_size(size, "[height, width]")
        self.text_p = number(text_p, "text_p", 0, 1)
        self.draws = Draws("RandomTextWindow", seed)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Cut the image, the maps and the polygons at the same place; text outside the window leaves the lists.

        Args:
            data: a sample with `image` (H, W, 3), `polys` (N, P, 2), `ignore_tags`, perhaps `texts`, and the four maps
                (H, W) of :data:`~ppocrv2_ext.data.sample_keys.DB_MAPS`.
        Raises:
            UserError: the sample has no maps yet.
        """
        missing = [key for key in DB_MAPS if key not in data]
        if missing:
            raise UserError(
                f"RandomTextWindow must follow MakeBorderMap and MakeShrinkMap; the sample has no {missing[0]!r}."
            )
        polygons, ignored = np.asarray(data["polys"]), np.asarray(data["ignore_tags"], dtype=bool)
        corner = choose_corner(
            self.draws.generator(), data["image"].shape[:2], self.size, polygons[~ignored], self.text_p
        )
        windows = {key: cut(data[key], corner, self.size) for key in ("image", *DB_MAPS)}
        polygons = polygons - np.array(corner[::-1])
        return select_text({**data, **windows, "polys": polygons}, are_visible(polygons, *self.size))
