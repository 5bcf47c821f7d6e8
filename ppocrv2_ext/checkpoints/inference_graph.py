"""The tensors of an inference graph (ONNX), read and turned into the parameters of the network that trains.

The published files name their tensors in several ways. But an ONNX file lists its nodes in the order of execution, and
the layers of a network run in the same order. So the n-th tensor that the graph uses is the n-th parameter that the
network uses. Every shape is checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from ..files import PathLike
from .onnx_files import list_tensors, load_model

# A tensor of one element may be a weight, such as the scale of PaddleOCR's LearnableAffineBlock, or a constant of the
# export, such as the 6 of a hard swish. Their names tell them apart: Paddle's of weights, or of reshaped biases.
SCALAR_WEIGHT = re.compile(r".+_\d+\.[wb]_\d+|.*\breshape(\.\d+)+")
# What these nodes take is no weight: the factors of an enlargement, and the zeros that an LSTM starts from.
WITHOUT_WEIGHTS = ("Resize", "Tile")
OF_WHOLE_NUMBERS = ("DequantizeLinear", "ConvInteger", "MatMulInteger")
LSTM_CELL = re.compile(r"lstm_cell_(\d+)\..+")

THRESHOLD_BRANCH = re.compile(r"(^|\.)head\.thresh\.")  # of DBHead, ppocr/modeling/heads/det_db_head.py
THRESHOLD = 0.3  # of DB's post-process, and the label of the threshold map away from text


class Conversion(NamedTuple):
    """Parameters from an inference graph."""

    params: dict[str, np.ndarray]
    notes: list[str]  # a sentence for each thing that the file does not hold


def convert_to_parameters(
    tensors: Iterable[tuple[str, np.ndarray]], parameters: Iterable[tuple[str, Any]], state_dict: Mapping[str, Any]
) -> Conversion:
    """What a network can start from: the weights of an inference graph, and what such a graph does not hold.

    Args:
        tensors: (name, array), as :func:`read_in_order` returns them.
        parameters: (name, tensor) of those that the network uses, in the order of execution.
        state_dict: {name: tensor} of the network. Paddle lists each weight of an LSTM twice:
            ``lstm.weight_ih_l0_reverse`` and ``lstm.0.cell_bw.weight_ih`` are one tensor.
    Returns:
        The parameters in the order of ``state_dict``, under all of their names. Those that the network never uses are
        left out.
    Raises:
        UserError: the file holds another network.
    """
    parameters = list(parameters)
    paired = pair_in_order(tensors, parameters)
    names = {id(tensor): name for name, tensor in parameters}
    params = {name: paired[names[id(tensor)]] for name, tensor in state_dict.items() if id(tensor) in names}
    branch = start_threshold_branch(params, state_dict)
    params.update(branch)
    note = (
        f"{len(branch)} tensors of head.thresh, a branch no inference file has: a copy of head.binarize,"
        f" its last layer set to give {THRESHOLD} everywhere"
    )
    return Conversion({name: params[name] for name in state_dict if name in params}, [note] if branch else [])


def read_in_order(path: PathLike) -> list[tuple[str, np.ndarray]]:
    """The weights of an ONNX file in the order in which its nodes use them: [(name, array), ...], each once.

    Raises:
        UserError: the package onnx is not installed, the file cannot be read, or its weights are whole numbers.
    """
    graph = load_model(path).graph
    if any(node.op_type in OF_WHOLE_NUMBERS for node in graph.node):
        raise UserError(f"{path} has int8 weights, as of `ppocrv2 compress`; name the model that it was made from.")
    try:
        return list_in_order(graph)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path} is not a whole ONNX file ({error}); copy it again, or export the model again."
        ) from error


def list_in_order(graph: Any) -> list[tuple[str, np.ndarray]]:
    """The weights of a graph in the order in which its nodes use them: [(name, array), ...], each once.

    Args:
        graph: an onnx.GraphProto.
    """
    from onnx import numpy_helper

    tensors = {name: numpy_helper.to_array(tensor) for name, tensor in list_tensors(graph).items()}
    weights = {}
    for node in graph.node:
        for name in () if node.op_type in WITHOUT_WEIGHTS else node.input:
            array = tensors.get(name)
            if array is not None and array.dtype.kind == "f" and (array.size > 1 or SCALAR_WEIGHT.fullmatch(name)):
                weights[name] = array
    return [(name, weights[name]) for name in _order_cells(weights)]


def _order_cells(names: Iterable[str]) -> list[str]:
    """The names with one LSTM cell after the other, as a network has them.

    A graph reads both directions of an LSTM together: the weights of both, then the biases of both.
    """
    numbers = {name: int(match[1]) for name in names if (match := LSTM_CELL.fullmatch(name))}
    cells = iter(sorted(numbers, key=lambda name: numbers[name]))
    return [next(cells) if name in numbers else name for name in names]


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
            raise UserError(
                f"tensor {tensor_name!r} has the shape {tuple(array.shape)}, but its parameter {name!r} has "
                f"{tuple(parameter.shape)}: the file holds another network; name one of this network."
            )
    if len(tensors) != len(parameters):
        raise UserError(
            f"the file has {len(tensors)} weights, but the network uses {len(parameters)}:"
            " the file holds another network; name one of this network."
        )
    return {
        name: np.array(array, dtype=np.float32).reshape(tuple(parameter.shape))
        for (_, array), (name, parameter) in zip(tensors, parameters)
    }


def _without_ones(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(side for side in shape if side != 1)


def start_threshold_branch(params: Mapping[str, np.ndarray], state_dict: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """{name: array} of the threshold branch ``head.thresh`` of a DBHead, which no inference graph has.

    The branch starts from a copy of ``head.binarize``, which has the same shapes, but its last layer is set to give
    :data:`THRESHOLD` everywhere. With a full copy, the probability map and the threshold map would be equal and the
    binary map 1/2 everywhere: the first losses on real scenes are then 8.3, and 5.2 without.

    Args:
        params: {name: array} of the rest of the network.
        state_dict: {name: anything} of the whole network.
    """
    branch = {}
    for name in filter(THRESHOLD_BRANCH.search, state_dict):
        source = name.replace("head.thresh.", "head.binarize.")
        if source not in params:
            raise UserError(f"parameter {name!r} should start from {source!r}, which the network does not have.")
        branch[name] = np.array(params[source])
        if name.endswith("conv3.weight"):
            branch[name][:] = 0
        elif name.endswith("conv3.bias"):
            branch[name][:] = math.log(THRESHOLD / (1 - THRESHOLD))  # before the sigmoid
    return branch
