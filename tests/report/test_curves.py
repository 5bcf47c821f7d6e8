"""Charts as SVG."""

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from ppocrv2_ext.report.curves import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Curve,
    choose_ticks,
    draw_chart,
    format_number,
    thin_out,
)


def places(svg, index=0):
    """The points of a curve in the units of the chart."""
    line = ElementTree.fromstring(svg).findall("polyline")[index]
    return [tuple(map(float, each.split(","))) for each in line.get("points").split()]


def test_the_ends_of_a_curve_lie_at_the_ends_of_the_axes():
    svg = draw_chart([Curve("loss", [(0, 1.0), (10, 3.0)])], "loss")
    assert places(svg) == [(LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, TOP)]


def test_a_logarithmic_axis_puts_the_geometric_mean_into_the_middle():
    svg = draw_chart([Curve("loss", [(0, 0.01), (5, 0.1), (10, 1.0)])], "loss", logarithmic=True)
    assert places(svg)[1][1] == pytest.approx((TOP + HEIGHT - BOTTOM) / 2, abs=0.1)


@pytest.mark.parametrize("values", [(0.0, 1e3), (-1.0, 1e3), (1.0, 2.0)])
def test_an_axis_is_linear_where_a_logarithm_is_impossible_or_of_no_use(values):
    points = [(0, values[0]), (1, sum(values) / 2), (2, values[1])]
    svg = draw_chart([Curve("loss", points)], "loss", logarithmic=True)
    assert places(svg)[1][1] == pytest.approx((TOP + HEIGHT - BOTTOM) / 2, abs=0.1)


@pytest.mark.parametrize("points", [[(1, 2.0)], [(0, 0.0), (1, 0.0)], [(5, 1e-9), (5, 1e-9)], [(0, 1e300), (1, 2e300)]])
def test_a_single_value_is_drawn_within_the_chart(points):
    for x, y in places(draw_chart([Curve("a", points)], "a")):
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM


@pytest.mark.parametrize("points", [[], [(1, math.nan)], [(1, math.inf)]])
def test_nothing_to_draw_is_no_chart(points):
    assert draw_chart([Curve("a", points)], "a") == ""


def test_curves_share_the_axes_and_differ_in_colour():
    svg = draw_chart([Curve("a", [(0, 0.0), (1, 1.0)]), Curve("b", [(0, 0.5), (1, 0.5)])], "both")
    assert places(svg, 1)[0][1] == pytest.approx((TOP + HEIGHT - BOTTOM) / 2, abs=0.1)
    assert COLOURS[0] in svg
    assert COLOURS[1] in svg


def test_the_title_cannot_break_the_markup():
    title = "<\"&'>"
    assert ElementTree.fromstring(draw_chart([Curve("a", [(0, 1.0)])], title)).get("aria-label") == title


def test_shares_are_written_as_percentages():
    assert (
        re.findall(r">([\d.]+%)<", draw_chart([Curve("acc", [(0, 0.0), (1, 1.0)])], "acc", percent=True))[-1] == "100%"
    )


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_an_axis_of_shares_stays_between_nothing_and_all(value):
    ticks = re.findall(r">([-\d.]+)%<", draw_chart([Curve("acc", [(5, value)])], "acc", percent=True))
    assert all(0 <= float(tick) <= 100 for tick in ticks)


def test_thinning_keeps_the_mean_and_the_limit():
    points = [(float(x), float(x % 7)) for x in range(1000)]
    few = thin_out(points, 250)
    assert len(few) == 250
    assert sum(y for _, y in few) / 250 == pytest.approx(sum(y for _, y in points) / 1000)


def test_few_points_are_not_thinned():
    assert thin_out([(0.0, 1.0), (1.0, math.nan), (2.0, 3.0)]) == [(0.0, 1.0), (2.0, 3.0)]


def test_ticks_by_hand():
    assert choose_ticks(0, 1, 4) == pytest.approx([0, 0.5, 1])
    assert choose_ticks(0, 1000, 5) == [0, 200, 400, 600, 800, 1000]
    assert choose_ticks(3, 3) == [3]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.001, "0.001"), (0.00005, "5e-5"), (0.125, "0.125"), (1500, "1500"), (20000, "20k"), (3e7, "30M")],
)
def test_numbers_are_short(value, text):
    assert format_number(value) == text
