"""The techniques of PP-OCRv2. Importing this package only registers them; nothing here knows PaddleOCR."""

from . import both_ways, center, cml, copy_paste, ctc, lcnet, span, turning, udml, window  # noqa: F401
