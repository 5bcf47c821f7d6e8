"""Fields of a sample that travel to the training as bytes, which takes a quarter of the time.

Eight scenes of 960x960 with their maps are 206 MB in float32. To hand them from a process of the loader to the training
takes longer than to make them, since each batch needs new shared memory. As bytes, and with one map that stays float32,
they are 74 MB.
"""

from __future__ import annotations

from collections.abc import Callable

from paddle import Tensor

Widen = Callable[[Tensor], Tensor]


class Compact:
    """A transform behind which fields of a sample may be uint8: it can make such fields, or it reads none of them.

    Set ``is_compact`` in the processes of a loader whose batches are finished by :attr:`widen`.
    """

    is_compact = False

    @property
    def widen(self) -> dict[str, Widen]:
        """For each field that it can make so: what makes float32 of a batch of it in uint8, on the batch's device."""
        return {}


def widen_mask(masks: Tensor) -> Tensor:
    """0 and 1 in float32."""
    return masks.astype("float32")
