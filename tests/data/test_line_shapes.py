"""The shapes of lines by a config: those of the last transform, or those that a sampler draws."""

import pytest

from ppocrv2_ext.data.line_shapes import list_line_shapes


def lines(*transforms, **section):
    """(key, shape) of each kind of lines."""
    dataset = {"name": "SimpleDataSet", "transforms": list(transforms), **section.pop("dataset", {})}
    found = list_line_shapes({"Train": {"dataset": dataset, **section}}, "Train")
    return [(each.key, each.shape) for each in found]


def test_the_last_transform_that_sizes_lines_counts():
    first, last = {"A": {"image_shape": [3, 32, 100]}}, {"B": {"image_shape": [3, 48, 320]}}
    key = "Train.dataset.transforms.B.image_shape"
    assert lines(first, last, {"KeepKeys": {"keep_keys": []}}) == [(key, (3, 48, 320))]


def test_the_height_and_width_that_lines_are_joined_at_are_no_shape_of_lines():
    assert lines({"RecConAug": {"image_shape": [48, 320, 3]}}) == []


@pytest.mark.parametrize(
    ("sampler", "by_ratio", "key", "shapes"),
    [
        ({"scales": [[320, 32], [330, 60]]}, False, "scales", [(3, 32, 320), (3, 48, 328)]),
        ({"scales": [64, 96]}, False, "scales", [(3, 64, 64), (3, 96, 96)]),
        ({"scales": [[320, 32], [320, 48]], "max_w": 640}, True, "max_w", [(3, 32, 640), (3, 48, 640)]),
        ({"scales": [[320, 48]]}, True, "max_w", [(3, 48, 480)]),
    ],
)
def test_a_sampler_draws_one_of_its_scales(sampler, by_ratio, key, shapes):
    dataset = {"name": "MultiScaleDataSet", "ds_width": by_ratio}
    found = lines(dataset=dataset, sampler={"name": "MultiScaleSampler", **sampler})
    assert found == [(f"Train.sampler.{key}", shape) for shape in shapes]
