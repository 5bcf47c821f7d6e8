"""A ``.pdiparams`` file: whether it is whole. Paddle itself reads zeros where values are missing.

Each tensor in it is: 4 bytes, the number of levels (8 bytes), for each level its size (8) and its content; 4 bytes, the
size of a description (4), the description; the values.
"""

from __future__ import annotations

import struct
from pathlib import Path

from ..files import PathLike

# {number of a type in Paddle's VarType: bytes of a value}
VALUE_BYTES = {0: 1, 1: 2, 2: 4, 3: 8, 4: 2, 5: 4, 6: 8, 20: 1, 21: 1, 22: 2, 23: 8, 24: 16}


def is_whole(params: PathLike) -> bool:
    """Whether the file ends where its last tensor does. One with a type that is not known here is taken for whole."""
    content = Path(params).read_bytes()
    offset = 0
    try:
        while offset < len(content):
            (levels,) = struct.unpack_from("<Q", content, offset + 4)
            offset += 12
            for _ in range(levels):
                offset += 8 + struct.unpack_from("<Q", content, offset)[0]
            (size,) = struct.unpack_from("<i", content, offset + 4)
            kind, count = _read_type_and_count(content[offset + 8 : offset + 8 + size])
            if kind not in VALUE_BYTES:
                return True
            offset += 8 + size + count * VALUE_BYTES[kind]
    except (struct.error, IndexError):
        return False
    return offset == len(content) > 0


def _read_type_and_count(content: bytes) -> tuple[int, int]:
    """(the type, the number of values) of a tensor: the fields 1 and 2 of a protobuf message of whole numbers."""
    kind, count, offset = -1, 1, 0
    while offset < len(content):
        key, offset = _read_number(content, offset)
        value, offset = _read_number(content, offset)
        if key == 8:  # field 1, one number
            kind = value
        elif key == 16:  # field 2, one of several numbers
            count *= value
        elif key == 18:  # field 2, all numbers together in so many bytes
            end = offset + value
            while offset < end:
                value, offset = _read_number(content, offset)
                count *= value
    return kind, count


def _read_number(content: bytes, offset: int) -> tuple[int, int]:
    """(a whole number of a protobuf message, where the next one begins): 7 bits in each byte, the lowest first."""
    value = shift = 0
    while True:
        byte = content[offset]
        value |= (byte & 127) << shift
        offset, shift = offset + 1, shift + 7
        if byte < 128:
            return value, offset
