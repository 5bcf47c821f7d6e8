"""The shapes of lines by a config: those of the last transform, or those that a sampler draws."""

import numpy as np
import pytest

from ppocrv2_ext.data.line_shapes import find_batch_ratios, list_line_shapes


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
        ({"scales": [[320, 32], [320, 48]], "max_w": 640}, True, "max_w", [(3, 32, 640), (3, 48, 624)]),
        ({"scales": [[320, 48]]}, True, "max_w", [(3, 48, 480)]),
        ({"scales": [[320, 8]]}, True, "max_w", [(3, 0, 0)]),  # which is refused elsewhere
    ],
)
def test_a_sampler_draws_one_of_its_scales(sampler, by_ratio, key, shapes):
    dataset = {"name": "MultiScaleDataSet", "ds_width": by_ratio}
    found = lines(dataset=dataset, sampler={"name": "MultiScaleSampler", **sampler})
    assert found == [(f"Train.sampler.{key}", shape) for shape in shapes]


def test_a_line_is_as_wide_as_its_batch_and_the_first_lines_fill_the_last_batch():
    # Sorted: 1 2 | 3 4 | 9 and, to fill the batch, 1.
    assert find_batch_ratios({"first_bs": 2}, [9.0, 1.0, 3.0, 2.0, 4.0]) == [5.0, 1.5, 3.5, 1.5, 3.5]
    assert find_batch_ratios({}, [1.0, 2.0]) == [1.5, 1.5]


class Pictures(list):
    """A data set of pictures of these ratios, as PaddleOCR's sampler sees one."""

    ds_width, seed = True, 0

    def __init__(self, ratios):
        super().__init__(ratios)
        self.data_idx_order_list = list(range(len(ratios)))
        self.wh_ratio, self.wh_ratio_sort = np.array(ratios), np.argsort(ratios, kind="stable")


@pytest.mark.parametrize("seed", range(20))
def test_the_ratio_of_a_batch_is_that_of_paddleocrs_sampler(wheel, seed):
    from ppocr.data.multi_scale_sampler import MultiScaleSampler

    rng = np.random.default_rng(seed)
    ratios, size = rng.uniform(0.5, 20, rng.integers(1, 40)).tolist(), int(rng.integers(1, 12))
    pictures = Pictures(ratios)
    drawn = {}
    for batch in MultiScaleSampler(pictures, [[320, 32], [320, 48]], first_bs=size, max_w=10_000):
        for _, _, number, ratio in batch:
            drawn.setdefault(int(pictures.wh_ratio_sort[number]), set()).add(round(ratio, 6))
    ours = find_batch_ratios({"first_bs": size}, ratios)
    assert set(drawn) == set(range(len(ratios)))
    assert all(round(ours[number], 6) in found for number, found in drawn.items())
