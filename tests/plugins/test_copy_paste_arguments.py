"""Every argument of Copy-Paste does what it says, and a wrong one is named."""

import numpy as np
import pytest
import yaml
from text_scenes import SQUARE, grid_of_boxes, plain_image, sample, with_other

from ppocrv2_ext.plugins.copy_paste.pasting import Scene, choose
from ppocrv2_ext.plugins.copy_paste.transform import TextCopyPaste
from ppocrv2_ext.plugins.polygons import areas, short_sides
from ppocrv2_ext.registry import TRANSFORMS


def pasted_polygons(target=None, count=40, **arguments):
    """(N, 4, 2) outlines of what is pasted of ``count`` boxes. Arguments that are not passed have no effect."""
    target = sample(plain_image(600, 600), []) if target is None else target
    neutral = {"scale_range": (1, 1), "angle_range": (0, 0), "seed": 0}
    result = TextCopyPaste(**{**neutral, **arguments})(with_other(target, grid_of_boxes(count)))
    return result["polys"][len(target["polys"]) :]


def test_p_is_the_share_of_pictures_that_get_text():
    target = sample(plain_image(), [SQUARE])
    data, op = with_other(target, grid_of_boxes(4)), TextCopyPaste(p=0.25, seed=0)
    assert 60 <= sum(len(op(data)["polys"]) > 1 for _ in range(400)) <= 140
    assert TextCopyPaste(p=0)(data) == target


def test_objects_ratio_and_max_objects_set_the_number_of_objects():
    assert [len(pasted_polygons(objects_ratio=ratio)) for ratio in (0.01, 0.1, 0.5, 1)] == [1, 4, 20, 30]
    assert [len(pasted_polygons(objects_ratio=1, max_objects=most)) for most in (1, 7, 100)] == [1, 7, 40]


def test_scale_range_sets_the_size_of_objects():
    factors = np.sqrt(areas(pasted_polygons(scale_range=(0.7, 1.4), objects_ratio=1)) / (24 * 12))
    assert 0.7 <= factors.min() < 0.8 < 1.25 < factors.max() <= 1.4
    np.testing.assert_allclose(areas(pasted_polygons(scale_range=(2, 2))), 4 * 24 * 12, rtol=1e-4)


def test_angle_range_turns_objects_clockwise():
    along = np.diff(pasted_polygons(angle_range=(30, 30))[:, :2], axis=1)[:, 0] / 24
    np.testing.assert_allclose(along, np.tile([np.cos(np.pi / 6), np.sin(np.pi / 6)], (len(along), 1)), atol=1e-4)


def test_flip_p_is_the_share_of_mirrored_objects():
    settings, rng = TextCopyPaste(flip_p=0.3, objects_ratio=1).settings, np.random.default_rng(0)
    boxes = grid_of_boxes(40)["polys"]
    empty, other = Scene((900, 900), boxes[:0], np.zeros(0, bool)), Scene((300, 300), boxes, np.zeros(40, bool))
    is_mirrored = [
        np.linalg.det(each.matrix[:, :2]) < 0 for _ in range(10) for each in choose(rng, empty, other, settings)
    ]
    assert 0.2 < np.mean(is_mirrored) < 0.4


def test_min_size_bounds_the_height_before_and_after_pasting():
    assert len(pasted_polygons(min_size=12)) == 8
    assert len(pasted_polygons(min_size=12.1)) == 0
    heights = short_sides(pasted_polygons(scale_range=(0.1, 1), min_size=9, objects_ratio=1))
    assert 9 - 1e-3 <= heights.min() < 10


def test_max_overlap_allows_text_to_be_covered():
    full = sample(plain_image(), [[[0, 0], [119, 0], [119, 99], [0, 99]]])
    assert len(pasted_polygons(full)) == 0
    # A pasted_polygons box covers 25 x 13 or 26 x 14 pixels: about 3 %.
    assert len(pasted_polygons(full, max_overlap=0.07)) == 2
    assert len(pasted_polygons({**full, "ignore_tags": np.array([True])}, max_overlap=1)) == 0


def test_more_tries_find_more_places():
    crowded = grid_of_boxes(9 * 11)
    assert len(pasted_polygons(crowded, tries=1)) < len(pasted_polygons(crowded, tries=1000))


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("p", 1.1),
        ("p", "0.5"),
        ("p", True),
        ("p", float("nan")),
        ("scale_range", 2),
        ("scale_range", [2, 1]),
        ("scale_range", [0, 1]),
        ("scale_range", [1, 2, 3]),
        ("angle_range", [-10, None]),
        ("flip_p", -1),
        ("objects_ratio", 2),
        ("max_objects", 0),
        ("max_objects", 1.5),
        ("min_size", 0),
        ("max_overlap", 1.2),
        ("tries", 0),
        ("seed", -1),
    ],
)
def test_the_error_names_a_wrong_argument(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must be .*, got .*\.$"):
        TextCopyPaste(**{argument: value})


def test_a_config_can_set_every_argument(wheel):
    from ppocr.data.imaug import create_operators

    assert TRANSFORMS["TextCopyPaste"] is TextCopyPaste
    arguments = yaml.safe_load(
        "{p: 0.5, scale_range: [0.8, 1], angle_range: [0, 5], flip_p: 0.1, objects_ratio: 0.3, max_objects: 4,"
        " min_size: 10, max_overlap: 0.1, tries: 7, seed: 8}"
    )
    op = create_operators([{"TextCopyPaste": dict(arguments)}], {"use_gpu": False, "epoch_num": 3})[0]
    assert op.ext_data_num == 1
    assert {**op.settings._asdict(), "seed": op.draws.seed} == {
        **arguments, "scale_range": (0.8, 1), "angle_range": (0, 5)
    }  # fmt: skip
