"""Pictures whose pixels are made late. Copy-Paste draws by labels alone, and half of the crops show no pasted text.

The other picture is decoded only if the crop shows text of it. Only text that the crop shows is pasted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

import numpy as np

from .pasting import Paste, paste


class LatePicture:
    """A picture that is decoded when its pixels are asked for. Its size is known.

    Args:
        height, width: in pixels.
        decode: gives the picture, (height, width, 3) uint8.
    """

    ndim = 3

    def __init__(self, height: int, width: int, decode: Callable[[], np.ndarray]) -> None:
        self.shape = height, width, 3
        self._decode = decode

    def pixels(self) -> np.ndarray:
        """(height, width, 3) uint8, decoded anew in each call."""
        return self._decode()


AnyPicture = Union[np.ndarray, LatePicture]


class PastedPicture:
    """A picture with text to be pasted into it, for a transform that shows a part of it. Slices of it are arrays.

    Args:
        image: (H, W, 3) uint8. It is not modified.
        other: the picture that the text comes from.
        pastes: what :func:`~.pasting.choose` returned.
    """

    def __init__(self, image: np.ndarray, other: AnyPicture, pastes: Sequence[Paste]) -> None:
        self.image, self.other, self.pastes = image, other, pastes
        self.shape, self.dtype, self.ndim = image.shape, image.dtype, image.ndim

    def __getitem__(self, rows_columns: tuple[slice, slice]) -> np.ndarray:
        """A part of the picture with the text that reaches into it. It may be a view of ``image``."""
        return self._paste(self._reaching(*rows_columns))[rows_columns]

    def whole(self) -> np.ndarray:
        """The whole picture, (H, W, 3), with all the text."""
        return self._paste(self.pastes)

    def _reaching(self, rows: slice, columns: slice) -> list[Paste]:
        """The pastes of which a pixel may lie in a part of the picture."""
        (top, bottom, _), (left, right, _) = rows.indices(self.shape[0]), columns.indices(self.shape[1])
        outlines = np.array([one.polygon for one in self.pastes])
        low, high = np.floor(outlines.min(axis=1)), np.ceil(outlines.max(axis=1))
        reach = ((low < [right, bottom]) & (high >= [left, top])).all(axis=1)
        return [one for one, reaches in zip(self.pastes, reach) if reaches]

    def _paste(self, pastes: Sequence[Paste]) -> np.ndarray:
        if not pastes:
            return self.image
        return paste(self.image, self.other.pixels() if isinstance(self.other, LatePicture) else self.other, pastes)
