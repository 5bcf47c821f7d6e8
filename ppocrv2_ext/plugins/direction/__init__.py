"""Which way up is a line of text? A classifier of two directions, and the transforms that make its samples.

The paper of PP-OCRv2 (arXiv:2109.03144) keeps PP-OCR's classifier; this one is our own.

- ``classifier``: BothWaysLCNet and BothWaysClsHead, a network that compares a line with the same line upside down
- ``turning``: RandomHalfTurn and HalfTurnByName, which turn lines and set their labels
- ``span``: RandomSpan, which cuts a part out of a line
"""
