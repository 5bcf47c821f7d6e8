"""How many frames a recognizer makes of a line, and which width gives a text enough of them.

CTC writes at most one character in a frame. How many pixels a frame stands for depends on the backbone and its
arguments, so it is measured on the network of a config (:mod:`ppocrv2_ext.host.networks.frame_count`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

WIDTH_STEP = 32  # pixels; widths of inputs are multiples of it


class Frames(NamedTuple):
    """What a network makes of the lines of a data set."""

    backbone: str  # its name
    key: str  # of the config, that sets the width of a line
    width: int  # of a line, in pixels
    number: int  # of frames that it makes of the line
    by_width: int  # of frames if the network pools in training as in evaluation
    pixels: float | None  # of width for each frame more, pooled so; None if the width changes nothing
    option: str = ""  # of the config, that lets it pool so; "" if it does
    by_ratio: tuple[int, ...] = ()  # that it makes of lines 1, 2, ... heights wide; none if all lines have one width


def suggest_width(frames: Frames, needed: int) -> str:
    """What to set so that a line has ``needed`` frames, as the end of a sentence."""
    if frames.pixels is None:
        return (
            f"{frames.backbone} makes {frames.number} frames whatever the width: leave these lines out, or change the"
            " backbone"
        )
    missing = needed - (frames.by_width if frames.option else frames.number)
    width = WIDTH_STEP * math.ceil((frames.width + frames.pixels * missing) / WIDTH_STEP)
    steps = [f"set {frames.option}"] if frames.option else []
    if missing > 0:
        steps.append(f"set the width in {frames.key} to {width}")
    return " and ".join(steps)
