"""Stand-ins for the four packages the ``paddleocr`` 2.10 wheel leaves out: modeling, losses, optimizer, metrics.

Not imported under this name: this folder is appended to ``ppocr.__path__``, so that ``ppocr.modeling`` and the others
import from here. What the PP-OCRv2 configs need, with stock's names, config keys and parameter names; nothing else.
"""
