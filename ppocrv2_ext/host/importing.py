"""Make a found PaddleOCR importable, and lend the wheel the packages it leaves out."""

import importlib
import sys
from pathlib import Path

from ..errors import UserError

STAND_INS = Path(__file__).resolve().parent / "stand_ins"


def complete(host):
    """Put ``host`` first on ``sys.path`` and, on the wheel, let ``ppocr.modeling`` and its like come from us.

    Raises:
        UserError: another PaddleOCR was imported into this process before.
    """
    root = str(host.root)
    if sys.path[0] != root:
        # In front, as PaddleOCR's own scripts do: a `tools` or `ppocr` beside the user's files must not win.
        sys.path.insert(0, root)
    ppocr = importlib.import_module("ppocr")
    loaded = Path(ppocr.__file__).resolve().parent
    if loaded.parent != host.root:
        raise UserError(f"PaddleOCR at {host.root} was asked for, but this process already imported {loaded}.")
    if host.lacks and str(STAND_INS) not in ppocr.__path__:
        # Appended, so that whatever the wheel does hold wins.
        ppocr.__path__.append(str(STAND_INS))
