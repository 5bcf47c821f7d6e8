"""Training samples of a recognizer, made in a fraction of the time that PaddleOCR's own transforms take.

- ``augment``: the component TextLineAugment, in place of PaddleOCR's RecAug. ``choose`` draws, ``augment`` applies
- ``deform``: the three random deformations of a line of text, by moving least squares
- ``resize``: the component TextLineResize, in place of PaddleOCR's RecResizeImg
- ``encode``: the component TextLineEncode, in place of PaddleOCR's CTCLabelEncode

Each takes the arguments of PaddleOCR's transform and gives its results: the same for the same draws, up to rounding,
and random draws of the same distribution.
"""
