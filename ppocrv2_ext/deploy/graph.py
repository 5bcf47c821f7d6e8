"""ONNX graphs as they should have been converted: as Paddle computes, in operators that onnxruntime fuses.

The official models were converted for opset 11, which has no HardSwish. There x * clip(x + 3, 0, 6) / 6 is four
operators, each of which walks through memory. And the converter left out how Paddle rounds when a detector enlarges a
map, so that every engine of ONNX moves the two coarsest of its four maps by a part of their pixel.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from ..checkpoints.onnx_files import list_tensors
from ..files import PathLike


def read_graph(onnx_file: PathLike, fuse: bool = True) -> bytes:
    """The content of an ONNX file, as :func:`mend_graph` returns it."""
    return mend_graph(Path(onnx_file).read_bytes(), fuse)


def mend_graph(content: bytes, fuse: bool = True) -> bytes:
    """An ONNX file with maps enlarged as by Paddle, and each hard swish as two operators that fuse.

    Without the package onnx, and for files that need no change, it is the content as it stands.

    Args:
        content: of the file.
        fuse: change hard swish too. OpenVINO makes one operator of the four by itself, and none of the two.
    """
    may_have_swish = fuse and b"Clip" in content and b"HardSwish" not in content
    may_lack_rounding = b"nearest" in content and b"nearest_mode" not in content
    if not (may_have_swish or may_lack_rounding):
        return content
    try:
        import onnx
    except ImportError:
        return content
    model = onnx.load_from_string(content)
    changes = round_down(model.graph) + (fuse_hard_swish(model.graph) if fuse else 0)
    return model.SerializeToString() if changes else content


def round_down(graph: Any) -> int:
    """Let every enlargement that says no way of rounding take the pixel before, as Paddle does, in place.

    ONNX takes the nearest one then. The two differ where a map becomes 4 or 8 times as large.

    Args:
        graph: an onnx.GraphProto.
    Returns:
        How many were changed.
    """
    from onnx import helper

    changed = 0
    for node in graph.node:
        options = {each.name: each.s for each in node.attribute}
        if node.op_type == "Resize" and options.get("mode") == b"nearest" and "nearest_mode" not in options:
            node.attribute.append(helper.make_attribute("nearest_mode", "floor"))
            changed += 1
    return changed


def fuse_hard_swish(graph: Any) -> int:
    """Replace x * clip(x + 3, 0, 6) / 6 by x * HardSigmoid(x), in place.

    Args:
        graph: an onnx.GraphProto.
    Returns:
        How many were replaced.
    """
    from onnx import helper

    numbers, source = _list_numbers(graph), {name: node for node in graph.node for name in node.output}
    readers = Counter(name for node in graph.node for name in node.input)
    inputs, outputs = {}, set()  # {output of a hard swish: its x}, the outputs of its operators
    for division in graph.node:
        parts = _match_hard_swish(division, source, numbers)
        if parts and all(readers[node.output[0]] == 1 for node in parts[1:]):
            inputs[division.output[0]] = _find_input(parts)
            outputs.update(node.output[0] for node in parts)
    nodes = []
    for node in graph.node:
        name = node.output[0]
        if name in inputs:
            gate = f"{name}_gate"
            nodes.append(helper.make_node("HardSigmoid", [inputs[name]], [gate], alpha=1 / 6, beta=0.5))
            nodes.append(helper.make_node("Mul", [inputs[name], gate], [name]))
        elif name not in outputs:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    return len(inputs)


def _match_hard_swish(division: Any, source: dict[str, Any], numbers: dict[str, float]) -> list[Any] | None:
    """[Div, Mul, Clip, Add] if ``division`` ends a hard swish, else None."""
    if division.op_type != "Div" or numbers.get(division.input[1]) != 6:
        return None
    product = source.get(division.input[0])
    if product is None or product.op_type != "Mul":
        return None
    for name in product.input:
        clip = source.get(name)
        if clip is None or clip.op_type != "Clip" or [numbers.get(bound) for bound in clip.input[1:]] != [0, 6]:
            continue
        total = source.get(clip.input[0])
        if total is not None and total.op_type == "Add" and any(numbers.get(term) == 3 for term in total.input):
            parts = [division, product, clip, total]
            return parts if _find_input(parts) in product.input else None
    return None


def _find_input(parts: list[Any]) -> str:
    """The x of a matched hard swish: the factor that is not the clipped one."""
    _, product, clip, _ = parts
    return next(name for name in product.input if name != clip.output[0])


def _list_numbers(graph: Any) -> dict[str, float]:
    """{name: value} of everything that a graph stores and that is one number."""
    from onnx import numpy_helper

    stored = {name: tensor for name, tensor in list_tensors(graph).items() if len(tensor.dims) <= 1}
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in stored.items()}
    return {name: float(a.item()) for name, a in arrays.items() if a.size == 1 and a.dtype.kind in "fiu"}  # not text
