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

from ppocrv2_ext.checkpoints import published
from ppocrv2_ext.checkpoints.inference_graph import (
    convert_to_parameters,
    pair_in_order,
    read_in_order,
)
from ppocrv2_ext.checkpoints.loading import load_pretrained
from ppocrv2_ext.checkpoints.pdparams import write_checkpoint
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.networks.merging import list_parameters_in_order

onnx = pytest.importorskip("onnx")

KINDS = sorted(ARCHITECTURES)
KERNEL = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
BIAS = np.float32([5, 6])
SCALE = np.float32([1.5])


def write_graph(path, nodes, tensors):
    """An ONNX file of nodes (operation, names of what it takes) and initializers {name: array}; returns ``path``."""
    nodes = [
        node if isinstance(node, onnx.NodeProto) else onnx.helper.make_node(node[0], node[1], [f"output{index}"])
        for index, node in enumerate(nodes)
    ]
    stored = [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [], initializer=stored)), str(path))
    return path


@pytest.fixture
def file(tmp_path):
    """A convolution with a bias of shape (1, 2, 1, 1), a hard swish, an enlargement and a learnable factor."""
    nodes = [
        ("Conv", ["x", "conv2d_7.w_0"]),
        ("Add", ["output0", "p2o.pd_op.reshape.0.0"]),
        ("Add", ["output1", "p2o.helper.constant.2"]),
        ("Resize", ["output2", "", "factors"]),
        ("Mul", ["output3", "learnable_affine_block_0.w_0"]),
        ("Conv", ["output4", "conv2d_7.w_0"]),
    ]
    tensors = {
        "learnable_affine_block_0.w_0": SCALE,  # not in the order of use
        "factors": np.float32([1, 1, 2, 2]),
        "p2o.helper.constant.2": np.float32([3]),
        "p2o.pd_op.reshape.0.0": BIAS.reshape(1, 2, 1, 1),
        "conv2d_7.w_0": KERNEL,
    }
    return write_graph(tmp_path / "model.onnx", nodes, tensors)


PARAMETERS = [("conv.weight", np.zeros((2, 1, 2, 2))), ("conv.bias", np.zeros(2)), ("lab.scale", np.zeros(1))]


def test_weights_come_in_the_order_of_use_and_constants_of_the_export_are_left_out(file):
    names = [name for name, _ in read_in_order(file)]
    assert names == ["conv2d_7.w_0", "p2o.pd_op.reshape.0.0", "learnable_affine_block_0.w_0"]


def test_the_nth_weight_becomes_the_nth_parameter_in_the_shape_of_the_parameter(file):
    params = pair_in_order(read_in_order(file), PARAMETERS)
    np.testing.assert_array_equal(params["conv.weight"], KERNEL)
    np.testing.assert_array_equal(params["conv.bias"], BIAS)
    np.testing.assert_array_equal(params["lab.scale"], SCALE)


def test_a_weight_of_another_shape_is_named_with_its_parameter(file):
    parameters = [("conv.weight", np.zeros((2, 1, 3, 3))), *PARAMETERS[1:]]
    sentence = r"'conv2d_7.w_0' has the shape \(2, 1, 2, 2\), but its parameter 'conv.weight' has \(2, 1, 3, 3\)"
    with pytest.raises(UserError, match=sentence):
        pair_in_order(read_in_order(file), parameters)


@pytest.mark.parametrize("parameters", [PARAMETERS[:2], [*PARAMETERS, ("more", np.zeros(1))]], ids=["fewer", "more"])
def test_another_number_of_weights_is_another_network(file, parameters):
    with pytest.raises(UserError, match=r"the file has 3 weights, but the network uses \d"):
        pair_in_order(read_in_order(file), parameters)


def test_the_four_tensors_of_a_batch_norm_are_scale_shift_mean_and_variance(tmp_path):
    tensors = {f"batch_norm_3.{leaf}": count_up(2, start=i) for i, leaf in enumerate(["w_0", "b_0", "w_1", "w_2"])}
    file = write_graph(tmp_path / "m.onnx", [("BatchNormalization", ["x", *tensors])], tensors)
    params = pair_in_order(read_in_order(file), list_parameters_in_order(nn.BatchNorm2D(2), (2, 1, 1)))
    assert {name: value[0] for name, value in params.items()} == {"weight": 0, "bias": 1, "_mean": 2, "_variance": 3}


