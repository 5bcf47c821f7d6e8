"""Windows of a picture with its maps, for detection training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppocrv2_ext.data.sample_keys import DB_MAPS
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.detection_samples.text_window import RandomTextWindow
from ppocrv2_ext.plugins.detection_samples.visible_text import KeepVisibleText
from ppocrv2_ext.plugins.detection_samples.window import choose_corner, cut

SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], dtype=np.float32)


def sample(height=60, width=80, at=(40, 30)):
    """A picture whose pixels tell where they are, one text at ``at`` (x, y), and one that is ignored."""
    y, x = np.mgrid[:height, :width]
    return {
        "image": np.stack([y, x, y + x], axis=2).astype(np.uint8),
        **{key: (y * 100 + x + i).astype(np.float32) for i, key in enumerate(DB_MAPS)},
        "polys": np.stack([SQUARE + at, SQUARE]),
        "ignore_tags": [False, True],
    }


def test_image_maps_and_polygons_are_cut_at_the_same_place():
    original = sample()
    found = RandomTextWindow([16, 24], text_p=1, seed=1)(original)
    y, x = found["image"][0, 0, :2].tolist()
    for i, key in enumerate(DB_MAPS):
        np.testing.assert_array_equal(found[key], original[key][y : y + 16, x : x + 24])
        assert found[key][0, 0] == y * 100 + x + i
    np.testing.assert_array_equal(found["polys"], original["polys"][:1] - [x, y])


def test_text_outside_the_window_is_removed_from_every_list():
    found = RandomTextWindow([16, 24], text_p=1, seed=1)({**sample(), "texts": ["near", "far"]})
    assert (found["texts"], found["ignore_tags"].tolist(), len(found["polys"])) == (["near"], [False], 1)


def test_the_input_sample_is_not_modified():
    original = sample()
    before = {key: np.array(value) for key, value in original.items()}
    RandomTextWindow([16, 24], seed=1)(original)["image"][:] = 7
    for key, value in before.items():
        np.testing.assert_array_equal(original[key], value)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 90), st.integers(1, 90), st.floats(-5, 85), st.floats(-5, 65))
def test_a_window_lies_inside_the_picture_and_holds_the_center_of_its_text(seed, h, w, x, y):
    text = SQUARE + np.array([x, y])
    top, left = choose_corner(np.random.default_rng(seed), (60, 80), (h, w), [text], text_p=1)
    assert 0 <= top <= max(60 - h, 0)
    assert 0 <= left <= max(80 - w, 0)
    center_x, center_y = text.mean(axis=0)
    if 0 <= center_x < 80 and 0 <= center_y < 60:
        assert left <= center_x < left + w
        assert top <= center_y < top + h


def test_without_text_every_corner_is_equally_likely():
    rng = np.random.default_rng(0)
    corners = [choose_corner(rng, (4, 5), (3, 3), [], text_p=1) for _ in range(3000)]
    counts = np.array([[corners.count((y, x)) for x in range(3)] for y in range(2)])
    assert counts.sum() == 3000
    assert abs(counts - 500).max() < 100


def test_a_window_is_zero_past_the_border_of_a_small_picture():
    array = np.ones((3, 4, 2), dtype=np.uint8)
    found = cut(array, (0, 0), (5, 6))
    assert found.shape == (5, 6, 2)
    assert found[:3, :4].all()
    assert found.sum() == array.sum()


def test_no_window_is_placed_around_ignored_text():
    for seed in range(20):
        found = RandomTextWindow([12, 12], text_p=1, seed=seed)(sample(at=(60, 40)))
        assert found["image"][0, 0, 0] > 20  # the ignored text lies at the top


def test_the_same_seed_cuts_the_same_window_and_another_seed_does_not():
    first, again, other = (RandomTextWindow([9, 9], seed=seed)(sample())["image"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("arguments", [{"size": 480}, {"size": [0, 4]}, {"size": [4, 4], "text_p": 2}])
def test_the_error_names_an_argument_out_of_range(arguments):
    with pytest.raises(ValueError, match=r"`(size|text_p)` must be"):
        RandomTextWindow(**arguments)


def test_a_sample_without_maps_is_refused_and_the_error_says_where_the_transform_belongs():
    incomplete = {key: value for key, value in sample().items() if key != "shrink_map"}
    with pytest.raises(UserError, match=r"must follow MakeBorderMap and MakeShrinkMap; the sample has no 'shrink_map'"):
        RandomTextWindow([4, 4])(incomplete)


@pytest.mark.parametrize(
    ("at", "kept"), [((-10, 5), False), ((-9, 5), True), ((79, 59), True), ((80, 5), False), ((5, 60), False)]
)
def test_text_outside_the_picture_is_removed_from_every_list(at, kept):
    found = KeepVisibleText()({**sample(at=at), "texts": ["moved", "near"]})
    assert found["texts"] == ["moved"] * kept + ["near"]
    assert found["ignore_tags"].tolist() == [False] * kept + [True]
    assert (found["polys"] == SQUARE).all(axis=(1, 2)).any()
    assert len(found["polys"]) == 1 + kept


@settings(max_examples=60, deadline=None)
@given(st.floats(-40, 120), st.floats(-40, 100))
def test_paddleocr_can_make_border_maps_of_the_visible_text(wheel, x, y):
    from ppocr.data.imaug import MakeBorderMap

    text = {"image": np.zeros((60, 80, 3), np.uint8), "polys": SQUARE[None] + [x, y], "ignore_tags": [False]}
    kept = KeepVisibleText()(text)
    made = MakeBorderMap(shrink_ratio=0.4)(kept)
    assert made["threshold_map"].shape == (60, 80)
    assert made["threshold_mask"].any() == (len(kept["polys"]) > 0)
