"""Stand-ins for the four packages that the ``paddleocr`` 2.10 wheel leaves out: modeling, losses, optimizer, metrics.

This folder is appended to ``ppocr.__path__``, so that ``ppocr.modeling`` and the other three are imported from here.
Names, config keys and parameter names are PaddleOCR's. An option is here only if a config of PaddleOCR that runs on the
wheel, or a config of this project, sets it; ``tests/host/stand_ins/test_stand_in_options.py`` lists which.
"""
