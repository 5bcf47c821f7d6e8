"""Which packages this interpreter has, and what to do about an import that failed."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

OURS = Path(__file__).resolve().parent
INSTALL = "run `pip install .` in the folder of this package"
INSTALL_PADDLE = "run `pip install '.[cpu]'`, or on a GPU `pip install '.[gpu]'`, in the folder of this package"
PARTS_OF_PADDLEOCR = ("ppocr", "tools")
IMPORTED = "<module>"  # the name of what Python runs while it imports a file


def find_version(*packages: str) -> str | None:
    """The version of the first of these packages that is installed; None if none is."""
    for package in packages:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return None


def explain_failed_import(error: BaseException) -> str | None:
    """A sentence for an error in the middle of an import, with what to do about it; None for any other error.

    It is about a package that is not installed, or about a file of PaddleOCR that fails or exits while it is imported.
    """
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    package = (missing or "").partition(".")[0]
    if package == OURS.name:
        return None
    if package == "paddle":
        return f"this needs Paddle, which is not installed: {INSTALL_PADDLE}."
    frames = list(_list_frames(error))
    for file, is_import in reversed(frames):
        root = _find_paddleocr(file)
        if root is None or not (missing or is_import):
            continue
        requirements = root / "requirements.txt"
        advice = f"run `pip install -r {requirements}`" if requirements.is_file() else "install it again"
        if package in PARTS_OF_PADDLEOCR:
            return f"PaddleOCR in {root} lacks its module {missing}: check it out again."
        if missing:
            more = f", and install {package} if that does not bring it" if requirements.is_file() else ""
            return f"PaddleOCR in {root} needs the module {missing}, which is not installed: {advice}{more}."
        if isinstance(error, SystemExit):
            advice = "what it printed before says why"
        said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".:")
        return f"{file.relative_to(root)} of PaddleOCR in {root} cannot be imported ({said}): {advice}."
    if not missing:
        return None
    importer = frames[-1][0]
    if OURS in importer.parents:
        return f"this needs the module {missing}, which is not installed: {INSTALL}."
    return f"{importer} needs the module {missing}, which is not installed: install it."


def _list_frames(error: BaseException) -> Iterator[tuple[Path, bool]]:
    """(file, whether it was being imported) from the outermost call to the innermost, without Python's own imports."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith("<"):
            yield Path(file), frame.f_code.co_name == IMPORTED and frame.f_globals.get("__name__") != "__main__"


def _find_paddleocr(file: Path) -> Path | None:
    """The folder that holds the ``ppocr`` or the ``tools`` that a file is in; None for a file of anything else."""
    for folder in file.parents:
        if folder.name in PARTS_OF_PADDLEOCR and all((folder.parent / part).is_dir() for part in PARTS_OF_PADDLEOCR):
            return folder.parent
    return None
