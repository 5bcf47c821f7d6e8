"""A window of a scene, mirrored, turned and scaled, as a transform in a PaddleOCR config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import non_negative, number
from ...registry import TRANSFORMS
from ..draws import Draws
from .outlines import Frame, read_outlines
from .pose import choose_steps, compose, map_points, read_augmenters, shift_by
from .shrink_map import are_too_small, clip_outlines
from .visible_text import are_visible, select_text
from .warp import warp
from .window import choose_corner, read_size


@TRANSFORMS.register
class RandomSceneWindow:
    """Does the work of IaaAugment and RandomTextWindow, with their arguments and distribution.

    It comes before the maps, which TextBorderMap and TextShrinkMap then make for the window alone. The maps equal those
    that RandomTextWindow cuts out of the maps of the whole picture. KeepVisibleText, after the maps, drops other text.

    Args:
        augmenter_args: as IaaAugment has it: a list of Fliplr with `p`, Affine with `rotate` and Resize with `size`.
            None is IaaAugment's default, an empty list does nothing.
        size: (height, width) of the window in pixels.
        text_p: probability, in [0, 1], that the window is placed around text. The others show background.
        min_text_size: no window is placed around text whose upright box is smaller than this, pixels >= 0.
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        size: Sequence[int],
        augmenter_args: Sequence[Any] | None = None,
        text_p: float = 0.75,
        min_text_size: float = 8,
        seed: int | None = None,
    ) -> None:
        self.augmenters = read_augmenters(augmenter_args)
        self.size = read_size(size, "[height, width]")
        self.text_p = number(text_p, "text_p", 0, 1)
        self.min_text_size = non_negative(min_text_size, "min_text_size")
        self.draws = Draws("RandomSceneWindow", seed)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with a window of its picture, and where the picture lies around it, as `frame`.

        Args:
            data: a sample with `image` (H, W, C) or (H, W), `polys` (N, P, 2), `ignore_tags`, perhaps `texts`. All text
                in the picture is kept, for the maps.
        Raises:
            UserError: a coordinate of an outline is not a finite number.
        """
        image, ignored = data["image"], np.asarray(data["ignore_tags"], bool)
        rng = self.draws.generator()
        pose = compose(choose_steps(rng, self.augmenters), image.shape[1], image.shape[0])
        outlines = map_points(pose.matrix, read_outlines(data["polys"]))
        visible = are_visible(outlines, pose.height, pose.width)
        clipped = clip_outlines(outlines, Frame(0, 0, pose.width, pose.height))
        goals = clipped[visible & ~ignored & ~are_too_small(clipped, self.min_text_size)]
        y, x = choose_corner(rng, (pose.height, pose.width), self.size, goals, self.text_p)
        matrix = shift_by(-x, -y) @ pose.matrix
        height, width = min(self.size[0], pose.height - y), min(self.size[1], pose.width - x)
        window = warp(image, matrix, width, height, pose.detail, self.size)
        moved = {
            **data,
            "image": window,
            "polys": (outlines - [x, y]).astype(np.float32),
            "ignore_tags": ignored,
            "frame": Frame(-x, -y, pose.width - x, pose.height - y),
        }
        return select_text(moved, visible)
