"""Weight decay; stands in for ``ppocr/optimizer/regularizer.py``."""

import paddle


class L1Decay:
    """Adds ``factor`` * sign(weight) to the gradient."""

    def __init__(self, factor=0.0):
        self.factor = float(factor)

    def __call__(self):
        return paddle.regularizer.L1Decay(self.factor)


class L2Decay:
    """Adds ``factor`` * weight to the gradient; with AdamW, to the step."""

    def __init__(self, factor=0.0):
        self.factor = float(factor)

    def __call__(self):
        return self.factor
