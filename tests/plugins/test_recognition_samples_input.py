"""Lines and labels as a recognizer takes them: bit by bit what PaddleOCR makes of them."""

import numpy as np
import pytest

from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.config.resolve import resolve
from ppocrv2_ext.data.line_pixels import NORMALISED
from ppocrv2_ext.data.transforms import list_originals
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.recognition_samples.augment import Probabilities
from ppocrv2_ext.plugins.recognition_samples.encode import TextLineEncode
from ppocrv2_ext.plugins.recognition_samples.resize import TextLineResize

CHANGES = [f"{name}_prob" for name in Probabilities._fields]
CHARACTERS = "abcXYZ日本0"


@pytest.fixture
def dictionary(tmp_path):
    path = tmp_path / "characters.txt"
    path.write_bytes("".join(f"{character}\r\n" for character in [*CHARACTERS, "a"]).encode())  # one of them twice
    return str(path)


# The picture


def random_options(rng):
    return {
        "image_shape": [3, int(rng.integers(8, 49)), int(rng.integers(1, 330))],
        "infer_mode": bool(rng.random() < 0.3),
        "eval_mode": bool(rng.random() < 0.3),
        "padding": bool(rng.random() < 0.7),
        "character_dict_path": "characters.txt" if rng.random() < 0.7 else None,
    }


def test_500_random_lines_are_bit_by_bit_what_paddleocr_makes_of_them(wheel):
    from ppocr.data.imaug import RecResizeImg

    rng, wider = np.random.default_rng(0), 0
    for _ in range(500):
        options = random_options(rng)
        image = rng.integers(0, 256, (*rng.integers(1, 70, 1), *rng.integers(1, 300, 1), 3), dtype=np.uint8)
        ours, theirs = (op(**options)({"image": image}) for op in (TextLineResize, RecResizeImg))
        np.testing.assert_array_equal(ours["image"], theirs["image"])
        assert ours["image"].dtype == theirs["image"].dtype
        assert ours["valid_ratio"] == theirs["valid_ratio"]
        wider += ours["image"].shape[2] > options["image_shape"][2]
    assert wider > 50


def test_grey_lines_are_bit_by_bit_what_paddleocr_makes_of_them(wheel):
    from ppocr.data.imaug import RecResizeImg

    image = np.random.default_rng(1).integers(0, 256, (20, 90), dtype=np.uint8)
    ours, theirs = (op(image_shape=[1, 32, 200])({"image": image}) for op in (TextLineResize, RecResizeImg))
    np.testing.assert_array_equal(ours["image"], theirs["image"])


def test_values_by_hand():
    assert NORMALISED[[0, 255]].tolist() == [-1, 1]
    result = TextLineResize([3, 1, 4])({"image": np.array([[[0, 255, 51]]], np.uint8)})
    assert result["image"].tolist() == [[[-1, 0, 0, 0]], [[1, 0, 0, 0]], [[pytest.approx(-0.6), 0, 0, 0]]]
    assert result["valid_ratio"] == 0.25


@pytest.mark.parametrize(
    ("image_shape", "image"),
    [
        ([3, 32, 100], np.zeros((30, 40), np.uint8)),
        ([3, 32, 100], np.zeros((30, 40, 4), np.uint8)),
        ([3, 32, 100], np.zeros((30, 40, 3), np.uint16)),
        ([3, 32, 100], np.zeros((30, 0, 3), np.uint8)),
        ([1, 32, 100], np.zeros((30, 40, 3), np.uint8)),
        ([1, 32, 100], np.zeros(30, np.uint8)),
    ],
    ids=str,
)
def test_an_image_of_another_form_is_refused_in_one_sentence(image_shape, image):
    with pytest.raises(UserError, match=r"^TextLineResize takes images of .* got .*\.$"):
        TextLineResize(image_shape)({"image": image})


@pytest.mark.parametrize("image_shape", [32, [32, 100], [2, 32, 100], [3, 0, 100], [3, 32, 1.5], None])
def test_an_impossible_image_shape_is_refused(image_shape):
    with pytest.raises(ValueError, match="`image_shape` must be"):
        TextLineResize(image_shape)


# The label


def assert_same_sample(ours, theirs):
    if theirs is None:
        assert ours is None
        return
    assert set(ours) == set(theirs)
    for key in ("label", "length", "label_ace"):
        np.testing.assert_array_equal(ours[key], theirs[key])
        assert (ours[key].dtype, ours[key].shape) == (theirs[key].dtype, theirs[key].shape)


@pytest.mark.parametrize("space", [False, True])
@pytest.mark.parametrize("has_dictionary", [False, True])
def test_500_random_texts_are_encoded_as_paddleocr_does(wheel, dictionary, space, has_dictionary):
    from ppocr.data.imaug import CTCLabelEncode

    options = {
        "max_text_length": 6,
        "character_dict_path": dictionary if has_dictionary else None,
        "use_space_char": space,
    }
    ours, theirs = (op(**options) for op in (TextLineEncode, CTCLabelEncode))
    rng, left_out = np.random.default_rng(2), 0
    for _ in range(500):
        text = "".join(rng.choice([*CHARACTERS, " ", "é", "本"], int(rng.integers(0, 9))))
        encoded = ours({"label": text, "image": 1})
        assert_same_sample(encoded, theirs({"label": text, "image": 1}))
        left_out += encoded is None
    assert 50 < left_out < 450
    assert ours.character == theirs.character


def test_a_label_by_hand(dictionary):
    sample = TextLineEncode(4, dictionary)({"label": "X?X"})
    assert sample["label"].tolist() == [4, 4, 0, 0]
    assert int(sample["length"]) == 2
    assert sample["label_ace"].tolist() == [2, 0, 0, 0, 2, *[0] * 6]


def test_a_dictionary_that_cannot_be_read_is_an_error_that_names_it(tmp_path):
    with pytest.raises(UserError, match="cannot read the dictionary .*none.txt"):
        TextLineEncode(4, str(tmp_path / "none.txt"))


def test_the_input_is_not_modified(dictionary):
    data = {"label": "abc", "image": np.zeros((2, 3, 3), np.uint8)}
    TextLineResize([3, 32, 100])(TextLineEncode(4, dictionary)(data))
    assert data["label"] == "abc"
    assert data["image"].shape == (2, 3, 3)


# The shipped configs

SHIPPED = [name for name in yaml_files.built_in() if name.split("/")[0] in ("rec", "cls") and "PP-OCRv2" in name]


@pytest.mark.parametrize("name", [*SHIPPED, "cls/textline_orientation_lcnet"])
def test_without_augmentation_a_shipped_config_gives_the_sample_that_paddleocrs_transforms_give(wheel, samples, name):
    from ppocr.data import imaug

    config, _ = resolve(yaml_files.read(yaml_files.locate(name)), wheel.root)
    words, pair = samples / "icdar2015_words", []
    file, text = (words / "train.txt").read_text(encoding="utf-8").splitlines()[0].split("\t")
    for is_stock in (False, True):
        entries = []
        for entry in config["Train"]["dataset"]["transforms"]:
            ((component, options),) = entry.items()
            options = dict(options or {})
            options = dict.fromkeys(CHANGES, 0) if component == "TextLineAugment" else options
            entries.append({list_originals(component)[0] if is_stock else component: options})
        ops = imaug.create_operators(entries, {**config["Global"], "seed": 1})
        pair.append(imaug.transform({"image": (words / file).read_bytes(), "label": text}, ops))
    assert len(pair[0]) == len(pair[1]) >= 2
    for ours, stock in zip(*pair):
        np.testing.assert_array_equal(ours, stock)
