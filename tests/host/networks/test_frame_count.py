"""The frames of a config's recognizer, measured on the network itself."""

import copy
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest

from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.data.line_shapes import Lines
from ppocrv2_ext.host.networks import frame_count

SCRIPT = Path(__file__).with_name("frames_on_a_clone.py")


EIGHT_PIXELS = [[1, 1], [2, 1], [2, 1], [2, 2]]  # strides of LCNet


def recognizer(width=320, encoder="TextLineEncode", **backbone):
    config = yaml_files.read(yaml_files.locate("rec/ch_PP-OCRv2_rec"))
    config["Architecture"]["Backbone"].update(scale=0.25, **backbone)
    dataset = {
        "name": "SimpleDataSet",
        "transforms": [{encoder: None}, {"RecResizeImg": {"image_shape": [3, 32, width]}}],
    }
    return {**config, "Train": {"dataset": dataset}, "Eval": {"dataset": copy.deepcopy(dataset)}}


def with_scales(*scales):
    config = recognizer()
    config["Train"]["dataset"]["name"] = "MultiScaleDataSet"
    return {**config, "Train": {**config["Train"], "sampler": {"name": "MultiScaleSampler", "scales": list(scales)}}}


def test_an_option_under_which_a_scale_stops_the_network_is_advised_without_it():
    def count(shape, training):
        """40 frames in training, and one of 8 pixels in evaluation if the line is high enough."""
        if not training and shape[1] < 48:
            raise AssertionError("Feature height 2 < pool kernel 3")
        return 40 if training else shape[2] // 8

    lines = [Lines("Train.sampler.scales", (3, height, 320), "MultiScaleSampler") for height in (32, 48, 64)]
    frames = frame_count._measure("Pooled", "Architecture.frames_by_width=true", count, lines, True)
    assert frames.option == "Architecture.frames_by_width=true without the scales of height 32"
    assert (frames.number, frames.by_width, frames.pixels) == (40, 40, 8.0)


