"""Training samples of a recognizer, made with the draws of PaddleOCR's transforms in a fraction of their time.

- ``augment``: the component TextLineAugment, for PaddleOCR's RecAug. ``choose`` draws, ``augment`` changes the pixels
- ``deform``: the three random deformations of a line of text, by moving least squares
- ``resize``: the component TextLineResize, for PaddleOCR's RecResizeImg
- ``encode``: the component TextLineEncode, for PaddleOCR's CTCLabelEncode

Each takes the arguments of PaddleOCR's transform and gives its results: the same for the same draws, up to rounding,
and random draws of the same distribution.
"""
