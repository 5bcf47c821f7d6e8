"""The techniques of PP-OCRv2. Importing this package only registers them; nothing here knows PaddleOCR."""

from . import center, cml, copy_paste, ctc, lcnet, turning, udml, window  # noqa: F401
