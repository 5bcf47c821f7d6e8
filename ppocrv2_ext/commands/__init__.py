"""What the commands do, as functions.

- One module for each command of its name: ``weights``, ``average``, ``centers``, ``export``, ``ocr``, ``compare``,
  ``compress``, ``verify``, ``eval_system``, ``configs``, ``run``, ``info``.
- ``data``: check and preview. ``train``: train and eval.
- ``prepare``: what all commands do to a config. ``requirements``: what must be true before Paddle starts.
- ``inputs``: which files a command reads and must not write over. ``weights_sources``: which command writes
  missing weights, and of which training others are.
- ``resuming``: what a training takes from its checkpoint. ``node``: work that one process of a machine does for all.
- ``center_coverage``: what class centers cover. ``shrinking``: which weights of a model can be int8.
- ``terminal``: tables, warnings and the progress bar.
"""

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
