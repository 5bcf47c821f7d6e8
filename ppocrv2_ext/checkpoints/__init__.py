"""Weights: the official PP-OCRv2 files, checkpoints, the load report and dictionaries that changed."""
