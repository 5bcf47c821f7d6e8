"""Which PaddleOCR this process stands on: a clone with ``tools/`` and ``ppocr/``, or the ``paddleocr`` 2.x wheel."""

import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError

SCRIPTS = ("tools/program.py", "tools/train.py", "tools/eval.py", "tools/export_model.py")
SHARED = ("ppocr/data", "ppocr/postprocess", "ppocr/utils")
TRAINING = ("ppocr/modeling", "ppocr/losses", "ppocr/optimizer", "ppocr/metrics")  # what the wheel leaves out

HOW_TO_GET = (
    "install one with `pip install '.[trainer]'` in the folder of this package, or name a clone with --paddleocr DIR"
    " or PADDLEOCR_HOME"
)


class Host(NamedTuple):
    """A PaddleOCR that can train: ``root`` holds ``ppocr`` and ``tools``; ``lacks`` names the packages we complete."""

    kind: str  # "checkout" or "wheel"
    root: Path
    version: str  # of the wheel, or the commit of a checkout
    lacks: tuple


def find(directory=None):
    """The PaddleOCR named by ``directory``, else PADDLEOCR_HOME, else the working directory, else the wheel.

    Raises:
        UserError: there is none, it is a 3.x wheel (which holds no trainer), or it is only half a checkout.
    """
    for source, named in (("--paddleocr", directory), ("PADDLEOCR_HOME", os.environ.get("PADDLEOCR_HOME"))):
        if named:
            return _checkout(Path(named).expanduser(), source)
    if _missing(Path.cwd(), SCRIPTS) == ():
        return _checkout(Path.cwd(), "the working directory")
    return _wheel()


def _missing(root, parts):
    return tuple(part for part in parts if not (root / part).exists())


def _checkout(root, source):
    if not root.is_dir():
        raise UserError(f"{source} must be a clone of PaddleOCR, but there is no folder {root}.")
    missing = _missing(root, SCRIPTS + SHARED + TRAINING)
    if missing:
        raise UserError(
            f"{source} must be a complete clone of PaddleOCR; {root} lacks {', '.join(missing)}: "
            "name the folder that holds tools/ and ppocr/, or check it out again."
        )
    return Host("checkout", root.resolve(), _commit(root), ())


def _commit(root):
    """The tag or commit that a clone is at; "of unknown commit" for a copy without its history."""
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "-C", str(root), "describe", "--always", "--tags", "--dirty"]
        found = subprocess.run(command, capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.strip()
    return "of unknown commit"


def _wheel():
    # The installed metadata is asked: `import paddleocr` loads a whole inference stack. Once the wheel's folder is on
    # sys.path, a second, stale metadata folder inside it answers to the same name, and leads nowhere.
    installed = list(metadata.distributions(name="paddleocr"))
    if not installed:
        raise UserError(f"PaddleOCR is not installed and no clone of it is named: {HOW_TO_GET}.")
    folders = [(Path(found.locate_file("paddleocr")), found) for found in installed]
    root, distribution = next((pair for pair in folders if (pair[0] / "__init__.py").is_file()), folders[0])
    missing = _missing(root, SCRIPTS + SHARED)
    if missing:
        raise UserError(
            f"paddleocr {distribution.version} holds no trainer ({missing[0]} is not in {root}); "
            f"the last wheel that does is 2.10.0: {HOW_TO_GET}."
        )
    return Host("wheel", root.resolve(), distribution.version, _missing(root, TRAINING))
