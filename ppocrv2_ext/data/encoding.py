"""How a text file is encoded, by its first bytes."""

from __future__ import annotations

import codecs

ENCODINGS = (  # of files that are not UTF-8 and say so in their first bytes; UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def find_wide_encoding(content: bytes) -> str | None:
    """The name of UTF-16 or UTF-32 if a file is written in it, else None.

    It begins with a byte-order mark, or every other one of its first bytes is a NUL.
    """
    for mark, encoding in ENCODINGS:
        if content.startswith(mark):
            return encoding
    start = content[:2000]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        nuls = start[first::2]
        if len(nuls) > 2 and nuls.count(0) > 0.4 * len(nuls) and start[1 - first :: 2].count(0) < 0.1 * len(nuls):
            return encoding
    return None
