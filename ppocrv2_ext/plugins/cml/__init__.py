"""Collaborative mutual learning of two detectors under a frozen teacher (arXiv:2109.03144, 2.1)."""
