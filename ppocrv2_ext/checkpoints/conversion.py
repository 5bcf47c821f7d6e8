"""Tensors of an inference graph, under the parameter names of the network that trains.

An inference graph keeps the names Paddle hands out (``conv2d_31.w_0``). Their numbers rise in the order in which the
network was built, and so do the entries of a state_dict: the n-th convolution is the n-th convolution, and likewise
for batch norms, LSTM cells and linear layers. Every shape is checked on the way.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from ..errors import UserError

# Inside a block of MobileNetV3, in network order: how the angle classifier's older file names its layers.
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

# The last two layers of each branch of DBHead (ppocr/modeling/heads/det_db_head.py); their shapes could be either.
TRANSPOSED = re.compile(r"(^|\.)head\.(binarize|thresh)\.conv[23]$")
THRESHOLD_BRANCH = re.compile(r"(^|\.)head\.thresh\.")
THRESHOLD = 0.3  # what the post-process binarises with, and the label of the threshold map away from text
# Paddle lists each weight of an LSTM twice: `lstm.weight_ih_l0_reverse` is `lstm.0.cell_bw.weight_ih`.
LSTM_FLAT = re.compile(r"(?P<prefix>.*\.|)(?P<leaf>(?:weight|bias)_[ih]h)_l(?P<layer>\d+)(?P<backward>_reverse)?")
LSTM_CELL = re.compile(
    r"(?P<prefix>.*\.|)(?P<layer>\d+)\.cell_(?:fw|(?P<backward>bw))\.(?P<leaf>(?:weight|bias)_[ih]h)"
)


class Conversion(NamedTuple):
    """What :func:`convert` returns."""

    params: dict  # {parameter name: ndarray}, every name of the network, in its order
    notes: list  # sentences about what the file could not give


def graph_layers(tensors):
    """{kind: [{parameter leaf: tensor name}, ...]}, each kind in natural numeric order; other tensors are left out."""
    found = {}
    for name in tensors:
        for kind, pattern, leaves in RULES:
            match = re.fullmatch(pattern, name)
            if match and match["leaf"] in leaves:
                number = float("inf") if match["number"] == "_last" else int(match["number"])
                stage = match.groupdict().get("stage")
                order = (number, STAGES.index(stage) if stage else -1)
                found.setdefault(kind, {}).setdefault(order, {})[leaves[match["leaf"]]] = name
    return {kind: [layers[order] for order in sorted(layers)] for kind, layers in found.items()}


def network_layers(state_dict):
    """[(kind, {leaf: [parameter names]})] in network order; an LSTM cell has two names for each leaf."""
    layers = {}
    for name in state_dict:
        lstm = LSTM_FLAT.fullmatch(name) or LSTM_CELL.fullmatch(name)
        key = (lstm["prefix"], lstm["layer"], bool(lstm["backward"])) if lstm else name.rpartition(".")[0]
        leaf = lstm["leaf"] if lstm else name.rpartition(".")[2]
        layers.setdefault(key, {}).setdefault(leaf, []).append(name)
    return [(_kind(key, leaves, state_dict), leaves) for key, leaves in layers.items()]


def _kind(key, leaves, state_dict):
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


def convert(tensors, state_dict):
    """Pair the tensors of an inference graph with the parameters of a network, layer by layer.

    Args:
        tensors: {name: ndarray} as :func:`ppocrv2_ext.checkpoints.official.read_onnx` returns.
        state_dict: {name: anything with a shape} of upstream's network, in network order.
    Returns:
        A :class:`Conversion`. An inference file has no threshold branch, so a detector's ``head.thresh.*`` starts
        from a copy of ``head.binarize.*`` (same shapes) but for its last layer, which gives 0.3 everywhere, and a note
        says so. With a full copy the two maps would be equal and the binary one 1/2 everywhere: the first losses on
        real scenes are 8.3 with it and 5.2 without.
    """
    queues = {kind: iter(layers) for kind, layers in graph_layers(tensors).items()}
    trained = {name: parameter for name, parameter in state_dict.items() if not THRESHOLD_BRANCH.search(name)}
    params = {}
    for kind, leaves in network_layers(trained):
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
                params[name] = _checked(layer[leaf], tensors[layer[leaf]], name, state_dict[name])
    for kind, queue in queues.items():
        for layer in queue:
            tensor = next(iter(layer.values()))
            raise UserError(f"the network has no {kind} for tensor {tensor!r}: the file holds another network.")
    branch = _threshold_branch(params, {name: state_dict[name] for name in state_dict if name not in trained})
    notes = [
        f"{len(branch)} tensors of head.thresh, a branch no inference file has: a copy of head.binarize,"
        f" its last layer set to give {THRESHOLD} everywhere"
    ]
    params.update(branch)
    return Conversion({name: params[name] for name in state_dict}, notes if branch else [])


def _threshold_branch(params, state_dict):
    """``head.thresh`` from the trained ``head.binarize`` of ``params``, its last layer set to :data:`THRESHOLD`."""
    branch = {}
    for name, parameter in state_dict.items():
        source = name.replace("head.thresh.", "head.binarize.")
        if source not in params:
            raise UserError(f"parameter {name!r} should start from {source!r}, which the network does not have.")
        branch[name] = _checked(source, params[source], name, parameter)
        if name.endswith("conv3.weight"):
            branch[name][:] = 0
        elif name.endswith("conv3.bias"):
            branch[name][:] = math.log(THRESHOLD / (1 - THRESHOLD))  # before the sigmoid
    return branch


def _checked(tensor_name, array, name, parameter):
    if tuple(array.shape) != tuple(parameter.shape):
        raise UserError(
            f"tensor {tensor_name!r} has the shape {tuple(array.shape)}, but its parameter {name!r} has "
            f"{tuple(parameter.shape)}: the file holds another network."
        )
    return np.array(array)  # a copy: what onnx hands out may be read-only
