"""Store the weights of an ONNX model as int8, each in about a quarter of its bytes.

The three official models shrink to about a third: some weights stay float, and a file holds more than weights.

A weight w of a channel becomes round(w / s), with s = max |w| / 127 of that channel: a number of 8 bits, at most s / 2
away. Two operators, Cast and Mul, make float numbers of them again. Every engine computes these once, when it loads the
model, so a picture takes the time that it took before. Activations stay float: they would save no byte of the file.

The search keeps those weights in float that cost the most accuracy for each byte they save.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..checkpoints.onnx_files import list_tensors

LEAST_NUMBERS = 1024  # smaller tensors stay as they are: they save less than their scales and operators take
LARGEST = 127  # of int8, with as many negative numbers
OF_INT8 = ".int8"  # ends the names of tensors that are stored so
BYTES_SAVED = 3  # of the four of a float32

# Which axes of a weight have their own scale, by the operator that reads it: those of its outputs.
SCALED_AXES = {"ConvTranspose": (1,), "MatMul": (-1,), "LSTM": (0, 1), "GRU": (0, 1)}
DEFAULT_AXES = (0,)


class Weight(NamedTuple):
    """A tensor of a model that can be int8."""

    name: str
    operator: str  # that reads it
    shape: tuple[int, ...]

    @property
    def saved(self) -> int:
        """How many bytes the file loses, without the scales."""
        return BYTES_SAVED * int(np.prod(self.shape))


class Sensitivity(NamedTuple):
    """What one weight alone does as int8."""

    weight: Weight
    change: float  # of the model's output, as it was measured

    @property
    def change_per_byte(self) -> float:
        """How much the output changes for each byte that is saved."""
        return self.change / self.weight.saved


def list_weights(model: Any) -> list[Weight]:
    """The tensors that can be int8, in the order in which the graph reads them.

    The scales of weights that are integers already are none, however many there are.

    Args:
        model: an onnx.ModelProto.
    """
    tensors, scales = _find_tensors(model.graph), _find_scales(model.graph)
    weights = {}
    for node in model.graph.node:
        for name in node.input:
            if name in tensors and name not in weights and name not in scales:
                shape = tuple(tensors[name].dims)
                if len(shape) > 1 and np.prod(shape) >= LEAST_NUMBERS:
                    weights[name] = Weight(name, node.op_type, shape)
    return list(weights.values())


def find_infinite_weight(model: Any) -> str | None:
    """The name of a weight of :func:`list_weights` with a number that is NaN or infinite; None if all are finite.

    Args:
        model: an onnx.ModelProto.
    """
    from onnx import numpy_helper

    tensors = _find_tensors(model.graph)
    names = (weight.name for weight in list_weights(model))
    return next((name for name in names if not np.isfinite(numpy_helper.to_array(tensors[name])).all()), None)


def quantize(array: np.ndarray, axes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The nearest int8 numbers of a tensor, and their scales.

    Args:
        array: float32.
        axes: each index along them has its own scale.
    Returns:
        (int8 of the same shape, float32 scales): their product is within half a scale of ``array``. The scales have the
        lengths of ``axes`` and 1 in all other dimensions. A channel of zeros has the scale 1.
    """
    kept = {axis % array.ndim for axis in axes}
    others = tuple(axis for axis in range(array.ndim) if axis not in kept)
    largest = np.abs(array).max(others, keepdims=True)
    scales = np.where(largest > 0, largest / LARGEST, 1).astype(np.float32)
    return np.rint(array / scales).astype(np.int8), scales


def store_as_int8(model: Any, names: Sequence[str]) -> Any:
    """A copy of a model with some of its weights as int8.

    Args:
        model: an onnx.ModelProto; it stays as it is.
        names: of the weights, which :func:`list_weights` lists.
    Raises:
        KeyError: there is no such weight.
    """
    from onnx import TensorProto, helper, numpy_helper

    small = type(model)()
    small.CopyFrom(model)
    graph, tensors = small.graph, _find_tensors(model.graph)
    weights = {weight.name: weight for weight in list_weights(model)}
    nodes = []
    for name in names:
        axes = SCALED_AXES.get(weights[name].operator, DEFAULT_AXES)
        numbers, scales = quantize(numpy_helper.to_array(tensors[name]), axes)
        graph.initializer.append(numpy_helper.from_array(numbers, name + OF_INT8))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
        nodes.append(helper.make_node("Cast", [name + OF_INT8], [f"{name}.float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]))
    replaced = set(names)
    kept = [node for node in graph.node if not (node.op_type == "Constant" and node.output[0] in replaced)]
    initializers = [tensor for tensor in graph.initializer if tensor.name not in replaced]
    inputs = [value for value in graph.input if value.name not in replaced]  # old files list weights as inputs too
    for field, values in ((graph.node, nodes + kept), (graph.initializer, initializers), (graph.input, inputs)):
        del field[:]
        field.extend(values)
    return small


def measure_sensitivities(
    model: Any, change: Callable[[Any], float], advance: Callable[[], None] = lambda: None
) -> list[Sensitivity]:
    """What each weight alone does as int8, the largest change for each byte first.

    Args:
        model: an onnx.ModelProto.
        change: how much the output of another model differs from that of ``model``, >= 0.
        advance: called after each weight.
    """
    found = []
    for weight in list_weights(model):
        found.append(Sensitivity(weight, change(store_as_int8(model, [weight.name]))))
        advance()
    return sorted(found, key=lambda each: -each.change_per_byte)


def choose_weights(
    model: Any,
    sensitivities: Sequence[Sensitivity],
    drop: Callable[[Any], float],
    max_drop: float,
    report: Callable[[int, float], None] = lambda count, lost: None,
) -> list[str]:
    """The weights to store as int8: all of them, or if that costs too much, all but the most sensitive 1, 2, 4, ...

    Args:
        model: an onnx.ModelProto.
        sensitivities: of all its weights, the most sensitive first.
        drop: the accuracy that another model loses, in points.
        max_drop: what may be lost, points.
        report: called with the number of weights in float, and the points that are lost.
    Returns:
        Their names; none if even one would cost too much.
    """
    names = [each.weight.name for each in sensitivities]
    count = 0
    while count < len(names):
        lost = drop(store_as_int8(model, names[count:]))
        report(count, lost)
        if lost <= max_drop:
            return names[count:]
        count = max(1, 2 * count)
    return []


def _find_tensors(graph: Any) -> Mapping[str, Any]:
    """{name: onnx.TensorProto} of the float32 numbers that a graph stores."""
    from onnx import TensorProto

    return {name: tensor for name, tensor in list_tensors(graph).items() if tensor.data_type == TensorProto.FLOAT}


def _find_scales(graph: Any) -> set[str]:
    """The names of what stored numbers of 8 bits are multiplied by: by a Mul after a Cast, or by DequantizeLinear."""
    from onnx import TensorProto

    bytes_of = (TensorProto.INT8, TensorProto.UINT8)
    small = {name for name, tensor in list_tensors(graph).items() if tensor.data_type in bytes_of}
    scales, restored = set(), set()
    for node in graph.node:  # each stands behind those that make its inputs
        if node.op_type == "DequantizeLinear":
            scales.update(node.input[1:])
        elif node.op_type == "Cast" and node.input[0] in small:
            restored.add(node.output[0])
        elif node.op_type == "Mul" and restored & set(node.input):
            scales.update(set(node.input) - restored)
    return scales
