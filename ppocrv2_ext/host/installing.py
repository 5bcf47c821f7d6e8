"""What PaddleOCR does about a package that it lacks: it runs pip. Here nobody but the user installs anything."""

from __future__ import annotations

import importlib.util

from ..errors import UserError


class NotInstalledError(UserError):
    """PaddleOCR lacks a package. Neither the config nor the data is to blame."""


def require_installed(module: str, package: str) -> None:
    """In place of ``ppocr.utils.utility.check_install``, which installs what is not there.

    Args:
        module: that PaddleOCR will import.
        package: as pip knows it.
    Raises:
        NotInstalledError: there is no such module.
    """
    if importlib.util.find_spec(module) is None:
        raise NotInstalledError(f"PaddleOCR needs the module {module} for this: run `pip install {package}`.")
