"""Lines turned by half a turn: pixels and label agree, evaluation always turns the same ones, training does not."""

import subprocess
import sys

import cv2
import numpy as np
import paddle
import pytest
import yaml
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from workers import load_two_epochs

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.direction.turning import (
    UPRIGHT,
    UPSIDE_DOWN,
    HalfTurnByName,
    RandomHalfTurn,
    half_turn,
    set_direction,
)
from ppocrv2_ext.plugins.draws import Draws
from ppocrv2_ext.registry import TRANSFORMS

IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
NAMES = [f"word_{i}.png" for i in range(4000)]


def sample(name="train/word_1.png", text="Carpark"):
    """What DecodeImage hands over."""
    return {"img_path": name, "image": IMAGE, "label": text}


def by_name(name):
    return HalfTurnByName()(sample(name))["label"]


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, max_side=9)))
@settings(max_examples=50, deadline=None)
def test_two_half_turns_give_the_original(image):
    np.testing.assert_array_equal(half_turn(half_turn(image)), image)


def test_a_half_turn_equals_opencvs_rotation_by_180_degrees():
    np.testing.assert_array_equal(half_turn(IMAGE), cv2.rotate(IMAGE, cv2.ROTATE_180))
    assert half_turn(IMAGE).flags.c_contiguous  # OpenCV refuses negative strides


def test_the_label_says_what_happened_to_the_pixels():
    for turned, label, image in [(True, "180", half_turn(IMAGE)), (False, "0", IMAGE)]:
        result = set_direction(sample(), turned)
        assert result["label"] == label
        np.testing.assert_array_equal(result["image"], image)


@pytest.mark.parametrize("transform", [RandomHalfTurn(seed=3), HalfTurnByName()])
def test_label_and_pixels_agree_and_the_sample_is_not_modified(transform):
    seen = set()
    for name in NAMES[:50]:
        before = sample(name)
        after = transform(before)
        expected = half_turn(IMAGE) if after["label"] == UPSIDE_DOWN else IMAGE
        np.testing.assert_array_equal(after["image"], expected)
        assert (before["label"], before["image"] is IMAGE, after["img_path"]) == ("Carpark", True, name)
        seen.add(after["label"])
    assert seen == {UPRIGHT, UPSIDE_DOWN}


def turns(transform, count=400):
    return [transform(sample())["label"] == UPSIDE_DOWN for _ in range(count)]


def test_the_same_seed_turns_the_same_lines_and_another_seed_does_not():
    assert turns(RandomHalfTurn(seed=5)) == turns(RandomHalfTurn(seed=5)) != turns(RandomHalfTurn(seed=6))


def test_the_draws_differ_from_epoch_to_epoch():
    draws = turns(RandomHalfTurn(seed=5))
    assert draws[:50] != draws[50:100]


def test_without_a_seed_numpys_global_generator_decides():
    draws = []
    for seed in (0, 0, 1):
        np.random.seed(seed)
        draws.append(turns(RandomHalfTurn()))
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(("p", "share"), [(0, 0), (0.1, 0.1), (0.5, 0.5), (1, 1)])
def test_p_is_the_share_of_turned_lines(p, share):
    assert np.mean(turns(RandomHalfTurn(p=p, seed=1), 2000)) == pytest.approx(share, abs=0.04)


def test_two_transforms_with_the_seed_of_the_config_draw_independently():
    """Else what one of them does would tell what the other does."""
    draws = [
        Draws(owner, 1024).generator().random() for owner in ("RandomTextWindow", "RandomHalfTurn", "TextCopyPaste")
    ]
    assert len(set(draws)) == 3


class LabelDataset(paddle.io.Dataset):
    def __init__(self, seed):
        self.op = RandomHalfTurn(seed=seed)

    def __len__(self):
        return 64

    def __getitem__(self, index):
        return int(self.op(sample())["label"])


@pytest.mark.parametrize("seed", [None, 3])
def test_workers_and_their_epochs_draw_differently_but_reproducibly(seed):
    first, second = (load_two_epochs(lambda: LabelDataset(seed), batch_size=32) for _ in range(2))
    assert len(set(first)) == len(first) == 4
    assert second == first


def test_evaluation_turns_about_half_of_every_run_of_names():
    turned = np.array([by_name(name) == UPSIDE_DOWN for name in NAMES])
    assert turned.mean() == pytest.approx(0.5, abs=0.03)
    # 40 runs of 100: each 50, give or take 5.
    assert turned.reshape(40, 100).sum(axis=1).std() == pytest.approx(5, abs=1.5)


