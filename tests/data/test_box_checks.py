"""Outlines of boxes: the reasons of broken ones, and what of them can be seen."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from ppocrv2_ext.data import box_checks
from ppocrv2_ext.data.box_checks import check_polygon
from ppocrv2_ext.data.reasons import REASONS

SIZE = (100, 60)
SQUARE = [[10, 10], [30, 10], [30, 20], [10, 20]]
BOW_TIE = [[10, 10], [30, 20], [30, 10], [10, 20]]


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (SQUARE, None),
        (SQUARE[:3], None),
        ([[-5, 10], [30, 10], [30, 65], [-5, 65]], None),  # within the tolerance
        ([["10", "10"], ["30", "10"], ["30", "20"]], None),  # PaddleOCR reads numbers from strings too
        (SQUARE[:2], "few-points"),
        ([1, 2, 3, 4, 5, 6, 7, 8], "few-points"),
        ([[1, 2], [3, 4], [5]], "few-points"),
        ([[1, 2, 3]] * 4, "few-points"),
        ({"x": 1}, "few-points"),
        ("here", "few-points"),
        (None, "few-points"),
        ([[10**400, 1], [1, 1], [1, 2]], "few-points"),
        ([[float("nan"), 10], [30, 10], [30, 20]], "not-finite"),
        ([[None, 10], [30, 10], [30, 20]], "not-finite"),
        ([[float("inf"), 10], [30, 10], [30, 20]], "not-finite"),
        ([[1e300, 10], [30, 10], [30, 20]], "not-finite"),
        ([[10, 10]] * 4, "zero-area"),
        ([[10, 10], [20, 20], [30, 30]], "zero-area"),
        ([[200, 10], [220, 10], [220, 20]], "outside"),
        ([[-20, 10], [-1, 10], [-1, 20], [-20, 20]], "outside"),
        ([[-6, 10], [30, 10], [30, 20], [-6, 20]], "partly-outside"),
        ([[10, 10], [30, 10], [30, 66], [10, 66]], "partly-outside"),
        (BOW_TIE, "crossing"),
    ],
)
def test_the_reason_and_the_outline_of_a_polygon(points, reason):
    actual, outline = check_polygon(points, SIZE)
    assert actual == reason
    assert (outline is None) == (reason is not None and REASONS[reason].effect == "box left out")
    if reason is None:
        assert outline is points


def test_nothing_lies_outside_a_picture_of_unknown_size():
    assert check_polygon([[200, 10], [220, 10], [220, 20]]) == (None, [[200, 10], [220, 10], [220, 20]])


coordinates = st.one_of(st.integers(-150, 250), st.floats(-1e7, 1e7), st.sampled_from([float("nan"), float("inf")]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(coordinates, coordinates).map(list), max_size=7))
def test_the_outline_of_any_broken_polygon_is_valid_and_lies_in_the_picture(points):
    reason, outline = check_polygon(points, SIZE)
    if reason and outline:
        polygon = Polygon(outline)
        assert polygon.is_valid
        assert polygon.area > 0.9
        assert box(0, 0, *SIZE).covers(polygon)


def test_paddleocr_makes_border_maps_of_all_boxes_that_pass(wheel):
    from ppocr.data.imaug.make_border_map import MakeBorderMap

    rng, border_map, passed = np.random.default_rng(7), MakeBorderMap(), 0
    for angle, width, height in zip(
        rng.uniform(0, np.pi, 1000), rng.uniform(1, 60, 1000), 10 ** rng.uniform(-1, 0.7, 1000)
    ):
        across, down = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        corners = np.outer([-1, 1, 1, -1], across * width / 2) + np.outer([-1, -1, 1, 1], down * height / 2) + 40
        if check_polygon(corners.tolist(), (80, 80))[0] is None:
            scene = {"image": np.zeros((80, 80, 3)), "polys": corners[None], "ignore_tags": [False]}
            passed += int(border_map(scene)["threshold_mask"].any())
    assert passed > 300


def test_a_box_that_passes_at_a_glance_passes_the_thorough_check(monkeypatch):
    rng = np.random.default_rng(7)
    boxes = [
        (rng.uniform(0, 90, 2) + rng.choice([0.3, 1, 4]) * rng.normal(size=(4, 2)) + np.array(SQUARE) - 20).tolist()
        for _ in range(3000)
    ]
    plain = [points for points in boxes if box_checks._is_plain_quadrangle(points, SIZE)]
    assert len(plain) > 500
    monkeypatch.setattr(box_checks, "_is_plain_quadrangle", lambda *_: False)
    assert all(check_polygon(points, SIZE) == (None, points) for points in plain)
