"""Weights of an ONNX file paired with parameters by the order in which both are used."""

import numpy as np
import pytest

from ppocrv2_ext.checkpoints import execution_order
from ppocrv2_ext.errors import UserError

onnx = pytest.importorskip("onnx")

KERNEL = np.arange(8, dtype=np.float32).reshape(2, 1, 2, 2)
BIAS = np.float32([5, 6])
SCALE = np.float32([1.5])


@pytest.fixture
def file(tmp_path):
    """A convolution with a bias of shape (1, 2, 1, 1), a hard swish, an enlargement and a learnable factor."""
    helper, array = onnx.helper, onnx.numpy_helper.from_array
    nodes = [
        helper.make_node("Conv", ["x", "conv2d_7.w_0"], ["a"]),
        helper.make_node("Add", ["a", "p2o.pd_op.reshape.0.0"], ["b"]),
        helper.make_node("Add", ["b", "p2o.helper.constant.2"], ["c"]),
        helper.make_node("Resize", ["c", "", "factors"], ["d"]),
        helper.make_node("Mul", ["d", "learnable_affine_block_0.w_0"], ["e"]),
        helper.make_node("Conv", ["e", "conv2d_7.w_0"], ["y"]),
    ]
    tensors = {
        "learnable_affine_block_0.w_0": SCALE,  # not in the order of use
        "factors": np.float32([1, 1, 2, 2]),
        "p2o.helper.constant.2": np.float32([3]),
        "p2o.pd_op.reshape.0.0": BIAS.reshape(1, 2, 1, 1),
        "conv2d_7.w_0": KERNEL,
    }
    value = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", value, [1, 2, 8, 8])],
        [helper.make_tensor_value_info("y", value, None)],
        [array(tensor, name) for name, tensor in tensors.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), str(path))
    return path


PARAMETERS = [("conv.weight", np.zeros((2, 1, 2, 2))), ("conv.bias", np.zeros(2)), ("lab.scale", np.zeros(1))]


def test_weights_come_in_the_order_of_use_and_constants_of_the_export_are_left_out(file):
    names = [name for name, _ in execution_order.read_in_order(file)]
    assert names == ["conv2d_7.w_0", "p2o.pd_op.reshape.0.0", "learnable_affine_block_0.w_0"]


def test_the_nth_weight_becomes_the_nth_parameter_in_the_shape_of_the_parameter(file):
    params = execution_order.pair_in_order(execution_order.read_in_order(file), PARAMETERS)
    np.testing.assert_array_equal(params["conv.weight"], KERNEL)
    np.testing.assert_array_equal(params["conv.bias"], BIAS)
    np.testing.assert_array_equal(params["lab.scale"], SCALE)


def test_a_weight_of_another_shape_is_named_with_its_parameter(file):
    parameters = [("conv.weight", np.zeros((2, 1, 3, 3))), *PARAMETERS[1:]]
    with pytest.raises(
        UserError, match=r"'conv2d_7.w_0' has the shape \(2, 1, 2, 2\), but its parameter 'conv.weight'"
    ):
        execution_order.pair_in_order(execution_order.read_in_order(file), parameters)


@pytest.mark.parametrize("parameters", [PARAMETERS[:2], [*PARAMETERS, ("more", np.zeros(1))]], ids=["fewer", "more"])
def test_another_number_of_weights_is_another_network(file, parameters):
    with pytest.raises(UserError, match=r"the file has 3 weights, but the network uses \d"):
        execution_order.pair_in_order(execution_order.read_in_order(file), parameters)


def test_a_broken_file_is_one_sentence(tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(UserError, match="is not a readable ONNX file"):
        execution_order.read_in_order(path)
