"""Characters as a sentence shows them."""

from __future__ import annotations

import unicodedata

UNSEEN = ("M", "C", "Z")  # categories of Unicode: marks that stand on another character, controls, spaces


def quote_character(character: str) -> str:
    """``'é'``, or ``U+0301 (COMBINING ACUTE ACCENT)`` for a character that does not show when it stands alone."""
    if not unicodedata.category(character).startswith(UNSEEN) or character == " ":
        return f'"{character}"' if character == "'" else f"'{character}'"
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")
