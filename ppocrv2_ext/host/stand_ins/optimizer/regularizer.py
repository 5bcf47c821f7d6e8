"""Weight decay; stands in for ``ppocr/optimizer/regularizer.py``."""

from __future__ import annotations


class L2Decay:
    """With Adam, ``factor`` * weight is added to the gradient; with AdamW, to the step."""

    def __init__(self, factor: float = 0.0):
        self.factor = float(factor)

    def __call__(self) -> float:
        """The ``weight_decay`` of a Paddle optimizer."""
        return self.factor
