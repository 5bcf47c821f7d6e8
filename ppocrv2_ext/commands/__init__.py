"""What the commands do, as functions; one module for each family of commands."""

from . import centers, data, eval_system, export, info, ocr, train, weights

__all__ = ["centers", "data", "eval_system", "export", "info", "ocr", "train", "weights"]
