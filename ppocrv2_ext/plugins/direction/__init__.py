"""Which way up is a line of text? A text direction classifier, 0 or 180 degrees, and the transforms of its samples.

The paper of PP-OCRv2 (arXiv:2109.03144) keeps PP-OCR's classifier; this one is our own.

- ``classifier``: BothWaysLCNet and BothWaysClsHead, a network that compares a line with the same line upside down
- ``turning``: RandomHalfTurn and HalfTurnByName, which turn lines and set their labels
- ``span``: RandomSpan, which cuts a part out of a line
"""
