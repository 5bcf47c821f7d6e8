"""The threshold map of DB as loops over rows, compiled on the first call."""

from __future__ import annotations

import math

import numpy as np

from ..fast_cpu.compilation import compiled_as_written


@compiled_as_written  # a pixel jumps where the sign of an angle changes
def draw_closeness_compiled(
    closeness: np.ndarray, outlines: np.ndarray, reaches: np.ndarray, boxes: np.ndarray, low: float, high: float
) -> None:
    """:func:`~.border_map.draw_closeness_plainly`, with the same arguments.

    Each row of a box is measured from one edge after another, only as far as the edge or its start can be nearest.
    """
    squares = np.empty(closeness.shape[1])
    for n in range(len(outlines)):
        outline, limit, slope = outlines[n], reaches[n] ** 2, (low - high) / reaches[n]
        left, top, right, bottom = boxes[n]
        for y in range(top, bottom):
            squares[left:right] = limit
            for p in range(len(outline)):
                (x0, y0), (x1, y1) = outline[p], outline[(p + 1) % len(outline)]
                dy = y - y0
                if dy**2 < limit:
                    half = math.sqrt(limit - dy**2)
                    first = max(left, math.floor(x0 - half))
                    part = squares[first : max(first, min(right, math.ceil(x0 + half) + 1))]
                    for i in range(len(part)):
                        square = (first + i - x0) ** 2 + dy**2
                        part[i] = square if square < part[i] else part[i]
                # A pixel sees the edge under 90 degrees or more inside the circle whose diameter is the edge.
                length, angle = math.hypot(x1 - x0, y1 - y0), -dy * (y - y1)
                if length > 0 and ((x1 - x0) / 2) ** 2 + angle >= 0:
                    half, middle = math.sqrt(((x1 - x0) / 2) ** 2 + angle), (x0 + x1) / 2
                    ux, uy = (x1 - x0) / length, (y1 - y0) / length
                    first = max(left, math.floor(middle - half))
                    part = squares[first : max(first, min(right, math.ceil(middle + half) + 1))]
                    for i in range(len(part)):
                        x = first + i
                        square = (uy * (x - x0) - ux * dy) ** 2
                        part[i] = square if square < part[i] and (x - x0) * (x - x1) <= angle else part[i]
            part, drawn = squares[left:right], closeness[y, left:right]
            for i in range(len(part)):
                if part[i] < limit:
                    drawn[i] = max(drawn[i], high + slope * math.sqrt(part[i]))
