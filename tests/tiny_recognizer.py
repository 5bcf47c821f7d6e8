"""An exported recognizer of a few kilobytes, in ONNX, with random weights."""

import numpy as np
import yaml

DESCRIPTION = {
    "PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 32, 64]}}]},
    "PostProcess": {"name": "CTCLabelDecode", "character_dict": list("abc")},
}


def write_tiny_recognizer(folder):
    """Write a recognizer of a, b, c and the space into a folder: one convolution and a linear layer.

    It writes a character in nearly every frame of 16 pixels.
    """
    import onnx

    rng = np.random.default_rng(4)
    arrays = {
        "kernel": rng.normal(size=(32, 3, 32, 16)).astype(np.float32) / 40,
        "linear": 8 * rng.normal(size=(32, 5)).astype(np.float32),
    }
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["x", "kernel"], ["conv"], strides=[32, 16]),
        node("Squeeze", ["conv"], ["row"], axes=[2]),
        node("Transpose", ["row"], ["frames"], perm=[0, 2, 1]),
        node("MatMul", ["frames", "linear"], ["logits"]),
        node("Softmax", ["logits"], ["y"], axis=2),
    ]
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", ["b", 3, 32, "w"]), ("y", ["b", "t", 5]))
    ]
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = onnx.helper.make_graph(nodes, "tiny", values[:1], values[1:], tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=7)
    folder.mkdir()
    onnx.save(model, str(folder / "inference.onnx"))
    (folder / "inference.yml").write_text(yaml.safe_dump(DESCRIPTION), encoding="utf-8")
    return folder
