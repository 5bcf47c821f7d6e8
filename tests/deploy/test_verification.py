"""Other programs: the plain reference equals what is read here, and boxes are paired by their overlap."""

import runpy

import numpy as np
import pytest
from test_ocr import DETECTOR, blobs
from tiny_recognizer import write_tiny_recognizer

from ppocrv2_ext.deploy import detect, peer_processes, verification
from ppocrv2_ext.deploy.settings import LineSettings
from ppocrv2_ext.deploy.verification import Outcome, PictureReading, find_single_boxes

PEERS = runpy.run_path(str(peer_processes.PEERS_FILE))
BOX = np.array([(0, 0), (100, 0), (100, 20), (0, 20)], float)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("change", [{}, {"score_mode": "slow"}, {"dilate": True}])
def test_plain_boxes_are_the_boxes_of_the_detector(seed, change):
    settings = DETECTOR._replace(**change, resize={"limit_side_len": 320})
    image = np.random.default_rng(seed).integers(0, 256, (320, 448, 3), dtype=np.uint8)
    seen = []

    def run(inputs):
        seen.append(inputs)
        return blobs(seed)[None]

    plain = PEERS["detect_plainly"](image, run, settings._asdict())["boxes"]
    ours = detect.Detector(lambda inputs: run(inputs)[None], settings)(image)
    np.testing.assert_allclose(*seen, atol=1e-5)
    assert len(ours) > 0
    assert find_single_boxes(ours, plain) == []


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (20, 30), (1, 1), (32, 32), (4200, 90)])
@pytest.mark.parametrize("rule", [{}, {"limit_side_len": 960, "limit_type": "max"}, {"max_side_limit": 1500}])
def test_the_plain_reference_sees_a_picture_of_any_shape_as_the_detector_does(shape, rule):
    settings = DETECTOR._replace(resize=rule)
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    seen = []

    def run(inputs):
        seen.append(inputs[0, :, ::50, ::50].copy())
        return np.zeros((1, *inputs.shape[2:]))

    assert PEERS["detect_plainly"](image, run, settings._asdict()) == {"boxes": []}
    detect.Detector(lambda inputs: run(inputs)[None], settings)(image)
    np.testing.assert_allclose(*seen, atol=1e-5)


@pytest.mark.parametrize("sides", [(720, 1280), (10000, 9000), (100, 1000)])
def test_a_program_without_a_limit_of_sides_gets_what_fits_the_memory(sides):
    PEERS["refuse_to_enlarge"](sides, {})


def test_a_program_without_a_limit_of_sides_gets_no_strip():
    with pytest.raises(PEERS["LimitError"], match="would enlarge the picture to 2208000 x 736 pixels"):
        PEERS["refuse_to_enlarge"]((3000, 1), {})


@pytest.mark.parametrize("width", [10, 64, 300])
def test_plain_lines_and_their_text_are_those_read_here(tmp_path, width):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = verification.open_model(write_tiny_recognizer(tmp_path / "model"))
    image = np.random.default_rng(width).integers(0, 256, (32, width, 3), dtype=np.uint8)
    from ppocrv2_ext.deploy.engine import load_engine

    run = load_engine(model.path, "onnxruntime")
    plain = PEERS["recognize_plainly"](image, lambda inputs: run(inputs)[0], model.settings._asdict())
    (ours,) = verification.read_here(model, [image])
    assert (plain["text"], plain["score"]) == (ours.text, pytest.approx(ours.score, abs=1e-5))


def test_a_plain_direction_is_the_likelier_one():
    settings = LineSettings(48, 192, None)._asdict()
    image = np.zeros((20, 40, 3), np.uint8)
    read = PEERS["classify_plainly"](image, lambda inputs: np.array([0.25, 0.75]), settings)
    assert read == {"text": "180", "score": 0.75}


def test_a_rule_of_resizing_that_a_program_lacks_is_its_limit():
    with pytest.raises(PEERS["LimitError"], match="resize_long"):
        PEERS["require_limit"]({"resize_long": 960})
    assert PEERS["require_limit"]({}) == (736, "min")


class TestBoxes:
    def test_boxes_in_another_order_are_the_same(self):
        assert find_single_boxes([BOX, BOX + 200], [BOX + 200, BOX]) == []

    def test_no_boxes_are_the_same_as_none(self):
        assert find_single_boxes([], []) == []

    @pytest.mark.parametrize(("shift", "count"), [(4, 0), (6, 2)])  # overlap 96/104 = 0.92 and 94/106 = 0.89
    def test_partners_overlap_by_nine_tenths(self, shift, count):
        assert len(find_single_boxes([BOX], [BOX + np.array([shift, 0])])) == count

    def test_a_box_without_a_partner_is_told_with_its_side(self):
        ((where, box),) = find_single_boxes([BOX], [BOX, BOX + 200])
        assert where == "there"
        np.testing.assert_array_equal(box, BOX + 200)

    def test_narrow_boxes_are_dropped_as_in_paddleocrs_pipelines(self):
        narrow = BOX * (1, 0.15)  # 3 pixels high
        assert PEERS["drop_narrow"]([BOX, narrow]) == [BOX.tolist()]


def test_a_picture_that_was_not_read_is_not_the_same():
    assert verification.is_same(PictureReading("a"), PictureReading("a"))
    assert not verification.is_same(PictureReading("a"), PictureReading("b"))
    assert not verification.is_same(PictureReading(""), PictureReading(problem="too large"))


def test_a_known_problem_is_explained():
    explained = verification.add_hint("ValueError: Type of attribute: scale is not right.")
    assert explained.startswith("another version of Paddle wrote the program")
    assert verification.add_hint("unknown") == "unknown"


def test_a_model_without_a_program_is_not_tried_with_paddle(tmp_path):
    pytest.importorskip("onnx")
    model = verification.open_model(write_tiny_recognizer(tmp_path / "model"))
    outcome = verification.read_with_paddle(model, [])
    assert isinstance(outcome, Outcome)
    assert not outcome.was_tried
