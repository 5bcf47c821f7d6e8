"""Training windows for text detection: a part of the picture at the size that text has there, maps included.

PaddleOCR's EastRandomCropData cuts out a region between texts and scales it into a square: text is seen at other sizes
than in evaluation, and on scenes more than half of the square stays empty.
"""

import numpy as np

from ..config.names import DB_MAPS
from ..config.numbers import number, whole_number
from ..errors import UserError
from ..registry import TRANSFORMS
from .draws import Draws


def choose_corner(rng, picture_hw, window_hw, polygons, text_p):
    """(y, x) of a window inside the picture, 0 along a side on which the picture is not larger.

    Args:
        rng: numpy.random.Generator.
        polygons: (N, P, 2) readable text; with probability ``text_p`` the centre of one of them, each as likely, lies
            in the window, else the window lies anywhere.
    """
    last = np.maximum(np.subtract(picture_hw, window_hw), 0)
    low, high = np.zeros(2, dtype=int), last
    if len(polygons) and rng.random() < text_p:
        centre = np.floor(polygons[rng.integers(len(polygons))].mean(axis=0)[::-1]).astype(int)  # y, x
        low = np.clip(centre - window_hw + 1, 0, last)
        high = np.clip(centre, low, last)
    return tuple(rng.integers(low, high + 1).tolist())


def cut(array, corner, window_hw):
    """A copy of the window of an array (H, W) or (H, W, C); 0 where it reaches past the right or lower border."""
    (y, x), (h, w) = corner, window_hw
    inside = array[y : y + h, x : x + w]
    window = np.zeros((h, w, *array.shape[2:]), dtype=array.dtype)
    window[: inside.shape[0], : inside.shape[1]] = inside
    return window


def shown(polygons, height, width):
    """(N,) booleans: the bounding box of a polygon, of (N, P, 2) in x and y, overlaps a picture of that size."""
    return (polygons.max(axis=1) > 0).all(axis=1) & (polygons.min(axis=1) < [width, height]).all(axis=1)


def keep_text(data, kept):
    """A copy of a sample with those of its `polys`, `ignore_tags`, `texts` where ``kept``, (N,) booleans, is true."""
    texts = {"texts": [text for text, keep in zip(data["texts"], kept) if keep]} if "texts" in data else {}
    return {**data, **texts, "polys": data["polys"][kept], "ignore_tags": np.asarray(data["ignore_tags"], bool)[kept]}


@TRANSFORMS.register
class KeepVisibleText:
    """Leaves out text that an augmentation has moved outside the picture, before MakeBorderMap, which fails on it."""

    def __call__(self, data):
        """data: a sample with `image` (H, W, 3), `polys` (N, P, 2), `ignore_tags`, perhaps `texts`."""
        return keep_text(data, shown(np.asarray(data["polys"]), *data["image"].shape[:2]))


@TRANSFORMS.register
class RandomTextWindow:
    """:func:`choose_corner` and :func:`cut` on the image and its four maps, right after MakeShrinkMap.

    The maps are made for the whole picture before, so that text cut by the border of the window keeps its labels.
    Past the border of a small picture the masks are 0: nothing is learnt there.

    Args:
        size: (height, width) of the window in pixels.
        text_p: probability that the window is laid around text; the others show what is no text.
        seed: for the same draws in every run; PaddleOCR puts `Global.seed` here if a config has one.
    """

    def __init__(self, size, text_p=0.75, seed=None):
        if not isinstance(size, (list, tuple)) or len(size) != 2:
            raise ValueError(f"`size` must be [height, width], got {size!r}.")
        self.size = tuple(whole_number(side, "size", 1) for side in size)
        self.text_p = number(text_p, "text_p", 0, 1)
        self.draws = Draws("RandomTextWindow", seed)

    def __call__(self, data):
        """data: a sample with `image` (H, W, 3), `polys`, `ignore_tags`, perhaps `texts`, and the four maps (H, W).

        Text of which the window shows nothing is left out of the lists.
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
        moved = polygons - np.array(corner[::-1])
        return keep_text({**data, **windows, "polys": moved}, shown(moved, *self.size))
