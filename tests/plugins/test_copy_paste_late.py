"""Copy-Paste with pixels that are made late: the same samples, and no decoding of what no crop shows."""

import logging

import numpy as np
import pytest
from text_scenes import SQUARE, plain_image, sample, with_other

from ppocrv2_ext.plugins.copy_paste.late import LatePicture, PastedPicture
from ppocrv2_ext.plugins.copy_paste.pasting import choose, paste
from ppocrv2_ext.plugins.copy_paste.transform import TextCopyPaste, read_scene

CROP = {"RandomSceneCrop": {"size": [96, 96], "seed": 0}}
WINDOW = {"RandomSceneWindow": {"size": [96, 96], "seed": 0}}


def random_picture(rng):
    height, width = rng.integers(60, 160, 2).tolist()
    boxes = [SQUARE + rng.integers(0, [width - 20, height - 20]) for _ in range(4)]
    return sample(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), boxes)


def test_every_part_has_the_pixels_of_the_whole_in_500_random_cases():
    rng, settings, views = np.random.default_rng(0), TextCopyPaste(objects_ratio=1, scale_range=(0.5, 3)).settings, 0
    for _ in range(500):
        data, other = random_picture(rng), random_picture(rng)
        pastes = choose(rng, read_scene(data), read_scene(other), settings)
        if not pastes:
            continue
        picture, whole = (
            PastedPicture(data["image"], other["image"], pastes),
            paste(data["image"], other["image"], pastes),
        )
        np.testing.assert_array_equal(picture.whole(), whole)
        y, x = sorted(rng.integers(0, 160, 2).tolist()), sorted(rng.integers(0, 160, 2).tolist())
        part = picture[slice(*y), slice(*x)]
        np.testing.assert_array_equal(part, whole[slice(*y), slice(*x)])
        views += part.base is data["image"]
    assert 50 < views < 450  # some parts show pasted text, others are only cut out


def count_decodings(part, seed, **arguments):
    """How often the other picture is decoded for a part of the first."""
    decoded = []
    white = LatePicture(100, 120, lambda: decoded.append(1) or plain_image(value=255))
    op = TextCopyPaste(seed=seed, **arguments)
    op.pastes_late = True
    result = op(with_other(sample(plain_image(), []), {**sample(plain_image(), [SQUARE]), "image": white}))
    assert result["image"][part].shape[2] == 3
    return len(decoded)


def test_the_other_picture_is_decoded_only_if_a_part_shows_its_text():
    everything, nothing = (slice(None), slice(None)), (slice(0, 0), slice(0, 0))
    left, right = (slice(None), slice(0, 60)), (slice(None), slice(60, 120))
    assert count_decodings(everything, 0) == 1
    assert count_decodings(nothing, 0) == count_decodings(everything, 0, p=0) == 0
    lefts, rights = ([count_decodings(part, seed) for seed in range(40)] for part in (left, right))
    assert 5 < sum(lefts) < 35
    assert all(a + b >= 1 for a, b in zip(lefts, rights))


@pytest.fixture
def make_samples(wheel, samples):
    """A function: the samples that a training set of real scenes gives after Copy-Paste, late or not."""
    import ppocr.data
    from ppocr.data import imaug

    from ppocrv2_ext.host.samples.generators import find_generators, seed_generators

    scenes = samples / "icdar2015_scenes"

    def make(late, following, count=40):
        transforms = [
            {"DecodeImage": {"img_mode": "BGR", "channel_first": False}},
            {"DetLabelEncode": None},
            {"TextCopyPaste": {"objects_ratio": 1}},
            following,
            {"KeepKeys": {"keep_keys": ["image", "polys"]}},
        ]
        dataset = {"name": "SimpleDataSet", "data_dir": str(scenes), "label_file_list": [str(scenes / "train.txt")]}
        config = {
            "Global": {},
            "Train": {"dataset": {**dataset, "transforms": transforms}, "loader": {"shuffle": False}},
        }
        made = ppocr.data.SimpleDataSet(config, "Train", logging.getLogger("quiet"), seed=0)
        decode, decoded = imaug.DecodeImage.__call__, []
        made.ops[0] = type("DecodeImage" if late else "Decode", (imaug.DecodeImage,), {
            "__call__": lambda self, data: decoded.append(1) or decode(self, data)
        })(img_mode="BGR")  # fmt: skip
        assert made.ops[2].pastes_late == ("Resize" not in following)
        made.ops[2].pastes_late &= late
        generators, found = list(find_generators(made.ops)), []
        for index in range(count):
            seed_generators((0, index), generators)
            found.append(made[index % len(made)])
        return found, len(decoded)

    return make


@pytest.mark.parametrize("following", [CROP, WINDOW, {"Resize": {"size": [96, 96]}}], ids=lambda each: next(iter(each)))
def test_samples_made_late_equal_samples_made_at_once_and_need_fewer_decodings(make_samples, following):
    (late, few), (at_once, many) = make_samples(True, following), make_samples(False, following)
    for ours, theirs in zip(late, at_once):
        for each, other in zip(ours, theirs):
            np.testing.assert_array_equal(each, other)
    assert many >= 80
    assert few < (many if "Resize" in following else 0.9 * many) + 1
