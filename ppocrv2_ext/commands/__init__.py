"""What the commands do, as functions; one module for each family of commands."""

from . import centers, data, export, info, train, weights

__all__ = ["centers", "data", "export", "info", "train", "weights"]
