"""PP-OCRv2 as a plugin for PaddleOCR: LCNet, CML, enhanced U-DML, CTC + center loss and Copy-Paste."""

__version__ = "0.1.0"
