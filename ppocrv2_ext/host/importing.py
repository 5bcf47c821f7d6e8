"""Make a PaddleOCR importable, and give the wheel the packages that it lacks."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from ..errors import UserError
from .find import Host

STAND_INS = Path(__file__).resolve().parent / "stand_ins"


def make_importable(host: Host) -> None:
    """Put ``host`` first on ``sys.path``. On the wheel, ``ppocr.modeling`` and the like come from ``stand_ins``.

    Raises:
        UserError: this process has imported another PaddleOCR.
    """
    root = str(host.root)
    if sys.path[0] != root:
        # First, as PaddleOCR's own scripts do it: a `tools` or `ppocr` beside the user's files must not win.
        sys.path.insert(0, root)
    ppocr = importlib.import_module("ppocr")
    folder = Path(str(ppocr.__file__)).resolve().parent
    if folder.parent != host.root:
        raise UserError(f"PaddleOCR at {host.root} was asked for, but this process already imported {folder}.")
    if host.missing_packages and str(STAND_INS) not in ppocr.__path__:
        # Last, so that whatever the wheel does hold wins.
        ppocr.__path__.append(str(STAND_INS))
