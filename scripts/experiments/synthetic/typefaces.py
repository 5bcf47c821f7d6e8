"""The typefaces of synthetic text, from packages that must be installed. All have Chinese and Latin glyphs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.preview.fonts import FONT_FILE, FONT_PACKAGE, REQUIREMENT, find_font_file


class Typeface(NamedTuple):
    """A font file inside an installed package."""

    package: str
    file: str
    index: int = 0  # in a collection of several
    weight: int | None = None  # of a variable font, 100 (thin) to 900 (black)


FONTS = {
    "sans": Typeface(FONT_PACKAGE, FONT_FILE),
    "serif": Typeface(FONT_PACKAGE, "NotoSerifSC-Regular.otf"),
    "light": Typeface("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc", index=2, weight=200),
    "black": Typeface("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc", index=2, weight=900),
    "micro": Typeface("paperang_p2_fonts_cjk", "fonts/wqy-microhei.ttc"),
}
REQUIREMENTS = {
    FONT_PACKAGE: REQUIREMENT,
    "manimgx_fonts_cjk": "manimgx-fonts-cjk==2026.9.26.post1",
    "paperang_p2_fonts_cjk": "paperang-p2-fonts-cjk==0.1.0",
}


def load_typeface(name: str, size: int) -> ImageFont.FreeTypeFont:
    """The font ``name``, a key of :data:`FONTS`, in ``size`` pixels."""
    face = FONTS[name]
    font = ImageFont.truetype(str(find_typeface_file(name)), size, index=face.index)
    if face.weight:
        font.set_variation_by_axes([face.weight])
    return font


def find_typeface_file(name: str) -> Path:
    """The path of the font ``name``, a key of :data:`FONTS`.

    Raises:
        UserError: its package is not installed.
    """
    face = FONTS[name]
    try:
        return find_font_file(face.package, face.file, REQUIREMENTS[face.package])
    except UserError:
        raise UserError(
            f"the font {name!r} is not installed; run `pip install {REQUIREMENTS[face.package]}`."
        ) from None


def require_typefaces(names: Iterable[str]) -> None:
    """Refuse fonts that are not installed, before the first is drawn.

    Args:
        names: keys of :data:`FONTS`.
    """
    for name in names:
        find_typeface_file(name)
