"""The tensors of an inference graph, paired with the parameters of a network by the order in which they are used.

The published files of PP-OCRv4 to v6 name their tensors in several ways, and their branches are merged. But an ONNX
file lists its nodes in the order of execution, and the layers of a network run in the same order. So the n-th tensor
that the graph uses is the n-th parameter that the network uses. Every shape is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import UserError
from ..files import PathLike
from .inference_graph import load_onnx_graph, make_shape_error

# A tensor of one element may be a weight, such as the scale of PaddleOCR's LearnableAffineBlock, or a constant of the
# export, such as the 6 of a hard swish. Their names tell them apart: Paddle's of weights, or of reshaped biases.
SCALAR_WEIGHT = re.compile(r".+_\d+\.[wb]_\d+|.*\breshape(\.\d+)+")


def read_in_order(path: PathLike) -> list[tuple[str, np.ndarray]]:
    """The weights of an ONNX file in the order in which its nodes use them: [(name, array), ...], each once.

    Raises:
        UserError: the package onnx is not installed, or the file cannot be read.
    """
    graph, tensors = load_onnx_graph(path)
    weights, seen = [], set()
    for node in graph.node:
        if node.op_type == "Resize":  # it takes the factors of an enlargement, which are no weights
            continue
        for name in node.input:
            array = tensors.get(name)
            if array is None or name in seen or array.dtype.kind != "f":
                continue
            if array.size > 1 or SCALAR_WEIGHT.fullmatch(name):
                seen.add(name)
                weights.append((name, array))
    return weights


def pair_in_order(
    tensors: Iterable[tuple[str, np.ndarray]], parameters: Iterable[tuple[str, Any]]
) -> dict[str, np.ndarray]:
    """{parameter name: array}, the n-th tensor for the n-th parameter.

    Args:
        tensors: (name, array), as :func:`read_in_order` returns them. The graph may hold a bias of C values as
            (1, C, 1, 1), or a kernel of a 1-D convolution as one of two dimensions: dimensions of 1 do not count.
        parameters: (name, anything with a shape) of the network, in the order of execution.
    Raises:
        UserError: the numbers or the shapes differ, so the file holds another network.
    """
    tensors, parameters = list(tensors), list(parameters)
    for (tensor_name, array), (name, parameter) in zip(tensors, parameters):
        if _without_ones(array.shape) != _without_ones(parameter.shape):
            raise make_shape_error(tensor_name, array, name, parameter)
    if len(tensors) != len(parameters):
        raise UserError(
            f"the file has {len(tensors)} weights, but the network uses {len(parameters)}:"
            " the file holds another network."
        )
    return {
        name: np.array(array, dtype=np.float32).reshape(tuple(parameter.shape))
        for (_, array), (name, parameter) in zip(tensors, parameters)
    }


def _without_ones(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)
