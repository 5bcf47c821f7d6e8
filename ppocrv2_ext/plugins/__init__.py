"""The techniques of PP-OCRv2. Importing this package only registers them; nothing here knows PaddleOCR."""

from . import lcnet  # noqa: F401
