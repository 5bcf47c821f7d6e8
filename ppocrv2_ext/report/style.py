"""What the pictures share: colours, and a font for labels."""

import functools

from PIL import ImageFont

from ..data.draw import load_font
from ..errors import UserError

INK, QUIET, WRONG, RIGHT, RULE = "#1a1a1a", "#6b6b6b", "#c62828", "#2e7d32", "#e2e2e2"


@functools.cache  # a sheet asks hundreds of times
def label_font(size):
    """A font with Chinese and Latin glyphs; without the package that has it, Pillow's own, which has Latin."""
    try:
        return load_font("sans", size)
    except UserError:
        return ImageFont.load_default(size)
