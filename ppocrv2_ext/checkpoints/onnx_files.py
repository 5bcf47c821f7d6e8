"""ONNX files, and the numbers that are stored in them. They need the package onnx."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import UserError, reason_of, summarise
from ..files import PathLike, open_regular

# Attributes of a Constant that are numbers without being a tensor, and what ONNX makes of them.
NUMBERS = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}


def load_model(path: PathLike) -> Any:
    """An ONNX file as an onnx.ModelProto.

    Raises:
        UserError: the package onnx is not installed, or the file cannot be read, is not an ONNX file or has no
            operator.
    """
    advice = "name another file, or write it with `ppocrv2 export --onnx`"
    try:
        import onnx
    except ImportError as error:
        raise UserError(f"reading {path} needs the package onnx; run `pip install onnx`.") from error
    try:
        open_regular(path).close()  # a pipe would never end
        model = onnx.load(str(path))
    except OSError as error:
        raise UserError(f"cannot read {path} ({reason_of(error)}); {advice}.") from error
    except Exception as error:  # a broken protobuf raises a class of whichever protobuf backend is installed
        raise UserError(f"{path} is not an ONNX file ({summarise(error)}); {advice}.") from error
    if not model.graph.node:
        raise UserError(f"{path} is not an ONNX file: it has no operator; {advice}.")
    return model


def list_tensors(graph: Any) -> dict[str, Any]:
    """{name: onnx.TensorProto} of everything that a graph stores: its initializers and its constants.

    Args:
        graph: an onnx.GraphProto.
    """
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                tensors[node.output[0]] = attribute.t
            elif attribute.name in NUMBERS:
                numbers = np.array(helper.get_attribute_value(attribute), NUMBERS[attribute.name])
                tensors[node.output[0]] = numpy_helper.from_array(numbers)
    return tensors
