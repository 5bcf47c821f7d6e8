"""The published networks in onnxruntime, which the networks built here are compared with."""

import pytest

from ppocrv2_ext.checkpoints.official import locate


def load_official_graph(kind):
    """Function of an image (B, 3, H, W) to the output of the published ``kind``, rounding as Paddle enlarges a map.

    Paddle takes the nearest pixel by rounding down. The converter left that out of the detector's file, so onnxruntime
    rounds to the nearest: the two smallest maps are enlarged by 8 and 4 and end up half a pixel of theirs aside.
    """
    onnxruntime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    model = onnx.load(str(locate(kind)))
    enlargements = [node for node in model.graph.node if node.op_type == "Resize"]
    assert len(enlargements) == {"det": 6, "rec": 0, "cls": 0}[kind]
    for node in enlargements:
        assert "nearest_mode" not in [attribute.name for attribute in node.attribute]
        node.attribute.append(onnx.helper.make_attribute("nearest_mode", "floor"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the size is not the one of the export
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {session.get_inputs()[0].name: image})[0]