def test_evaluation_turns_the_same_lines_whatever_folder_they_lie_in():
    for folder in ("", "words/", "/data/words/test/"):
        assert [by_name(folder + name) for name in NAMES[:20]] == [by_name(name) for name in NAMES[:20]]


def test_evaluation_turns_the_same_lines_in_every_process():
    code = (
        "from ppocrv2_ext.plugins.direction.turning import HalfTurnByName; import numpy as np; "
        "op = HalfTurnByName(); image = np.zeros((2, 2, 3)); "
        "print(*(op({'img_path': f'word_{i}.png', 'image': image, 'label': ''})['label'] for i in range(30)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1].split() == [by_name(name) for name in NAMES[:30]]


def test_evaluation_turns_the_same_lines_in_every_version():
    assert [by_name(f"word_{i}.png") for i in range(1, 9)] == ["180", "0", "0", "0", "0", "180", "180", "0"]


def test_a_sample_without_a_label_is_not_turned():
    """As in tools/infer_cls.py, where the answer is not known."""
    data = {"img_path": NAMES[0], "image": IMAGE}
    assert HalfTurnByName()(data) is data


def test_a_sample_without_a_file_name_is_refused():
    with pytest.raises(UserError, match="no file names to decide by; use SimpleDataSet"):
        HalfTurnByName()({"image": IMAGE, "label": "text"})


@pytest.mark.parametrize("transform", [RandomHalfTurn, HalfTurnByName])
@pytest.mark.parametrize("label_list", [[0, 180], ["180", "0"], ["0"], None])
def test_a_label_list_with_other_classes_is_refused(transform, label_list):
    """ClsLabelEncode would drop every line, which ends in a RecursionError, or swap the classes."""
    with pytest.raises(UserError, match=r"Global.label_list must be \['0', '180'\], as text, got"):
        transform(label_list=label_list)


@pytest.mark.parametrize(("argument", "value"), [("p", 1.1), ("p", "0.5"), ("p", True), ("seed", -1), ("seed", 0.5)])
def test_the_error_names_a_wrong_argument(argument, value):
    with pytest.raises(ValueError, match=rf"`{argument}` must be .*, got .*\.$"):
        RandomHalfTurn(**{argument: value})


def test_a_config_can_set_every_argument(wheel):
    from ppocr.data.imaug import create_operators

    assert TRANSFORMS["RandomHalfTurn"] is RandomHalfTurn
    assert TRANSFORMS["HalfTurnByName"] is HalfTurnByName
    transforms = yaml.safe_load("[RandomHalfTurn: {p: 0.3}, HalfTurnByName: ]")
    random, fixed = create_operators(transforms, {"label_list": ["0", "180"], "seed": 9, "use_gpu": False})
    assert (random.p, random.draws.seed, type(fixed)) == (0.3, 9, HalfTurnByName)


def test_a_recognition_label_file_feeds_paddleocrs_classifier(wheel, tmp_path):
    from ppocr.data.simple_dataset import SimpleDataSet
    from ppocr.utils.logging import get_logger

    for name in NAMES[:16]:
        cv2.imwrite(str(tmp_path / name), IMAGE)
    (tmp_path / "words.txt").write_text("".join(f"{name}\tGenaxis\n" for name in NAMES[:16]), encoding="utf-8")
    transforms = yaml.safe_load(
        "[DecodeImage: {img_mode: BGR, channel_first: false}, HalfTurnByName: , ClsLabelEncode: ,"
        " ClsResizeImg: {image_shape: [3, 4, 6]}, KeepKeys: {keep_keys: [image, label]}]"
    )
    dataset = {"data_dir": str(tmp_path), "label_file_list": [str(tmp_path / "words.txt")], "transforms": transforms}
    config = {"Global": {"label_list": ["0", "180"]}, "Eval": {"dataset": dataset, "loader": {"shuffle": False}}}
    samples = list(map(SimpleDataSet(config, "Eval", get_logger()).__getitem__, range(16)))
    assert [label for _, label in samples] == [("0", "180").index(by_name(name)) for name in NAMES[:16]]
    upright = IMAGE.transpose(2, 0, 1) / 127.5 - 1
    for image, label in samples:
        np.testing.assert_allclose(image, upright[:, ::-1, ::-1] if label else upright, atol=1e-6)
