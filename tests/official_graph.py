"""The published networks in onnxruntime and of PaddleOCR's own parts, which are compared with each other."""

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.checkpoints import published

# The ``Architecture`` sections of the published networks, as PaddleOCR has them. The recognizer has 6623 characters,
# blank and space.
_RECOGNIZER = config.read(config.locate("rec/ch_PP-OCRv2_rec"))["Architecture"]
ARCHITECTURES = {
    "det": config.read(config.locate("det/ch_PP-OCRv2_det_student"))["Architecture"],
    "rec": {
        **_RECOGNIZER,
        "Backbone": {"name": "MobileNetV1Enhance", "scale": 0.5},
        "Head": {**_RECOGNIZER["Head"], "out_channels": 6625},
    },
    "cls": published.CLASSIFIER,
}


def load_official_graph(kind):
    """Function of an image (B, 3, H, W) to the output of the published ``kind``, rounding as Paddle enlarges a map.

    Paddle takes the nearest pixel by rounding down. The converter left that out of the detector's file, so onnxruntime
    rounds to the nearest: the two smallest maps are enlarged by 8 and 4 and end up half a pixel of theirs aside.
    """
    onnxruntime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    model = onnx.load(str(published.locate(published.find(kind))))
    enlargements = [node for node in model.graph.node if node.op_type == "Resize"]
    assert len(enlargements) == {"det": 6, "rec": 0, "cls": 0}[kind]
    for node in enlargements:
        assert "nearest_mode" not in [attribute.name for attribute in node.attribute]
        node.attribute.append(onnx.helper.make_attribute("nearest_mode", "floor"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the size is not the one of the export
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {session.get_inputs()[0].name: image})[0]
