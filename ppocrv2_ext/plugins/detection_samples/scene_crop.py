"""A crop of a scene, mirrored, turned and scaled, as a transform in a PaddleOCR config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...arguments import number, whole_number
from ...registry import TRANSFORMS
from ..draws import Draws
from .crop import choose_crop
from .outlines import read_outlines
from .pose import choose_steps, compose, map_points, read_augmenters, scale_by, shift_by
from .visible_text import are_visible, select_text
from .warp import warp
from .window import read_size


@TRANSFORMS.register
class RandomSceneCrop:
    """Does the work of PaddleOCR's IaaAugment and EastRandomCropData, with their arguments and their distribution.

    Both draw their numbers first, and move only the outlines of the text. Then one warp makes the pixels of the crop.
    Unlike PaddleOCR's, it moves outlines exactly as it moves pixels, where theirs end up to half a pixel of the crop,
    times its scale, apart.

    Args:
        augmenter_args: as IaaAugment has it: a list of Fliplr with `p`, Affine with `rotate` and Resize with `size`.
            None is IaaAugment's default, an empty list does nothing.
        size: (width, height) of the sample in pixels.
        max_tries: how many crops are drawn until one is large enough and holds text, >= 1.
        min_crop_side_ratio: the least share of the picture's width and height that a crop has, in [0, 1].
        keep_ratio: whether width and height are scaled alike. The sample is then black at its right or at its bottom.
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        augmenter_args: Sequence[Any] | None = None,
        size: Sequence[int] = (640, 640),
        max_tries: int = 10,
        min_crop_side_ratio: float = 0.1,
        keep_ratio: bool = True,
        seed: int | None = None,
    ) -> None:
        if not isinstance(keep_ratio, bool):
            raise ValueError(f"`keep_ratio` must be true or false, got {keep_ratio!r}.")
        self.augmenters = read_augmenters(augmenter_args)
        self.size = read_size(size, "[width, height]")
        self.max_tries = whole_number(max_tries, "max_tries", 1)
        self.min_crop_side_ratio = number(min_crop_side_ratio, "min_crop_side_ratio", 0, 1)
        self.keep_ratio = keep_ratio
        self.draws = Draws("RandomSceneCrop", seed)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with a crop of its picture, and the text in it. The input is not modified.

        Args:
            data: a sample with `image` (H, W, C) or (H, W), `polys` (N, P, 2), `ignore_tags`, perhaps `texts`.
        Raises:
            UserError: a coordinate of an outline is not a finite number.
        """
        image, outlines, ignored = data["image"], read_outlines(data["polys"]), np.asarray(data["ignore_tags"], bool)
        rng = self.draws.generator()
        pose = compose(choose_steps(rng, self.augmenters), image.shape[1], image.shape[0])
        crop = choose_crop(
            rng,
            pose.width,
            pose.height,
            map_points(pose.matrix, outlines[~ignored]),
            self.max_tries,
            self.min_crop_side_ratio,
        )
        x, y, *sides = crop
        width, height = self._fit(*sides)
        matrix = scale_by(width / sides[0], height / sides[1]) @ shift_by(-x, -y) @ pose.matrix
        shown = warp(image, matrix, width, height, pose.detail, self.size[::-1])
        outlines = map_points(matrix, outlines)
        cropped = {**data, "image": shown, "polys": outlines.astype(np.float32), "ignore_tags": ignored}
        return select_text(cropped, are_visible(outlines, height, width))

    def _fit(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the crop in the sample, in pixels."""
        if not self.keep_ratio:
            return self.size
        scale = min(self.size[0] / width, self.size[1] / height)
        return max(1, int(width * scale)), max(1, int(height * scale))
