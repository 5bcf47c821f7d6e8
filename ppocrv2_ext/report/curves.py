"""Charts as SVG, for a page that needs no other file and no script."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 420, 220  # of a chart, in its own units
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 12, 30  # margins
POINTS = 240  # of a curve; more are averaged
MOST_DOTS = 40  # points of a curve that are drawn one by one
LOGARITHMIC_FROM = 30  # ratio of the largest to the smallest value
COLOURS = ("#0b6bcb", "#d9480f", "#2b8a3e", "#862e9c", "#846358", "#0c8599")


class Curve(NamedTuple):
    """A named list of (x, y) points, x ascending."""

    name: str
    points: Sequence[tuple[float, float]]


def thin_out(points: Sequence[tuple[float, float]], limit: int = POINTS) -> list[tuple[float, float]]:
    """At most ``limit`` points, which are means of neighbours. Points that are not finite are left out."""
    finite = [point for point in points if all(map(math.isfinite, point))]
    if len(finite) <= limit:
        return finite
    bounds = [round(index * len(finite) / limit) for index in range(limit + 1)]
    groups = [finite[low:high] for low, high in zip(bounds, bounds[1:])]
    return [(sum(x for x, _ in each) / len(each), sum(y for _, y in each) / len(each)) for each in groups]


def choose_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers in [low, high]: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def format_number(value: float) -> str:
    """Three digits, without zeros at the end; thousands as "12k", small numbers as "2e-5"."""
    if value and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    for unit, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * unit:
            return f"{value / unit:.3g}{suffix}"
    return f"{value:.4g}" if abs(value) >= 1000 else f"{value:.3g}"


class Axes(NamedTuple):
    """The ranges of a chart. A logarithmic y axis has the exponents of 10 as its range."""

    x: tuple[float, float]
    y: tuple[float, float]
    logarithmic: bool

    def project(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies, in the units of the chart."""
        (left, right), (low, high) = self.x, self.y
        height = math.log10(y) if self.logarithmic else y
        return (
            LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (height - low) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )


def choose_axes(points: Sequence[tuple[float, float]], percent: bool, logarithmic: bool) -> Axes:
    """Axes that hold the points; the arguments as for :func:`draw_chart`."""
    xs, ys = zip(*points)
    logarithmic = logarithmic and min(ys) > 0 and max(ys) / min(ys) > LOGARITHMIC_FROM
    low, high = _find_range([math.log10(y) for y in ys] if logarithmic else ys)
    return Axes(_find_range(xs), (max(low, 0.0), min(high, 1.0)) if percent else (low, high), logarithmic)


def draw_chart(
    curves: Sequence[Curve], title: str, marked: float | None = None, percent: bool = False, logarithmic: bool = False
) -> str:
    """An SVG element with the curves over the steps.

    Args:
        curves: one or several; their colours are :data:`COLOURS` in order.
        title: what the chart shows, read out to those who do not see it.
        marked: an x at which a dashed line stands.
        percent: whether the values are shares in [0, 1], to be written as percentages.
        logarithmic: let the y axis be logarithmic if the values differ by more than :data:`LOGARITHMIC_FROM`.
    Returns:
        "" if no curve has a point.
    """
    drawn = [thin_out(curve.points) for curve in curves]
    points = [point for each in drawn for point in each]
    if not points:
        return ""
    axes = choose_axes(points, percent, logarithmic)
    parts = [*_draw_axes(axes, percent)]
    if marked is not None and axes.x[0] <= marked <= axes.x[1]:
        x, _ = axes.project(marked, points[0][1])
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
    for index, each in enumerate(drawn):
        parts += _draw_curve([axes.project(x, y) for x, y in each], COLOURS[index % len(COLOURS)])
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


def _draw_axes(axes: Axes, percent: bool) -> Iterator[str]:
    """Lines of the grid with their values, and the steps."""
    ticks = choose_ticks(*axes.y, 4)
    for tick in (10.0**exponent for exponent in ticks) if axes.logarithmic else ticks:
        _, y = axes.project(axes.x[0], tick)
        text = f"{100 * tick:.4g}%" if percent else format_number(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>'
    for tick in choose_ticks(*axes.x, 5):
        x, _ = axes.project(tick, 1.0)
        yield f'<text x="{x:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{format_number(tick)}</text>'


def _draw_curve(points: Sequence[tuple[float, float]], colour: str) -> Iterator[str]:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline class="curve" stroke="{colour}" points="{line}"/>'
    if len(points) <= MOST_DOTS:
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{colour}"/>'


def _find_range(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest value; a single one lies in the middle of its range."""
    low, high = min(values), max(values)
    if high > low:
        return low, high
    return low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
