"""The four maps of a scene: PaddleOCR's for the same outlines, made only where text is."""

import math

import numpy as np
import pytest
from text_scenes import BAND

from ppocrv2_ext.data.sample_keys import DB_MAPS
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.detection_samples.border_map import (
    LARGE,
    TextBorderMap,
    draw_border_maps,
    draw_closeness_plainly,
    import_kernel,
    square_distances,
    square_distances_near,
)
from ppocrv2_ext.plugins.detection_samples.outlines import Frame
from ppocrv2_ext.plugins.detection_samples.shrink_map import TextShrinkMap
from ppocrv2_ext.plugins.detection_samples.visible_text import are_visible
from ppocrv2_ext.plugins.detection_samples.window import cut

RECTANGLE = np.array([[[20, 30], [60, 30], [60, 50], [20, 50]]], float)


def draw_outlines(rng, count, height, width, longest):
    """(count, 4 or 6, 2) outlines of text, turned and dented, each at least a pixel of it in the picture."""
    sizes = rng.uniform([6, 3], [longest, longest / 2], (count, 2))
    corners = sizes[:, None] * [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
    angles = rng.uniform(-0.4, 0.4, count)
    turns = np.stack([np.cos(angles), np.sin(angles), -np.sin(angles), np.cos(angles)], 1).reshape(-1, 2, 2)
    outlines = corners @ turns + rng.uniform(0, [width, height], (count, 1, 2)) + rng.normal(0, 0.4, (count, 4, 2))
    if rng.random() < 0.3:
        outlines = np.rint(outlines)
    elif rng.random() < 0.3:  # a corner that is repeated must not be a pixel: see the test of that below
        outlines = np.concatenate([outlines, outlines[:, -1:], outlines[:, -1:]], axis=1)
    if rng.random() < 0.3:
        outlines = outlines[:, ::-1]
    return outlines[are_visible(outlines, height, width)].astype(np.float32).astype(float)


def sample(outlines, height, width, ignored=None):
    ignored = np.zeros(len(outlines), bool) if ignored is None else ignored
    return {"image": np.zeros((height, width, 3), np.uint8), "polys": outlines, "ignore_tags": ignored}


def make_ours(data):
    return TextShrinkMap()(TextBorderMap()(data))


@pytest.fixture
def make_stock(wheel):
    from ppocr.data.imaug import MakeBorderMap, MakeShrinkMap

    def make(data):  # PaddleOCR's transforms write into their input
        return MakeShrinkMap()(MakeBorderMap()({key: np.array(value) for key, value in data.items()}))

    return make


def require_equal(ours, stock, keys=DB_MAPS):
    for key in keys:
        assert ours[key].dtype == np.float32
        np.testing.assert_allclose(ours[key], stock[key], rtol=0, atol=2e-5, err_msg=key)


def test_the_maps_are_paddleocrs_for_500_random_scenes(make_stock):
    rng = np.random.default_rng(0)
    for number in range(500):
        height, width = rng.integers(40, 160, 2).tolist()
        longest = 12 if number % 5 == 0 else 120
        outlines = draw_outlines(rng, int(rng.integers(1, 7)), height, width, longest)
        if not len(outlines):
            continue
        ignored = rng.random(len(outlines)) < 0.2
        data = sample(outlines, height, width, ignored)
        ours, stock = make_ours(data), make_stock(data)
        require_equal(ours, stock)
        assert ours["ignore_tags"].tolist() == list(stock["ignore_tags"])
        np.testing.assert_allclose(ours["polys"], stock["polys"], rtol=0, atol=1e-4)


def test_the_maps_of_curved_text_are_paddleocrs(make_stock):
    curved = np.concatenate([BAND[None], BAND[None] * 0.6 + 60])
    require_equal(make_ours(sample(curved, 140, 150)), make_stock(sample(curved, 140, 150)))


def test_the_maps_of_a_window_are_cut_out_of_the_maps_of_the_whole_picture(make_stock):
    rng = np.random.default_rng(1)
    for _ in range(150):
        height, width = rng.integers(40, 120, 2).tolist()
        outlines = draw_outlines(rng, 5, height, width, 90)
        if not len(outlines):
            continue
        whole = make_stock(sample(outlines, height, width))
        y, x = int(rng.integers(height)), int(rng.integers(width))
        window = {**sample(outlines - [x, y], 64, 80), "frame": Frame(-x, -y, width - x, height - y)}
        ours = make_ours(window)
        require_equal(ours, {key: cut(whole[key], (y, x), (64, 80)) for key in DB_MAPS})
        assert ours["ignore_tags"].tolist() == list(whole["ignore_tags"])


def test_border_and_core_of_a_rectangle_by_hand():
    # Area 800, perimeter 120: the border is 800 * (1 - 0.16) / 120 = 5.6 pixels wide on both sides.
    maps = make_ours(sample(RECTANGLE, 80, 80))
    border = maps["threshold_map"]
    assert border[30, 40] == pytest.approx(0.7)
    assert border[33, 40] == pytest.approx(0.3 + 0.4 * (1 - 3 / 5.6), abs=1e-6)
    assert border[27, 40] == pytest.approx(0.3 + 0.4 * (1 - 3 / 5.6), abs=1e-6)
    assert border[40, 40] == border[0, 0] == pytest.approx(0.3)
    assert [maps["threshold_mask"][y, 40] for y in (23, 24, 40, 56, 57)] == [0, 1, 1, 1, 0]
    assert [maps["shrink_map"][y, 40] for y in (35, 36, 44, 45)] == [0, 1, 1, 0]
    assert maps["shrink_mask"].all()


def test_a_repeated_corner_lies_on_the_outline_where_paddleocr_divides_zero_by_zero(make_stock):
    repeated = np.concatenate([RECTANGLE, RECTANGLE[:, -1:]], axis=1)
    ours, stock = make_ours(sample(repeated, 80, 80)), make_stock(sample(repeated, 80, 80))
    assert (ours["threshold_map"][50, 20], stock["threshold_map"][50, 20]) == pytest.approx((0.7, 0.3))
    ours["threshold_map"][50, 20] = stock["threshold_map"][50, 20]
    require_equal(ours, stock)


def test_a_core_that_vanishes_makes_the_text_ignored():
    maps = make_ours(sample(np.array([[[5, 5], [60, 60], [60, 60.5], [5, 5.5]]]), 80, 80))
    assert maps["ignore_tags"].tolist() == [True]
    assert not maps["shrink_map"].any()
    assert maps["shrink_mask"].min() == 0


def distance_of_db(x, y, outline):
    """DB's distance of one pixel from an outline, by the cosine of the angle under which it sees each edge."""
    distances = []
    for (ax, ay), (bx, by) in zip(outline, [*outline[1:], outline[0]]):
        to_a, to_b, edge = math.hypot(x - ax, y - ay), math.hypot(x - bx, y - by), math.hypot(ax - bx, ay - by)
        dot = (x - ax) * (x - bx) + (y - ay) * (y - by)
        line = abs((x - ax) * (y - by) - (y - ay) * (x - bx)) / edge if edge else 0
        distances.append(line if dot <= 0 else min(to_a, to_b))
    return min(distances)


def test_distances_equal_the_formula_one_pixel_at_a_time():
    rng = np.random.default_rng(2)
    for outline in draw_outlines(rng, 8, 20, 30, 25):
        found = square_distances(outline[None], np.arange(30.0)[None], np.arange(20.0)[None])[0]
        expected = [[distance_of_db(x, y, outline.tolist()) ** 2 for x in range(30)] for y in range(20)]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_looking_only_near_the_edges_changes_no_distance_within_reach():
    rng = np.random.default_rng(3)
    x, y = np.arange(-5.0, 95), np.arange(-9.0, 70)
    for number in range(500):
        outline, reach = rng.uniform(0, 80, (int(rng.integers(3, 9)), 2)), rng.uniform(0.5, 40)
        outline = np.rint(outline) if number % 2 else outline
        everywhere = np.minimum(square_distances(outline[None], x[None], y[None])[0], reach**2)
        np.testing.assert_allclose(square_distances_near(outline, x, y, reach), everywhere, rtol=1e-4, atol=2e-2)


def test_the_compiled_loop_draws_what_the_plain_code_draws_in_500_random_cases():
    pytest.importorskip("numba")
    rng, draw = np.random.default_rng(5), import_kernel()
    for _ in range(500):
        height, width = rng.integers(5, 90, 2).tolist()
        outlines = draw_outlines(rng, int(rng.integers(1, 5)), height, width, 60)
        if len(outlines):
            low = rng.integers(0, [width, height], (len(outlines), 2))
            boxes = np.concatenate([low, rng.integers(low + 1, [width + 1, height + 1])], axis=1)
            given = outlines, rng.uniform(0.5, 30, len(outlines)), boxes, 0.3, 0.7
            expected, found = np.full((2, height, width), 0.3, np.float32)
            draw_closeness_plainly(expected, *given)
            draw(found, *given)
            np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


@pytest.fixture
def without_numba(monkeypatch):
    """A function after whose call the plain code draws."""
    name = "ppocrv2_ext.plugins.detection_samples.border_map.has_numba"
    return lambda: monkeypatch.setattr(name, lambda: False)


def test_without_numba_the_maps_are_the_same(without_numba):
    outlines = draw_outlines(np.random.default_rng(6), 20, 200, 300, 150)
    with_numba = TextBorderMap()(sample(outlines, 200, 300))
    without_numba()
    require_equal(TextBorderMap()(sample(outlines, 200, 300)), with_numba, ["threshold_map", "threshold_mask"])


def test_outlines_drawn_together_give_the_map_of_each_drawn_alone(without_numba):
    without_numba()
    outlines = draw_outlines(np.random.default_rng(4), 90, 200, 300, 40)
    assert (np.ptp(outlines, axis=1).prod(axis=1) < LARGE).mean() > 0.9
    frame = Frame(0, 0, 300, 200)
    together = draw_border_maps(outlines, 200, 300, frame, 0.4)
    alone = [draw_border_maps(outline[None], 200, 300, frame, 0.4) for outline in outlines]
    for found, each in zip(together, zip(*alone)):
        np.testing.assert_allclose(found, np.max(each, axis=0), atol=1e-5)


@pytest.mark.parametrize(
    "outline",
    [
        [[5, 5], [5, 5], [5, 5], [5, 5]],
        [[5.2, 5.1], [5.8, 5.1], [5.8, 5.7], [5.2, 5.7]],
        [[5, 5], [40, 5], [40, 5], [5, 5]],
        [[500, 500], [540, 500], [540, 520], [500, 520]],
    ],
)
def test_text_without_a_pixel_is_ignored_and_spoils_no_sample(outline):
    both = np.concatenate([np.array([outline], float), RECTANGLE])
    maps, alone = make_ours(sample(both, 80, 80)), make_ours(sample(RECTANGLE, 80, 80))
    assert maps["ignore_tags"].tolist() == [True, False]
    for key in ("threshold_map", "threshold_mask", "shrink_map"):
        np.testing.assert_array_equal(maps[key], alone[key])


def test_paddleocr_refuses_the_whole_sample_for_text_without_a_pixel(make_stock):
    thin = np.array([[[5.2, 5.1], [5.8, 5.1], [5.8, 5.7], [5.2, 5.7]]], np.float32)
    with pytest.raises(IndexError):
        make_stock(sample(thin, 80, 80))


def test_a_scene_without_text_has_empty_maps():
    maps = make_ours(sample(np.zeros((0, 4, 2)), 20, 30))
    assert not maps["shrink_map"].any()
    assert not maps["threshold_mask"].any()
    assert maps["shrink_mask"].all()
    assert maps["threshold_map"] == pytest.approx(0.3)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("op", [TextBorderMap(), TextShrinkMap()])
def test_a_coordinate_that_is_no_number_is_refused(op, value):
    outlines = RECTANGLE.copy()
    outlines[0, 0, 0] = value
    with pytest.raises(UserError, match="not a finite number; mend its label"):
        op(sample(outlines, 80, 80))


def test_the_input_is_not_modified():
    data = sample(RECTANGLE - [30, 0], 80, 80)
    before = {key: value.copy() for key, value in data.items()}
    make_ours(data)
    for key, value in before.items():
        np.testing.assert_array_equal(data[key], value)


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        (TextBorderMap, {"shrink_ratio": 1}),
        (TextBorderMap, {"thresh_min": 0.8}),
        (TextBorderMap, {"thresh_max": 2}),
        (TextShrinkMap, {"shrink_ratio": 0}),
        (TextShrinkMap, {"min_text_size": -1}),
    ],
)
def test_an_argument_out_of_range_is_refused_by_its_name(op, arguments):
    with pytest.raises(ValueError, match=r"`(shrink_ratio|thresh_m..|min_text_size)` must be a number"):
        op(**arguments)