def test_lines_as_wide_as_their_pictures_have_frames_for_each_number_of_heights():
    lines = [Lines("Train.sampler.max_w", (3, height, 96), "MultiScaleSampler", by_ratio=True) for height in (32, 48)]
    frames = frame_count._measure("LCNet", "", lambda shape, training: shape[2] // 4, lines, True)
    assert frames.by_ratio == (8, 16, 24)  # 3 x 48 pixels would be more than 96
    fixed = [each._replace(by_ratio=False) for each in lines]
    assert frame_count._measure("LCNet", "", lambda shape, training: shape[2] // 4, fixed, True).by_ratio == ()


@pytest.mark.usefixtures("wheel")
class TestOnTheWheel:
    @pytest.mark.parametrize("width", [160, 320, 100])
    def test_lcnet_makes_a_frame_of_4_pixels(self, width):
        measured, notes = frame_count.measure_frames(recognizer(width=width), ("Train", "Eval"))
        assert {mode: each.number for mode, each in measured.items()} == {"Train": width // 4, "Eval": width // 4}
        assert (measured["Train"].pixels, measured["Train"].option, notes) == (4.0, "", [])

    def test_the_width_that_counts_is_that_of_the_section(self):
        config = recognizer()
        config["Eval"]["dataset"]["transforms"][1]["RecResizeImg"]["image_shape"] = [3, 32, 640]
        measured, _ = frame_count.measure_frames(config, ("Train", "Eval"))
        assert (measured["Train"].number, measured["Eval"].number) == (80, 160)

    def test_strides_of_the_backbone_count(self):
        measured, _ = frame_count.measure_frames(recognizer(strides=EIGHT_PIXELS), ("Train",))
        assert (measured["Train"].number, measured["Train"].pixels) == (40, 8.0)

    def test_a_network_that_draws_random_numbers_changes_no_later_draw(self, monkeypatch):
        build = frame_count._build

        def draw_and_build(section):
            np.random.normal(), random.random(), paddle.rand([1])
            return build(section)

        monkeypatch.setattr(frame_count, "_build", draw_and_build)
        before = np.random.get_state()[1].tolist(), np.random.get_state()[2], random.getstate()
        frame_count.measure_frames(recognizer(), ("Train",))
        assert before == (np.random.get_state()[1].tolist(), np.random.get_state()[2], random.getstate())

    @pytest.mark.parametrize(("is_frozen", "frames"), [(True, 80), (False, 40)])
    def test_of_several_networks_the_fewest_frames_of_a_trained_one_count(self, is_frozen, frames):
        config = recognizer()
        network = config["Architecture"]
        other = {**recognizer(strides=EIGHT_PIXELS)["Architecture"], "freeze_params": is_frozen}
        config["Architecture"] = {"model_type": "rec", "Models": {"Student": network, "Teacher": other}}
        assert frame_count.measure_frames(config, ("Train",))[0]["Train"].number == frames

    def test_a_detector_and_labels_that_ctc_does_not_read_are_left_alone(self):
        detector = recognizer()
        detector["Architecture"]["model_type"] = "det"
        for config in (detector, recognizer(encoder="NRTRLabelEncode")):
            assert frame_count.measure_frames(config, ("Train", "Eval")) == ({}, [])

    def test_a_network_that_stops_and_a_set_without_a_width_are_named(self):
        config = recognizer()
        config["Eval"]["dataset"]["transforms"].pop()
        config["Train"]["dataset"]["transforms"][1]["RecResizeImg"]["image_shape"] = [1, 32, 320]
        measured, (train, evaluation) = frame_count.measure_frames(config, ("Train", "Eval"))
        assert measured == {}
        assert train.startswith("Train: no text is compared with the frames of the network: on lines of [1, 32, 320]")
        assert evaluation.endswith("no transform says how wide a line is.")

    def test_of_several_scales_the_fewest_frames_count(self):
        measured, notes = frame_count.measure_frames(with_scales([320, 32], [160, 32]), ("Train",))
        assert (measured["Train"].number, measured["Train"].width, notes) == (40, 160, [])

    def test_a_scale_at_which_the_network_stops_is_named(self):
        measured, (note,) = frame_count.measure_frames(with_scales([320, 32], [320, 64]), ("Train",))
        assert measured == {}
        assert "on lines of [3, 64, 320] the network stops with" in note
        assert note.endswith("; leave the scales of height 64 out of Train.sampler.scales.")

    def test_the_network_of_the_measure_leaves_no_trace(self):
        paddle.seed(5)
        before = paddle.rand([3]).numpy()
        name = paddle.nn.Linear(1, 1).weight.name
        paddle.seed(5)
        config = recognizer()
        unchanged = copy.deepcopy(config)
        frame_count.measure_frames(config, ("Train",))
        assert (paddle.rand([3]).numpy() == before).all()
        number = int(name.split("_")[1].split(".")[0])
        assert paddle.nn.Linear(1, 1).weight.name == name.replace(str(number), str(number + 1), 1)
        assert config == unchanged


@pytest.mark.parametrize(
    ("predicts", "frames"),
    [
        (paddle.zeros([2, 5, 3]), 5),
        ((paddle.zeros([2, 9]), paddle.zeros([2, 5, 3])), 5),
        ({"ctc": paddle.zeros([2, 5, 3]), "gtc": paddle.zeros([2, 26, 3])}, 5),
        ({"head_out": {"ctc": paddle.zeros([2, 5, 3])}, "backbone_out": paddle.zeros([2, 1, 1, 7])}, 5),
        ({"Student": {"head_out": paddle.zeros([2, 5, 3])}, "Teacher": paddle.zeros([2, 4, 3])}, 4),
        (paddle.zeros([2, 2]), None),
        ((), None),
    ],
)
def test_the_frames_of_what_a_network_returns(predicts, frames):
    assert frame_count.find_frames(predicts) == frames


@pytest.mark.slow
@pytest.mark.checkout
def test_every_recognizer_of_a_clone_has_the_frames_that_its_ctc_heads_read(checkout):
    """And after the advice for a longer text, it has the frames for that."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[3])}
    command = [sys.executable, str(SCRIPT), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    networks = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    built = [network for network in networks if "measured" in network]
    assert len(built) > 20
    assert [network for network in built if network["measured"] != network["read"]] == []
    assert [network for network in built if network["after"] and network["after"] < network["needed"]] == []
