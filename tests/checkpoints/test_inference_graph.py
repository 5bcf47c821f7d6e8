"""Inference graphs: every tensor gets the name of its parameter, and the networks give the published outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from arrays import count_up
from official_graph import ARCHITECTURES, load_official_graph
from paddle import nn
from paddle.utils import unique_name

from ppocrv2_ext.checkpoints import inference_graph, published
from ppocrv2_ext.checkpoints.inference_graph import convert_to_parameters
from ppocrv2_ext.checkpoints.loading import load_pretrained
from ppocrv2_ext.checkpoints.pdparams import write_checkpoint
from ppocrv2_ext.errors import UserError

KINDS = sorted(ARCHITECTURES)


def _norm(number, size):
    return {
        f"batch_norm_{number}.{leaf}": count_up(size, start=i) for i, leaf in enumerate(["w_0", "b_0", "w_1", "w_2"])
    }


def test_layers_are_paired_in_the_order_of_their_numbers():
    tensors = {f"conv2d_{n}.w_0": count_up(1, 1, 1, 1, start=n) for n in (10, 9, 100)}
    network = {name: np.zeros((1, 1, 1, 1)) for name in ("stem.weight", "body.weight", "tail.weight")}
    params, notes = convert_to_parameters(tensors, network)
    assert [float(value.item()) for value in params.values()] == [9, 10, 100]
    assert notes == []


def test_the_four_tensors_of_a_batch_norm_are_scale_shift_mean_and_variance():
    network = {f"bn.{leaf}": np.zeros(2) for leaf in ("weight", "bias", "_mean", "_variance")}
    params, _ = convert_to_parameters(_norm(3, 2), network)
    assert {name: value[0] for name, value in params.items()} == {
        "bn.weight": 0,
        "bn.bias": 1,
        "bn._mean": 2,
        "bn._variance": 3,
    }


def test_lstm_cells_are_paired_layer_by_layer_forward_first_under_both_of_their_names():
    lstm = nn.LSTM(3, 2, num_layers=2, direction="bidirectional")
    tensors = {}
    for n, width in zip((4, 5, 6, 7), (3, 3, 4, 4)):
        shapes = {"w_0": (8, width), "w_1": (8, 2), "b_0": (8,), "b_1": (8,)}
        tensors.update({f"lstm_cell_{n}.{leaf}": np.full(shape, n, "float32") for leaf, shape in shapes.items()})
    params, _ = convert_to_parameters(tensors, lstm.state_dict())
    firsts = {name: value.flat[0] for name, value in params.items()}
    assert len(firsts) == 32
    assert [firsts[f"weight_ih_{end}"] for end in ("l0", "l0_reverse", "l1", "l1_reverse")] == [4, 5, 6, 7]
    assert [firsts[f"{end}.bias_hh"] for end in ("0.cell_fw", "0.cell_bw", "1.cell_fw", "1.cell_bw")] == [4, 5, 6, 7]


def test_linear_layers_named_after_the_student_head_are_paired():
    ends = {"1_w": (2, 3), "1_b": (3,), "2_w": (3, 4), "2_b": (4,)}
    tensors = {f"student_ctc_head_{end}_attr": count_up(*shape) for end, shape in ends.items()}
    network = nn.Sequential(("fc1", nn.Linear(2, 3)), ("fc2", nn.Linear(3, 4))).state_dict()
    params, _ = convert_to_parameters(tensors, network)
    np.testing.assert_array_equal(params["fc2.weight"], tensors["student_ctc_head_2_w_attr"])


def test_the_older_names_of_the_classifier_are_paired_in_the_order_within_a_block():
    ends = ["linear_weights", "se_2_weights", "se_1_weights", "depthwise_weights", "expand_weights"]
    tensors = {f"conv{n}_{end}": np.full((1, 1, 1, 1), 10 * n + i) for n in (10, 2) for i, end in enumerate(ends)}
    tensors["conv_last_weights"] = np.full((1, 1, 1, 1), 999)
    params, _ = convert_to_parameters(tensors, {f"{i}.weight": np.zeros((1, 1, 1, 1)) for i in range(11)})
    assert [value.item() for value in params.values()] == [24, 23, 22, 21, 20, 104, 103, 102, 101, 100, 999]


def _head_of_db():
    layers = {
        "conv1.weight": (2, 2, 3, 3),
        "conv2.weight": (2, 2, 2, 2),
        "conv2.bias": (2,),
        "conv3.weight": (2, 1, 2, 2),
        "conv3.bias": (1,),
    }
    network = {f"head.{b}.{name}": np.zeros(shape) for b in ("binarize", "thresh") for name, shape in layers.items()}
    tensors = {"conv2d_9.w_0": count_up(2, 2, 3, 3), "conv2d_transpose_4.w_0": count_up(2, 2, 2, 2)}
    tensors.update({"conv2d_transpose_4.b_0": count_up(2), "conv2d_transpose_5.w_0": count_up(2, 1, 2, 2)})
    tensors.update({"conv2d_transpose_5.b_0": np.array([5.0])})
    return tensors, network


def test_the_threshold_branch_is_a_copy_of_the_probability_branch_but_for_its_last_layer_and_a_note_says_so():
    params, notes = convert_to_parameters(*_head_of_db())
    assert list(params) == list(_head_of_db()[1])
    for name in ("conv1.weight", "conv2.weight", "conv2.bias"):
        np.testing.assert_array_equal(params[f"head.thresh.{name}"], params[f"head.binarize.{name}"])
    assert notes[0].startswith("5 tensors of head.thresh, a branch no inference file has: a copy of head.binarize")


def test_the_threshold_branch_gives_the_threshold_of_the_post_process_for_any_features():
    params, _ = convert_to_parameters(*_head_of_db())
    assert not params["head.thresh.conv3.weight"].any()
    assert 1 / (1 + np.exp(-params["head.thresh.conv3.bias"])) == pytest.approx(0.3)
    assert params["head.binarize.conv3.weight"].any()  # the source is left as it is


def test_the_first_tensor_of_another_shape_is_named_with_both_shapes():
    tensors, network = _head_of_db()
    network["head.binarize.conv3.weight"] = np.zeros((2, 1, 3, 3))
    with pytest.raises(
        UserError, match=r"conv2d_transpose_5.w_0.*\(2, 1, 2, 2\).*binarize.conv3.weight.*\(2, 1, 3, 3\)"
    ):
        convert_to_parameters(tensors, network)


def test_a_bias_that_only_the_network_has_is_refused():
    with pytest.raises(UserError, match=r"conv2d_0\.w_0.*\['weight'\].*'a\.weight' wants \['bias', 'weight'\]"):
        convert_to_parameters(
            {"conv2d_0.w_0": np.zeros((1, 1, 1, 1))}, {"a.weight": np.zeros((1, 1, 1, 1)), "a.bias": [0]}
        )


def test_too_few_and_too_many_layers_are_refused():
    one, two = ({f"conv2d_{n}.w_0": np.zeros((1, 1, 1, 1)) for n in range(count)} for count in (1, 2))
    network = {"a.weight": np.zeros((1, 1, 1, 1)), "b.weight": np.zeros((1, 1, 1, 1))}
    with pytest.raises(UserError, match=r"no convolution left for parameter 'b.weight'"):
        convert_to_parameters(one, network)
    with pytest.raises(UserError, match=r"no convolution for tensor 'conv2d_1.w_0'"):
        convert_to_parameters(two, {"a.weight": network["a.weight"]})


def test_a_parameter_of_no_known_layer_is_refused():
    with pytest.raises(UserError, match=r"'head.centers' belongs to no layer"):
        convert_to_parameters({}, {"head.centers": np.zeros((4, 2))})


def test_a_missing_onnx_file_is_named(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(UserError, match=r"cannot read .*gone\.onnx"):
        inference_graph.read_onnx(tmp_path / "gone.onnx")


def test_without_the_package_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match="needs the package onnx"):
        inference_graph.read_onnx("det.onnx")


def test_onnx_initializers_and_constants_are_read(tmp_path):
    onnx = pytest.importorskip("onnx")
    stored = onnx.numpy_helper.from_array(count_up(2, 3), "conv2d_0.w_0")
    nodes = [
        onnx.helper.make_node("Constant", [], ["batch_norm_0.b_0"], value=onnx.numpy_helper.from_array(count_up(4))),
        onnx.helper.make_node("Constant", [], ["sizes"], value_ints=[1, 2]),
    ]
    graph = onnx.helper.make_graph(nodes, "g", [], [], initializer=[stored])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "m.onnx"))
    tensors = inference_graph.read_onnx(tmp_path / "m.onnx")
    assert {name: value.tolist() for name, value in tensors.items()} == {
        "conv2d_0.w_0": [[0, 1, 2], [3, 4, 5]],
        "batch_norm_0.b_0": [0, 1, 2, 3],
        "sizes": [1, 2],
    }


def test_a_broken_onnx_file_is_a_user_error(tmp_path):
    pytest.importorskip("onnx")
    (tmp_path / "m.onnx").write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match="not a readable ONNX file"):
        inference_graph.read_onnx(tmp_path / "m.onnx")


def _tensors(kind):
    pytest.importorskip("onnx")
    try:
        return inference_graph.read_onnx(published.locate(published.find(kind)))
    except UserError as error:
        pytest.skip(str(error))


def _network(kind):
    from ppocr.modeling.architectures import build_model

    with unique_name.guard():  # PaddleOCR's ClsHead gives its parameters fixed names, which a process uses once
        return build_model(ARCHITECTURES[kind])


def _images(kind, folder):
    """(2, 3, H, W): a real image as the model's own preprocessing would scale it, and noise."""
    cv2 = pytest.importorskip("cv2")
    file = "icdar2015_scenes/train/img_103.jpg" if kind == "det" else "icdar2015_words/train/word_1.png"
    h, w = {"det": (160, 256), "rec": (32, 320), "cls": (48, 192)}[kind]
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if kind == "det" else (0.5, 0.5)
    real = (cv2.resize(cv2.imread(str(folder / file)), (w, h)) / 255 - mean) / std
    return np.stack([real.transpose(2, 0, 1), np.random.RandomState(0).randn(3, h, w)]).astype("float32")


