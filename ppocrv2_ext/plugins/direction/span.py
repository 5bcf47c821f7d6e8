"""A part of a line in place of the whole, for training on what every part shows as well: which way up it is.

A few thousand words are few for a classifier; their parts are many more.
"""

from ...config.numbers import number
from ...errors import UserError
from ...registry import TRANSFORMS
from ..draws import Draws
from .turning import TURNED, UPRIGHT


def choose_span(rng, width, height, min_share, min_aspect):
    """(left, right) columns of a part of a line, at least ``min_share`` of its width and ``min_aspect`` heights wide.

    Args:
        rng: numpy.random.Generator.
        width, height: of the line in pixels; the whole line if it is no wider than a part must be.
    """
    shortest = min(width, max(round(min_share * width), round(min_aspect * height), 1))
    kept = int(rng.integers(shortest, width + 1))
    left = int(rng.integers(0, width - kept + 1))
    return left, left + kept


@TRANSFORMS.register
class RandomSpan:
    """Keeps a part of a line of text at its full height, right after RandomHalfTurn.

    Args:
        p: probability.
        min_share: least share of the width that is kept, from 0 to 1.
        min_aspect: least width that is kept, in heights: about two characters by default.
        seed: for the same draws in every run; PaddleOCR puts `Global.seed` here if a config has one.
    """

    def __init__(self, p=0.5, min_share=0.35, min_aspect=1.5, seed=None):
        self.p = number(p, "p", 0, 1)
        self.min_share = number(min_share, "min_share", 0, 1)
        self.min_aspect = number(min_aspect, "min_aspect", 0, 100)
        self.draws = Draws("RandomSpan", seed)

    def __call__(self, data):
        """data: a sample with `image`, (H, W) or (H, W, C), and the `label` "0" or "180"."""
        if data.get("label") not in (UPRIGHT, TURNED):
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
