"""Unified deep mutual learning (U-DML) for text recognition: two networks of one structure teach each other.

Source: PP-OCRv2, arXiv:2109.03144, "Enhancement Strategies", "Text Recognition", "Unified-Deep Mutual Learning".

- ``loss``: the component UDMLLoss, with CTC, the distance of feature maps, and mutual learning
- ``mutual``: the divergence between two networks' predictions, as pure functions
"""
