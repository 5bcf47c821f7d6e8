"""The techniques of PP-OCRv2. Importing this package only registers them; nothing here knows PaddleOCR."""

from . import cml, copy_paste, lcnet  # noqa: F401