@pytest.mark.parametrize("kind", KINDS)
def test_the_wheels_network_with_the_official_weights_equals_the_onnx_graph(kind, wheel, samples, tmp_path):
    tensors, images, network = _tensors(kind), _images(kind, samples), _network(kind)
    params, notes = convert_to_parameters(tensors, network.state_dict())
    assert (list(params), bool(notes)) == (list(network.state_dict()), kind == "det")
    load_pretrained(network, write_checkpoint(params, tmp_path, kind), minimum=1.0, log=str)
    network.eval()
    outputs = network(paddle.to_tensor(images))
    outputs = (outputs["maps"] if kind == "det" else outputs).numpy()
    np.testing.assert_allclose(outputs, load_official_graph(kind)(images), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_of_another_kind_of_network_is_refused(kind, wheel):
    tensors = _tensors({"det": "cls", "cls": "det", "rec": "det"}[kind])
    with pytest.raises(UserError, match="the file holds another network"):
        convert_to_parameters(tensors, _network(kind).state_dict())


CLONE = """
import json, sys, numpy, paddle
sys.path.insert(0, sys.argv[2])
from ppocr.modeling.architectures import build_model
from ppocr.utils.save_load import load_pretrained_params
from ppocrv2_ext.checkpoints import inference_graph, pdparams, published
for kind, architecture in json.loads(sys.argv[3]).items():
    network = build_model(architecture)
    tensors = inference_graph.read_onnx(published.locate(published.find(kind)))
    params = inference_graph.convert_to_parameters(tensors, network.state_dict()).params
    path = pdparams.write_checkpoint(params, sys.argv[1], kind)
    assert load_pretrained_params(network, str(path)) is False
    network.eval()
    outputs = network(paddle.to_tensor(numpy.load(f"{sys.argv[1]}/{kind}.npy")))
    numpy.save(f"{sys.argv[1]}/{kind}_outputs.npy", (outputs["maps"] if kind == "det" else outputs).numpy())
"""


@pytest.mark.checkout
def test_a_clones_own_networks_and_loader_give_the_outputs_of_the_onnx_graphs(checkout, samples, tmp_path):
    images = {kind: _images(kind, samples) for kind in KINDS if _tensors(kind)}
    for kind in KINDS:
        np.save(tmp_path / f"{kind}.npy", images[kind])
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", CLONE, str(tmp_path), str(checkout), json.dumps(ARCHITECTURES)]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        outputs = np.load(tmp_path / f"{kind}_outputs.npy")
        np.testing.assert_allclose(outputs, load_official_graph(kind)(images[kind]), atol=1e-4)
