"""A part of a line in place of the whole line. Which way up a line is, every part of it shows as well.

A few thousand words are few for a classifier. Their parts are many more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arguments import number
from ...errors import UserError
from ...registry import TRANSFORMS
from ..draws import Draws
from .turning import UPRIGHT, UPSIDE_DOWN


def choose_span(
    rng: np.random.Generator, width: int, height: int, min_share: float, min_aspect: float
) -> tuple[int, int]:
    """Draw a part of a line. Its width is drawn first, then its place, each with equal chances.

    Args:
        rng: the only source of randomness.
        width, height: of the line in pixels.
        min_share: smallest width of the part as a share of the line, in [0, 1].
        min_aspect: smallest width of the part in heights of the line, >= 0.
    Returns:
        (left, right) columns in pixels, half-open. The whole line if it is no wider than a part must be.
    """
    shortest = min(width, max(round(min_share * width), round(min_aspect * height), 1))
    span_width = int(rng.integers(shortest, width + 1))
    left = int(rng.integers(0, width - span_width + 1))
    return left, left + span_width


@TRANSFORMS.register
class RandomSpan:
    """Cuts a part out of a line of text, at its full height. It comes right after RandomHalfTurn.

    Args:
        p: probability, in [0, 1].
        min_share: smallest width of the part as a share of the line, in [0, 1].
        min_aspect: smallest width of the part in heights of the line, in [0, 100]. The default is about two characters.
        seed: for the same draws in every run. PaddleOCR puts `Global.seed` here if the config has one.
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self, p: float = 0.5, min_share: float = 0.35, min_aspect: float = 1.5, seed: int | None = None
    ) -> None:
        self.p = number(p, "p", 0, 1)
        self.min_share = number(min_share, "min_share", 0, 1)
        self.min_aspect = number(min_aspect, "min_aspect", 0, 100)
        self.draws = Draws("RandomSpan", seed)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """Cut the image; the label stays.

        Args:
            data: a sample with `image`, (H, W) or (H, W, C), and the `label` "0" or "180".
        Raises:
            UserError: the label is still the text of the line.
        """
        if data.get("label") not in (UPRIGHT, UPSIDE_DOWN):
            raise UserError(
                "RandomSpan must follow RandomHalfTurn: a part of a line does not show all of the text in its label,"
                f" here {data.get('label')!r}."
            )
        rng = self.draws.generator()
        if rng.random() >= self.p:
            return data
        height, width = data["image"].shape[:2]
        left, right = choose_span(rng, width, height, self.min_share, self.min_aspect)
        return {**data, "image": data["image"][:, left:right].copy()}
