"""What the commands do, as functions; one module for each family of commands."""

from . import centers, compare, data, eval_system, export, info, ocr, train, weights

__all__ = ["centers", "compare", "data", "eval_system", "export", "info", "ocr", "train", "weights"]
