"""A font with Chinese and Latin glyphs, out of an installed package."""

from __future__ import annotations

import functools
from importlib import util
from pathlib import Path
from typing import Union

from PIL import ImageFont

from ..errors import UserError

FONT_PACKAGE = "pylopdf_fonts_zh_cn"
FONT_FILE = "NotoSansSC-Regular.otf"
REQUIREMENT = "pylopdf-fonts-zh-cn==0.1.1"

Font = Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]


def find_font_file(package: str = FONT_PACKAGE, file: str = FONT_FILE, requirement: str = REQUIREMENT) -> Path:
    """The path of a font file inside an installed package.

    Args:
        package: the name that is imported.
        file: relative to the package's folder.
        requirement: what pip installs, for the error message.
    Raises:
        UserError: the package is not installed.
    """
    spec = util.find_spec(package)
    folders = (spec and spec.submodule_search_locations) or []
    path = next((path for path in (Path(folder) / file for folder in folders) if path.is_file()), None)
    if path is None:
        raise UserError(f"drawing Chinese text needs its fonts; run `pip install {requirement}`.")
    return path


def load_font(size: int) -> ImageFont.FreeTypeFont:
    """The font with Chinese and Latin glyphs.

    Args:
        size: pixels.
    Raises:
        UserError: the package that has it is not installed.
    """
    return ImageFont.truetype(str(find_font_file()), size)


@functools.cache  # a sheet asks hundreds of times
def load_label_font(size: int) -> Font:
    """:func:`load_font`, or Pillow's own font, which has only Latin glyphs, if the package is not installed."""
    try:
        return load_font(size)
    except UserError:
        return ImageFont.load_default(size)
