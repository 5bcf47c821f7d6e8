"""What the commands do, as functions; one module for each family of commands."""

from . import (
    average,
    centers,
    compare,
    compress,
    configs,
    data,
    eval_system,
    export,
    info,
    ocr,
    run,
    train,
    verify,
    weights,
)

__all__ = [
    "average",
    "centers",
    "compare",
    "compress",
    "configs",
    "data",
    "eval_system",
    "export",
    "info",
    "ocr",
    "run",
    "train",
    "verify",
    "weights",
]
