"""The threshold map of DB (Liao et al., AAAI 2020): largest on the outline of a text, and less away from it.

Shape legend: N outlines, P points each, last axis (x, y) in pixels; H, W the sides of the sample.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...arguments import number, share
from ...registry import TRANSFORMS
from ..compact import Compact, Widen, widen_mask
from ..fast_cpu.memory import has_numba
from ..polygons import areas, next_points, perimeters
from .outlines import Frame, fill, frame_of, offset, read_outlines
from .window import pad

LARGE = 4096  # pixels of a box from which on an outline is drawn by itself
MOST_TOGETHER = 64  # outlines drawn at once


def draw_border_maps(
    outlines: np.ndarray,
    height: int,
    width: int,
    frame: Frame,
    shrink_ratio: float,
    thresh_min: float = 0.0,
    thresh_max: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """How close each pixel is to an outline, and where that counts.

    The closeness is ``thresh_max`` on an outline. On both sides it falls to ``thresh_min`` at the distance
    D = A (1 - shrink_ratio ** 2) / L, with the area A and the perimeter L.

    Args:
        outlines: (N, P, 2) of readable text, in pixels of the sample. They may reach out of it.
        height, width: of the part of the sample that shows the picture, which begins at the first pixel.
        frame: where the whole picture lies.
        shrink_ratio: in [0, 1).
        thresh_min, thresh_max: the lowest and the highest closeness.
    Returns:
        (closeness, mask), (H, W) float32 and uint8. The mask is 1 up to D outside of an outline, else 0.
    """
    closeness, mask = np.full((height, width), thresh_min, np.float32), np.zeros((height, width), np.uint8)
    sizes = areas(outlines)
    # An outline without length has no area either.
    reaches = sizes * (1 - shrink_ratio**2) / np.maximum(perimeters(outlines), 1e-9)
    corner = np.array(frame[:2])  # the library rounds towards the first pixel of the picture
    seen, boxes = [], []
    for index in np.flatnonzero(sizes > 0).tolist():
        for around in offset(outlines[index] - corner, reaches[index])[:1]:
            around = around + corner.astype(np.int32)
            low, high = around.min(axis=0).tolist(), around.max(axis=0).tolist()
            box = max(low[0], 0), max(low[1], 0), min(high[0] + 1, width), min(high[1] + 1, height)
            if box[0] < box[2] and box[1] < box[3]:
                fill(mask, around, 1, frame)
                seen.append(index)
                boxes.append(box)
    if seen:
        draw = import_kernel() if has_numba() else draw_closeness_plainly
        draw(closeness, outlines[seen], reaches[seen], np.array(boxes), thresh_min, thresh_max)
    return closeness, mask


@functools.cache
def import_kernel() -> Callable[..., None]:
    """:func:`draw_closeness_plainly`, compiled. A process that is forked afterwards need not compile it again."""
    from .border_kernel import draw_closeness_compiled

    draw_closeness_compiled(
        np.zeros((1, 1), np.float32), np.ones((1, 4, 2)), np.ones(1), np.ones((1, 4), int), 0.0, 1.0
    )
    return draw_closeness_compiled


def draw_closeness_plainly(
    closeness: np.ndarray, outlines: np.ndarray, reaches: np.ndarray, boxes: np.ndarray, low: float, high: float
) -> None:
    """Draw how close pixels are to outlines into a map, where that is more than the map holds.

    Args:
        closeness: (H, W) float32, written to.
        outlines: (N, P, 2) in pixels of the map.
        reaches: (N,) the distance in pixels, > 0, at which the closeness has fallen to ``low``.
        boxes: (N, 4) the part of the map that each outline is drawn into: x, y, end x and end y.
        low, high: the closeness far from an outline, and on it.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, (x, y, end_x, end_y) in enumerate(boxes.tolist()):
        is_large = (end_x - x) * (end_y - y) > LARGE
        group = (index,) if is_large else (-(-(end_x - x) // 16), -(-(end_y - y) // 16))
        groups.setdefault(group, []).append(index)
    for members in groups.values():
        for first in range(0, len(members), MOST_TOGETHER):
            some = members[first : first + MOST_TOGETHER]
            _draw_together(closeness, outlines[some], reaches[some], boxes[some], low, high)


def _draw_together(
    closeness: np.ndarray, outlines: np.ndarray, reaches: np.ndarray, boxes: np.ndarray, low: float, high: float
) -> None:
    """As :func:`draw_closeness_plainly`, all outlines at once."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).max(axis=0)
    x, y = boxes[:, :1] + np.arange(width), boxes[:, 1:2] + np.arange(height)
    if len(outlines) == 1:
        squares = square_distances_near(outlines[0], x[0], y[0], reaches[0])[None]
    else:
        squares = square_distances(outlines, x, y)
    near = np.sqrt(squares, out=squares)
    near *= ((low - high) / reaches).astype(np.float32)[:, None, None]
    near += high
    for drawn, (left, top, right, bottom) in zip(near, boxes.tolist()):
        part = closeness[top:bottom, left:right]
        np.maximum(part, drawn[: bottom - top, : right - left], out=part)


class _Edges(NamedTuple):
    """What the distances need of each edge. Everything is a sum of a part that depends on x and one that depends on y.

    The last two axes of each are (1, W) for x and (H, 1) for y; before them there is one axis of edges.
    """

    start_x: np.ndarray  # square distance from the start
    start_y: np.ndarray
    line_x: np.ndarray  # distance from the line through the edge, with a sign
    line_y: np.ndarray
    angle_x: np.ndarray  # (pixel - start) . (pixel - end): > 0 where a pixel sees the edge under less than 90 degrees
    angle_y: np.ndarray


def _measure_edges(outlines: np.ndarray, x: np.ndarray, y: np.ndarray) -> _Edges:
    """The edges of (..., P, 2) outlines, for the columns (..., W) and the rows (..., H)."""
    ends = next_points(outlines)
    along = ends - outlines
    along /= np.maximum(np.hypot(along[..., :1], along[..., 1:]), 1e-9)
    columns, rows = x[..., None, None, :], y[..., None, :, None]
    (start_x, start_y), (end_x, end_y), (along_x, along_y) = (
        (points[..., 0, None, None], points[..., 1, None, None]) for points in (outlines, ends, along)
    )
    dx, dy = columns - start_x, rows - start_y
    return _Edges(
        start_x=(dx**2).astype(np.float32),
        start_y=(dy**2).astype(np.float32),
        line_x=(along_y * dx).astype(np.float32),
        line_y=(-along_x * dy).astype(np.float32),
        # In float64: a pixel jumps where the sum of these two changes its sign.
        angle_x=dx * (columns - end_x),
        angle_y=dy * (rows - end_y),
    )


def square_distances(outlines: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The square of DB's distance between each pixel of a grid and an outline, for many outlines, each with its grid.

    A pixel that sees an edge under 90 degrees or more has its distance from the line through that edge. Others have
    their distance from the nearer end of the edge, even where the edge itself is nearer: so have DB and PaddleOCR.

    Args:
        outlines: (N, P, 2) pixels.
        x, y: (N, W) and (N, H) coordinates of the columns and of the rows.
    Returns:
        (N, H, W) float32.
    """
    edges = _measure_edges(outlines, x, y)
    lines = np.square(edges.line_x + edges.line_y)
    lines[edges.angle_x > -edges.angle_y] = np.inf
    # The distance from the line is never more than that from an end, so the ends may count everywhere.
    return np.minimum((edges.start_x + edges.start_y).min(axis=-3), lines.min(axis=-3))


def square_distances_near(outline: np.ndarray, x: np.ndarray, y: np.ndarray, reach: float) -> np.ndarray:
    """:func:`square_distances` for a single outline, up to a distance: it looks at each edge only where that matters.

    Args:
        outline: (P, 2) pixels.
        x, y: (W,) and (H,) coordinates of the columns and of the rows, in steps of 1.
        reach: the distance that counts, in pixels, >= 0.
    Returns:
        (H, W) float32, at most ``reach ** 2``.
    """
    edges = _measure_edges(outline, x, y)
    starts = outline - [x[0], y[0]]
    ends = next_points(starts)
    # An end matters up to `reach` from it. An edge matters up to `reach` from it, inside the circle over the edge.
    middle, radius = (starts + ends) / 2, np.hypot(*(ends - starts).T)[:, None] / 2
    around_starts = _slices(starts - reach, starts + reach)
    around_edges = _slices(
        np.maximum(np.minimum(starts, ends) - reach, middle - radius),
        np.minimum(np.maximum(starts, ends) + reach, middle + radius),
    )
    result = np.full((len(y), len(x)), reach**2, np.float32)
    for edge, (rows, columns) in enumerate(around_starts):
        part = result[rows, columns]
        np.minimum(part, edges.start_x[edge, :, columns] + edges.start_y[edge, rows], out=part)
    for edge, (rows, columns) in enumerate(around_edges):
        part = result[rows, columns]
        lines = edges.line_x[edge, :, columns] + edges.line_y[edge, rows]
        lines *= lines
        np.copyto(lines, np.inf, where=edges.angle_x[edge, :, columns] > -edges.angle_y[edge, rows])
        np.minimum(part, lines, out=part)
    return result


def _slices(low: np.ndarray, high: np.ndarray) -> list[tuple[slice, slice]]:
    """(rows, columns) of the pixels in each of (P, 2) closed boxes, and perhaps a few more."""
    low, high = np.maximum(np.floor(low), 0).astype(int), np.maximum(np.ceil(high) + 1, 0).astype(int)
    return [(slice(y, end_y), slice(x, end_x)) for (x, y), (end_x, end_y) in zip(low.tolist(), high.tolist())]


@TRANSFORMS.register
class TextBorderMap(Compact):
    """Does the work of PaddleOCR's MakeBorderMap, with its arguments: adds `threshold_map` and `threshold_mask`.

    Text that is too small to have a border gets none, where PaddleOCR refuses the sample.

    Args:
        shrink_ratio: in [0, 1). The larger it is, the narrower the border.
        thresh_min: the lowest value of the map, in [0, 1].
        thresh_max: the highest, on an outline, in [thresh_min, 1].
    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, shrink_ratio: float = 0.4, thresh_min: float = 0.3, thresh_max: float = 0.7) -> None:
        self.shrink_ratio = share(shrink_ratio, "shrink_ratio")
        self.thresh_min = number(thresh_min, "thresh_min", 0, 1)
        self.thresh_max = number(thresh_max, "thresh_max", self.thresh_min, 1)
        if has_numba():
            import_kernel()  # here, so that the workers of a loader find it compiled

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of a sample with two more maps, (H, W) float32; the mask is uint8 if compact.

        Args:
            data: a sample with `image` (H, W, C) or (H, W), `polys` (N, P, 2) and `ignore_tags`.
        Raises:
            UserError: a coordinate of an outline is not a finite number.
        """
        frame, size = frame_of(data), data["image"].shape[:2]
        outlines = read_outlines(data["polys"])[~np.asarray(data["ignore_tags"], bool)]
        height, width = min(size[0], frame.bottom), min(size[1], frame.right)
        closeness, mask = draw_border_maps(
            outlines, height, width, frame, self.shrink_ratio, self.thresh_min, self.thresh_max
        )
        mask = pad(mask if self.is_compact else mask.astype(np.float32), *size)
        return {**data, "threshold_map": pad(closeness, *size), "threshold_mask": mask}

    @property
    def widen(self) -> dict[str, Widen]:
        return {"threshold_mask": widen_mask}
