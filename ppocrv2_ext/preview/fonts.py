"""Fonts with Chinese and Latin glyphs, out of installed packages."""

import functools
from importlib import util
from pathlib import Path
from typing import NamedTuple, Optional

from PIL import ImageFont

from ..errors import UserError

FONT_PACKAGE = "pylopdf_fonts_zh_cn"


class Typeface(NamedTuple):
    """A font file inside an installed package."""

    package: str
    file: str
    index: int = 0  # in a collection of several
    weight: Optional[int] = None  # of a variable font, 100 (thin) to 900 (black)


FONTS = {
    "sans": Typeface(FONT_PACKAGE, "NotoSansSC-Regular.otf"),
    "serif": Typeface(FONT_PACKAGE, "NotoSerifSC-Regular.otf"),
    "light": Typeface("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc", index=2, weight=200),
    "black": Typeface("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc", index=2, weight=900),
    "micro": Typeface("paperang_p2_fonts_cjk", "fonts/wqy-microhei.ttc"),
}
REQUIREMENTS = {
    FONT_PACKAGE: "pylopdf-fonts-zh-cn==0.1.1",
    "manimgx_fonts_cjk": "manimgx-fonts-cjk==2026.9.26.post1",
    "paperang_p2_fonts_cjk": "paperang-p2-fonts-cjk==0.1.0",
}


def load_font(name, size):
    """A Pillow font that has Chinese and Latin glyphs; ``name`` is one of FONTS."""
    face = FONTS[name]
    font = ImageFont.truetype(str(font_file(name)), size, index=face.index)
    if face.weight:
        font.set_variation_by_axes([face.weight])
    return font


def font_file(name):
    """Path of one of FONTS."""
    face = FONTS[name]
    spec = util.find_spec(face.package)
    file = Path(spec.submodule_search_locations[0]) / face.file if spec else None
    if file is None or not file.is_file():
        raise UserError(f"drawing Chinese text needs its fonts; run `pip install {REQUIREMENTS[face.package]}`.")
    return file


@functools.cache  # a sheet asks hundreds of times
def label_font(size):
    """A font with Chinese and Latin glyphs; without the package that has it, Pillow's own, which has Latin."""
    try:
        return load_font("sans", size)
    except UserError:
        return ImageFont.load_default(size)
