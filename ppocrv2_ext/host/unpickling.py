"""Every pickle that Paddle and PaddleOCR load in this process is read as data: it runs no code.

Both say ``pickle.load``, where ``pickle`` is a name in their modules. :data:`MODULES` get a ``pickle`` that writes as
before and reads with :func:`ppocrv2_ext.checkpoints.pickles.load`. So ``paddle.load`` is safe too, whoever calls it.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

from ..checkpoints import pickles

DATA_ONLY = SimpleNamespace(**{**vars(pickle), "load": pickles.load, "loads": pickles.loads})
MODULES = (
    "paddle.framework.io",
    "paddle.framework.io_utils",
    "paddle.jit.translated_layer",
    "ppocr.utils.save_load",
    "ppocr.data.lmdb_dataset",
    "ppocr.data.latexocr_dataset",
    "ppocr.losses.center_loss",
)


def find_modules() -> Iterator[ModuleType]:
    """The modules of :data:`MODULES` that are there and unpickle. Not every version has all of them."""
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if hasattr(module, "pickle"):
            yield module