def test_lstm_cells_are_paired_layer_by_layer_forward_first_under_both_of_their_names(tmp_path):
    lstm = nn.LSTM(3, 2, num_layers=2, direction="bidirectional")
    tensors, nodes = {"zeros": np.zeros((1, 4, 2), "float32")}, [("Tile", ["zeros", "times"])]
    for cells, width in (((9, 10), 3), ((11, 12), 4)):  # a graph takes the weights of both directions before the biases
        shapes = {"w_0": (8, width), "w_1": (8, 2), "b_0": (8,), "b_1": (8,)}
        for leaves in (("w_0", "w_1"), ("b_0", "b_1")):
            names = {f"lstm_cell_{n}.{leaf}": np.full(shapes[leaf], n, "float32") for n in cells for leaf in leaves}
            nodes.append(("Concat", list(names)))
            tensors.update(names)
    file = write_graph(tmp_path / "m.onnx", nodes, tensors)
    params, _ = convert_to_parameters(read_in_order(file), list_parameters_in_order(lstm, (4, 3)), lstm.state_dict())
    assert list(params) == list(lstm.state_dict())
    assert all(value.shape == tuple(lstm.state_dict()[name].shape) for name, value in params.items())
    firsts = {name: value.flat[0] for name, value in params.items()}
    assert len(firsts) == 32
    assert [firsts[f"weight_ih_{end}"] for end in ("l0", "l0_reverse", "l1", "l1_reverse")] == [9, 10, 11, 12]
    assert [firsts[f"{end}.bias_hh"] for end in ("0.cell_fw", "0.cell_bw", "1.cell_fw", "1.cell_bw")] == [9, 10, 11, 12]


def _head_of_db():
    """(tensors, parameters that are used, all parameters)"""
    layers = {
        "conv1.weight": (2, 2, 3, 3),
        "conv2.weight": (2, 2, 2, 2),
        "conv2.bias": (2,),
        "conv3.weight": (2, 1, 2, 2),
        "conv3.bias": (1,),
    }
    network = {f"head.{b}.{name}": np.zeros(shape) for b in ("binarize", "thresh") for name, shape in layers.items()}
    tensors = [(f"tensor{index}", count_up(*shape, start=5)) for index, shape in enumerate(layers.values())]
    return tensors, [item for item in network.items() if "binarize" in item[0]], network


def test_the_threshold_branch_is_a_copy_of_the_probability_branch_but_for_its_last_layer_and_a_note_says_so():
    params, notes = convert_to_parameters(*_head_of_db())
    assert list(params) == list(_head_of_db()[2])
    for name in ("conv1.weight", "conv2.weight", "conv2.bias"):
        np.testing.assert_array_equal(params[f"head.thresh.{name}"], params[f"head.binarize.{name}"])
    assert notes[0].startswith("5 tensors of head.thresh, a branch no inference file has: a copy of head.binarize")


def test_the_threshold_branch_gives_the_threshold_of_the_post_process_for_any_features():
    params, _ = convert_to_parameters(*_head_of_db())
    assert not params["head.thresh.conv3.weight"].any()
    assert 1 / (1 + np.exp(-params["head.thresh.conv3.bias"])) == pytest.approx(0.3)
    assert params["head.binarize.conv3.weight"].any()  # the source is left as it is


def test_a_threshold_branch_of_a_layer_that_the_probability_branch_lacks_is_refused():
    tensors, used, network = _head_of_db()
    with pytest.raises(UserError, match=r"'head.thresh.conv4.bias' should start from 'head.binarize.conv4.bias'"):
        convert_to_parameters(tensors, used, {**network, "head.thresh.conv4.bias": np.zeros(1)})


def test_parameters_that_the_network_never_uses_are_left_out():
    used = {"a.weight": np.zeros((2, 2))}
    params, notes = convert_to_parameters([("w", count_up(2, 2))], used.items(), {"idle.weight": np.zeros(3), **used})
    assert (list(params), notes) == (["a.weight"], [])


def _tensors(kind):
    try:
        return read_in_order(published.locate(published.find(kind)))
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
    used = list_parameters_in_order(network, images.shape[1:])
    params, notes = convert_to_parameters(tensors, used, network.state_dict())
    assert (list(params), bool(notes)) == (list(network.state_dict()), kind == "det")
    load_pretrained(network, write_checkpoint(params, tmp_path, kind), minimum=1.0, log=str)
    network.eval()
    outputs = network(paddle.to_tensor(images))
    outputs = (outputs["maps"] if kind == "det" else outputs).numpy()
    np.testing.assert_allclose(outputs, load_official_graph(kind)(images), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_of_another_kind_of_network_is_refused(kind, wheel, samples):
    tensors, network = _tensors({"det": "cls", "cls": "det", "rec": "det"}[kind]), _network(kind)
    used = list_parameters_in_order(network, _images(kind, samples).shape[1:])
    with pytest.raises(UserError, match="the file holds another network"):
        convert_to_parameters(tensors, used, network.state_dict())


CLONE = """
import json, sys, numpy, paddle
sys.path.insert(0, sys.argv[2])
from ppocr.modeling.architectures import build_model
from ppocr.utils.save_load import load_pretrained_params
from ppocrv2_ext.checkpoints import inference_graph, pdparams, published
from ppocrv2_ext.host.networks.merging import list_parameters_in_order
for kind, architecture in json.loads(sys.argv[3]).items():
    network, images = build_model(architecture), numpy.load(f"{sys.argv[1]}/{kind}.npy")
    tensors = inference_graph.read_in_order(published.locate(published.find(kind)))
    used = list_parameters_in_order(network, images.shape[1:])
    params = inference_graph.convert_to_parameters(tensors, used, network.state_dict()).params
    path = pdparams.write_checkpoint(params, sys.argv[1], kind)
    assert load_pretrained_params(network, str(path)) is False
    network.eval()
    outputs = network(paddle.to_tensor(images))
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
