"""Which PaddleOCR this process uses: a clone with ``tools/`` and ``ppocr/``, or the ``paddleocr`` 2.x wheel.

The wheel lacks packages that its own scripts import; ``stand_ins/`` has them.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from ..errors import UserError

SCRIPTS = ("tools/program.py", "tools/train.py", "tools/eval.py", "tools/export_model.py")
SHARED_PACKAGES = ("ppocr/data", "ppocr/postprocess", "ppocr/utils")  # in a clone and in the wheel
TRAINING_PACKAGES = ("ppocr/modeling", "ppocr/losses", "ppocr/optimizer", "ppocr/metrics")  # in a clone only
STAND_INS = Path(__file__).resolve().parent / "stand_ins"

HOW_TO_GET = (
    "install one with `pip install '.[trainer]'` in the folder of this package, or name a clone with --paddleocr DIR"
    " or PADDLEOCR_HOME"
)


class Host(NamedTuple):
    """A PaddleOCR that can train."""

    kind: str  # "checkout" or "wheel"
    root: Path  # the folder that holds `ppocr` and `tools`
    version: str  # of the wheel, or the commit of a checkout
    missing_packages: tuple[str, ...]  # our stand-ins take their place

    @property
    def loads_addresses(self) -> bool:
        """Whether it loads an image from a web address. The wheel takes the address for the name of a file."""
        return self.kind == "checkout"

    @property
    def defaults(self) -> dict[str, bool]:
        """What ``Global`` must say for it where a config is silent. Under Paddle 3 the wheel exports only with PIR."""
        import paddle

        needs_pir = self.kind == "wheel" and int(paddle.__version__.split(".")[0]) >= 3
        return {"export_with_pir": True} if needs_pir else {}


def find_host(directory: str | os.PathLike[str] | None = None) -> Host:
    """The PaddleOCR in ``directory``, else in PADDLEOCR_HOME, else in the working directory, else the wheel.

    Raises:
        UserError: there is none; or it is a 3.x wheel, which holds no trainer; or a clone is incomplete.
    """
    for source, path in (("--paddleocr", directory), ("PADDLEOCR_HOME", os.environ.get("PADDLEOCR_HOME"))):
        if path:
            return _describe_checkout(Path(path).expanduser(), source)
    if not _list_missing(Path.cwd(), SCRIPTS):
        return _describe_checkout(Path.cwd(), "the working directory")
    return _find_wheel()


def _list_missing(root: Path, parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for part in parts if not (root / part).exists())


def _describe_checkout(root: Path, source: str) -> Host:
    if not root.is_dir():
        raise UserError(f"{source} must be a clone of PaddleOCR, but there is no folder {root}.")
    missing = _list_missing(root, SCRIPTS + SHARED_PACKAGES + TRAINING_PACKAGES)
    if missing:
        raise UserError(
            f"{source} must be a complete clone of PaddleOCR; {root} lacks {', '.join(missing)}: "
            "name the folder that holds tools/ and ppocr/, or check it out again."
        )
    return Host("checkout", root.resolve(), _read_commit(root), ())


def _read_commit(root: Path) -> str:
    """The tag or commit that a clone is at; "of unknown commit" for a copy without its history."""
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "-C", str(root), "describe", "--always", "--tags", "--dirty"]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == 0:
            return run.stdout.strip()
    return "of unknown commit"


def _find_wheel() -> Host:
    # The metadata are enough, and `import paddleocr` would load a whole inference stack. Once the wheel's folder is on
    # sys.path, an outdated metadata folder inside it is listed too; the wheel is not where that one says.
    distributions = list(metadata.distributions(name="paddleocr"))
    if not distributions:
        raise UserError(f"PaddleOCR is not installed and no clone of it is named: {HOW_TO_GET}.")
    folders = [(Path(str(each.locate_file("paddleocr"))), each) for each in distributions]
    root, distribution = next((pair for pair in folders if (pair[0] / "__init__.py").is_file()), folders[0])
    missing = _list_missing(root, SCRIPTS + SHARED_PACKAGES)
    if missing:
        raise UserError(
            f"paddleocr {distribution.version} holds no trainer ({missing[0]} is not in {root}); "
            f"the last wheel that does is 2.10.0: {HOW_TO_GET}."
        )
    return Host("wheel", root.resolve(), distribution.version, _list_missing(root, TRAINING_PACKAGES))


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
