"""What the commands do, as functions.

- One module for each command of its name: ``weights``, ``average``, ``crop``, ``split``, ``check``, ``preview``,
  ``centers``, ``train``, ``export``, ``ocr``, ``compare``, ``compress``, ``verify``, ``eval_system``, ``configs``,
  ``run``, ``info``; and ``evaluate`` for eval.
- ``prepare``: what all commands do to a config. ``requirements``: what must be true before Paddle starts.
- ``inputs``: which files a command reads and must not write over. ``weights_sources``: which command writes
  missing weights, and of which training others are. ``published_networks``: the networks that ``weights`` fills.
- ``resuming``: what a training takes from its checkpoint. ``node``: work that one process of a machine does for all.
- ``center_coverage``: the half of centers that says what they cover. ``shrinking``: the half of compress that
  chooses which weights become int8.
- ``terminal``: tables, warnings and the progress bar.
"""

from . import (
    average,
    centers,
    check,
    compare,
    compress,
    configs,
    crop,
    eval_system,
    evaluate,
    export,
    info,
    ocr,
    preview,
    run,
    split,
    train,
    verify,
    weights,
)

__all__ = [
    "average",
    "centers",
    "check",
    "compare",
    "compress",
    "configs",
    "crop",
    "eval_system",
    "evaluate",
    "export",
    "info",
    "ocr",
    "preview",
    "run",
    "split",
    "train",
    "verify",
    "weights",
]
