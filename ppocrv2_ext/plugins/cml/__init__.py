"""Collaborative mutual learning (CML) for text detection: two students learn from labels, each other and a teacher.

Source: PP-OCRv2, arXiv:2109.03144, "Enhancement Strategies", "Text Detection", "Collaborative Mutual Learning".

- ``loss``: the component CMLLoss, which unpacks the networks' outputs and the batch, and adds up the terms
- ``maps``: the terms as pure functions of maps; ``epsilons``: what keeps their logarithms finite
- ``cpu_maps``: the same terms on a CPU, by loops that numba compiles (``map_kernels``)
"""
