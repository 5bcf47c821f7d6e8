"""A part of a line in place of the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.direction.span import RandomSpan, choose_span
from ppocrv2_ext.registry import TRANSFORMS

COLUMNS = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (20, 1, 3))  # each pixel says its column


def sample(image=COLUMNS, label="180"):
    return {"image": image, "label": label, "img_path": "word.png"}


@settings(max_examples=300, deadline=None)
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 100),
    share=st.floats(0, 1),
    aspect=st.floats(0, 100),
    seed=st.integers(0, 2**32),
)
def test_a_span_lies_in_the_line_and_has_at_least_the_smallest_width(width, height, share, aspect, seed):
    left, right = choose_span(np.random.default_rng(seed), width, height, share, aspect)
    assert 0 <= left < right <= width
    assert right - left >= min(width, max(round(share * width), round(aspect * height)))


def test_every_allowed_width_and_place_is_drawn():
    rng = np.random.default_rng(0)
    spans = {choose_span(rng, 5, 1, 0.4, 0) for _ in range(500)}
    assert spans == {(left, right) for left in range(5) for right in range(left + 2, 6)}


def test_a_line_too_short_for_a_part_stays_whole():
    assert choose_span(np.random.default_rng(0), 29, 20, 0.35, 1.5) == (0, 29)


def test_the_part_has_the_pixels_and_the_label_of_the_line():
    before = sample()
    after = RandomSpan(p=1, seed=4)(before)
    columns = after["image"][0, :, 0]
    assert 70 <= len(columns) < 200
    assert after["label"] == "180"
    assert before["image"] is COLUMNS
    np.testing.assert_array_equal(after["image"], COLUMNS[:, columns[0] : columns[-1] + 1])
    assert after["image"].flags.c_contiguous


def test_p_is_the_share_of_lines_that_are_cut():
    transform, whole = RandomSpan(p=0.3, min_aspect=0, min_share=0, seed=1), sample()
    changed = np.mean([transform(whole) is not whole for _ in range(2000)])
    assert changed == pytest.approx(0.3, abs=0.03)


def test_the_same_seed_draws_the_same_parts():
    def draw(seed):
        transform = RandomSpan(p=0.5, seed=seed)
        return [transform(sample())["image"].shape[1] for _ in range(20)]

    assert draw(7) == draw(7) != draw(8)


def test_a_grey_line_can_be_cut():
    assert RandomSpan(p=1, seed=0)(sample(COLUMNS[:, :, 0]))["image"].ndim == 2


@pytest.mark.parametrize("label", ["Carpark", 0, None])
def test_a_line_that_still_has_its_text_is_refused(label):
    with pytest.raises(UserError, match="RandomSpan must follow RandomHalfTurn: .* here"):
        RandomSpan()(sample(label=label))


@pytest.mark.parametrize(("argument", "value"), [("p", 1.5), ("min_share", -0.1), ("min_aspect", "2")])
def test_the_error_names_a_wrong_argument(argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be a number from 0 to"):
        RandomSpan(**{argument: value})


def test_the_transform_is_registered():
    assert TRANSFORMS["RandomSpan"] is RandomSpan
