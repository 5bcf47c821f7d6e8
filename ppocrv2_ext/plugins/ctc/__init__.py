"""CTC over lines of text (Graves et al., ICML 2006), on which the recognizer and the center loss stand.

PP-OCRv2 (arXiv:2109.03144) trains its recognizer with CTC; see "Enhancement Strategies", "Text Recognition".

- ``losses``: FeasibleCTCLoss, and beside it FocalCTCLoss and AggregationCrossEntropyLoss
- ``alignment``: which frame reads which character of a known label; ``path_rules``: where a path may go
- ``cpu_loss``, ``cpu_paths``: both on a CPU, where Paddle's operators are slow over thousands of classes;
  ``path_kernels``: the loop of the second, which numba compiles
- ``frames``: operations on the frames of lines
"""
