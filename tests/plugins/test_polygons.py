"""The geometry of text: area, height, what crosses itself, the share of each pixel, what is still free."""

import numpy as np
import pytest
from text_scenes import BAND, SQUARE

from ppocrv2_ext.plugins.copy_paste.obstacles import Obstacles
from ppocrv2_ext.plugins.polygons import are_simple, areas, coverages, pad_polygons, short_sides


def test_area_and_height_match_values_by_hand():
    slanted = np.array([[0, 0], [40, 30], [34, 38], [-6, 8]])  # 50 x 10, turned
    assert areas(slanted) == pytest.approx(500)
    np.testing.assert_allclose(short_sides(np.stack([slanted, slanted + 1e4])), 10)
    np.testing.assert_allclose(short_sides(pad_polygons(slanted[None], 9)), 10)
    # Along its middle the band is 40 * 140 degrees long and 20 high.
    assert short_sides(BAND[None])[0] == pytest.approx(20, rel=0.03)


def test_only_a_polygon_with_crossing_edges_is_not_simple():
    crossing = np.array([[0, 0], [10, 10], [10, 0], [0, 10]])
    np.testing.assert_array_equal(are_simple(np.stack([SQUARE, crossing, np.array(SQUARE)[::-1]])), [True, False, True])
    assert are_simple(BAND[None])[0]
    assert are_simple(pad_polygons(np.array([SQUARE]), 8))[0]


def test_coverage_matches_a_value_by_hand():
    # From the middle of pixel 0 to a quarter past the middle of pixel 2, and half a pixel up and down of row 1.
    (shares,) = coverages([[[0, 0.5], [2.25, 0.5], [2.25, 1.5], [0, 1.5]]])
    np.testing.assert_allclose(shares, [[0, 0, 0, 0], [0.5, 1, 0.75, 0], [0, 0, 0, 0]])


def test_coverages_add_up_to_the_areas_in_either_direction():
    polygons = np.stack([pad_polygons(np.array([SQUARE]) * 1.37, 14)[0], BAND, BAND[::-1]])
    polygons -= polygons.min(axis=1, keepdims=True) - 0.3
    for shares, area, alone in zip(coverages(polygons), areas(polygons), polygons):
        assert shares.sum() == pytest.approx(area, rel=5e-3)
        assert shares.min() >= 0
        assert shares.max() == 1
        np.testing.assert_allclose(shares, coverages(alone[None])[0], atol=1e-6)


def shares_one_line_at_a_time(polygon):
    """The coverage of one convex polygon: on each of 8 lines of a row, the part of each pixel between two crossings."""
    width, height = np.ceil(polygon.max(axis=0)).astype(int) + 1
    shares, edges = np.zeros((height, width)), [*zip(polygon, np.roll(polygon, -1, axis=0))]
    for number in range(8 * height):
        y = (number + 0.5) / 8 - 0.5
        x = [a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) for a, b in edges if (a[1] <= y) != (b[1] <= y)]
        if x:
            left, right = np.arange(width) - 0.5, np.arange(width) + 0.5
            shares[number // 8] += np.clip(np.minimum(right, max(x)) - np.maximum(left, min(x)), 0, 1) / 8
    return shares


def test_500_coverages_equal_those_of_a_plain_loop():
    rng, polygons = np.random.default_rng(3), []
    for _ in range(500):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 4))
        size = rng.uniform(0.5, 12, 2) * ([1, 1e-9] if rng.random() < 0.02 else 1)  # some are almost a line
        polygon = np.stack([np.cos(angles), np.sin(angles)], axis=1) * size
        polygons.append(polygon - polygon.min(axis=0) + rng.uniform(0, 0.999, 2))
    for shares, polygon in zip(coverages(np.stack(polygons)), polygons):
        np.testing.assert_allclose(shares, shares_one_line_at_a_time(polygon), atol=1e-6)


def test_each_shape_is_put_at_its_first_free_place():
    obstacles = Obstacles(np.array([SQUARE], float), [0.0], 50, 50)
    corners = np.array([[[0, 0], [12, 12], [13, 0], [30, 30]]] * 2)
    placed, where = obstacles.place(np.array([[[0, 0], [5, 0], [5, 5], [0, 5]]] * 2, float), 0.0, corners)
    assert (placed, where.tolist()) == ([0, 1], [[13, 0], [30, 30]])
