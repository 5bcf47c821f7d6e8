"""What travels to the training as bytes arrives as the float32 that it stands for."""

import numpy as np
import paddle
import pytest

from ppocrv2_ext.host.samples.datasets import SampleError
from ppocrv2_ext.host.samples.loader import Loader
from ppocrv2_ext.plugins.detection_samples.border_map import TextBorderMap
from ppocrv2_ext.plugins.detection_samples.normalise import NormalizeToCHW
from ppocrv2_ext.plugins.detection_samples.shrink_map import TextShrinkMap
from ppocrv2_ext.plugins.detection_samples.text_window import RandomTextWindow
from ppocrv2_ext.plugins.detection_samples.visible_text import KeepVisibleText

KEYS = ["image", "threshold_map", "threshold_mask", "shrink_map", "shrink_mask"]
SIDE = 64


class Keep:
    """What KeepKeys does."""

    def __init__(self, keys):
        self.keep_keys = keys

    def __call__(self, data):
        return [data[key] for key in self.keep_keys]


class Scenes(paddle.io.Dataset):
    """Four scenes of noise with one text each, and one that is ignored."""

    def __init__(self, ops, pixels=lambda image, index: image):
        super().__init__()
        self.ops, self.pixels = ops, pixels

    def __len__(self):
        return 4

    def __getitem__(self, index):
        image = np.random.default_rng(index).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        texts = np.float32([[(8, 8), (40, 8), (40, 24), (8, 24)], [(10, 40), (50, 40), (50, 60), (10, 60)]]) + index
        data = {"image": self.pixels(image, index), "polys": texts, "ignore_tags": np.array([False, True])}
        for op in self.ops:
            data = op(data)
        return data


def transforms(*before_the_last):
    return [TextBorderMap(), TextShrinkMap(), *before_the_last, NormalizeToCHW(), Keep(KEYS)]


def batches(dataset, **options):
    return list(Loader(dataset, batch_size=2, **{"num_workers": 0, **options}))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_is_that_of_samples_made_in_float32(workers):
    scenes = Scenes(transforms())
    expected = [scenes[index] for index in range(4)]
    assert [field.dtype for field in expected[0]] == [np.float32] * 5
    found = batches(Scenes(transforms()), num_workers=workers)
    assert [field.dtype for batch in found for field in batch] == [paddle.float32] * 10
    for column, key in enumerate(KEYS):
        pixels = np.concatenate([batch[column].numpy() for batch in found])
        exact = np.stack([sample[column] for sample in expected])
        if key == "image":
            np.testing.assert_allclose(pixels, exact, rtol=0, atol=5e-7)  # the largest are 2.6
        else:
            np.testing.assert_array_equal(pixels, exact)
            assert 0 < pixels.mean() < 1


def compact_transforms(dataset):
    """The transforms that the processes of a loader let leave bytes."""
    return Loader(dataset, batch_size=2, num_workers=1)._compact


def test_the_processes_of_a_loader_carry_a_third_of_the_bytes():
    scenes = Scenes(transforms(KeepVisibleText()))
    whole = sum(field.nbytes for field in scenes[0])
    for transform in compact_transforms(scenes):
        transform.is_compact = True
    assert (sum(field.nbytes for field in scenes[0]), whole) == (SIDE * SIDE * (3 + 4 + 1 + 1 + 1), SIDE * SIDE * 7 * 4)


def test_a_data_set_that_is_read_without_a_loader_makes_float32():
    scenes = Scenes(transforms())
    batches(scenes, num_workers=1)
    assert {field.dtype for field in scenes[0]} == {np.dtype(np.float32)}


def test_maps_that_another_transform_cuts_are_float32_before():
    scenes = Scenes(transforms(RandomTextWindow([SIDE, SIDE])))
    assert [type(transform) for transform in compact_transforms(scenes)] == [NormalizeToCHW]
    assert [batch[3].dtype for batch in batches(scenes, num_workers=1)] == [paddle.float32] * 2


def test_columns_follow_the_keys_of_the_sample():
    scenes = Scenes([*transforms()[:-1], Keep(["shrink_mask", "image", "shrink_mask"])])
    mask, image, again = batches(scenes, num_workers=1)[0]
    assert (mask.shape, image.shape) == ([2, SIDE, SIDE], [2, 3, SIDE, SIDE])
    assert {field.dtype for field in (mask, image, again)} == {paddle.float32}
    assert float(image.min()) < -1


def test_pixels_of_16_bits_are_normalised_before_they_travel():
    wide = Scenes(transforms(), lambda image, index: image.astype(np.uint16))
    np.testing.assert_allclose(
        batches(wide, num_workers=1)[0][0].numpy(), batches(Scenes(transforms()))[0][0].numpy(), rtol=0, atol=1e-6
    )


def test_pictures_of_8_and_16_bits_make_no_batch():
    mixed = Scenes(transforms(), lambda image, index: image.astype(np.uint16 if index else np.uint8))
    with pytest.raises(SampleError, match=r"entry 0 of KeepKeys has several types: .* float32, .* uint8; save all"):
        batches(mixed, num_workers=1)


def test_a_collate_function_of_its_own_gets_float32():
    scenes = Scenes(transforms())
    loader = Loader(
        scenes, batch_size=2, num_workers=1, collate_fn=lambda samples: [np.stack(each) for each in zip(*samples)]
    )
    assert {np.asarray(field).dtype for batch in loader for field in batch} == {np.dtype(np.float32)}
