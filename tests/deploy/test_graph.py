"""ONNX graphs as they are mended: hard swish becomes two operators, however its constants are written."""

import numpy as np
import pytest

from ppocrv2_ext.deploy.graph import mend_graph

onnx = pytest.importorskip("onnx")
X = np.linspace(-9, 9, 24, dtype=np.float32).reshape(1, 2, 3, 4)


def save_model(nodes, initializers=()):
    """The content of an ONNX file, from x to y, both (1, 2, 3, 4) float32."""
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, X.shape) for name in "xy"]
    graph = onnx.helper.make_graph(nodes, "tiny", values[:1], values[1:], initializers)
    opsets = [onnx.helper.make_opsetid("", 13)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def make_hard_swish():
    """The nodes of y = x * clip(x + 3, 0, 6) / 6 without their constants."""
    parts = [("Add", "x three", "total"), ("Clip", "total zero six", "clip"), ("Mul", "x clip", "product")]
    parts.append(("Div", "product six", "y"))
    return [onnx.helper.make_node(kind, inputs.split(), [output]) for kind, inputs, output in parts]


def make_constant(name, **value):
    return onnx.helper.make_node("Constant", [], [name], **value)


def make_scalar(number):
    return onnx.helper.make_tensor("scalar", onnx.TensorProto.FLOAT, [], [number])


def run(content):
    session = pytest.importorskip("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": X})[0]


@pytest.mark.parametrize(
    "write", [lambda v: {"value": make_scalar(v)}, lambda v: {"value_float": v}], ids=["value", "value_float"]
)
def test_a_hard_swish_of_either_kind_of_constants_becomes_two_operators_and_computes_the_same(write):
    numbers = {"zero": 0.0, "three": 3.0, "six": 6.0}
    content = save_model([*(make_constant(name, **write(v)) for name, v in numbers.items()), *make_hard_swish()])
    mended = mend_graph(content)
    kinds = [node.op_type for node in onnx.load_from_string(mended).graph.node]
    assert [kind for kind in kinds if kind != "Constant"] == ["HardSigmoid", "Mul"]
    np.testing.assert_allclose(run(mended), run(content), atol=1e-6)


@pytest.mark.parametrize(
    "value",
    [{"value_int": 3}, {"value_ints": [3]}, {"value_floats": [3.0, 4.0]}, {"value_string": b"a"}],
    ids=lambda value: next(iter(value)),
)
def test_a_graph_with_any_kind_of_constant_stays_as_it_is_without_a_hard_swish(value):
    bounds = [make_constant("zero", value_float=0.0), make_constant("six", value_float=6.0)]
    clip = onnx.helper.make_node("Clip", ["x", "zero", "six"], ["y"])
    content = save_model([make_constant("other", **value), *bounds, clip])
    assert mend_graph(content) == content


def test_a_constant_that_is_a_text_is_no_number():
    text = onnx.helper.make_tensor("text", onnx.TensorProto.STRING, [1], [b"a"])
    zero = make_scalar(0.0)
    zero.name = "zero"
    content = save_model([onnx.helper.make_node("Clip", ["x", "zero"], ["y"])], [text, zero])
    assert mend_graph(content) == content
