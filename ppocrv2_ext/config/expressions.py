"""Texts of a config that PaddleOCR would evaluate as Python. Here they are computed or refused: a config is data.

PaddleOCR gives some texts to ``eval``, such as ``NormalizeImage.scale``, and looks some up as attributes of a module.
Here arithmetic becomes a number, and a name must be on a list. Names of components are not here: :mod:`.components`
compares them with what PaddleOCR defines.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import did_you_mean, shorten

ACTIVATIONS = (
    *("relu", "relu6", "hardswish", "hard_swish", "hswish", "swish", "silu", "gelu", "leaky_relu", "mish", "elu"),
    *("sigmoid", "hardsigmoid", "softmax", "tanh", "none", "None"),
    *("nn.GELU", "nn.ReLU", "nn.ReLU6", "nn.Swish", "nn.Silu", "nn.Hardswish", "nn.LeakyReLU", "nn.Identity"),
)
NORMS = ("nn.LayerNorm", "nn.BatchNorm2D", "nn.BatchNorm1D", "nn.GroupNorm", "nn.Identity", "Identity")
FILTERS = ("NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS")
# {argument: the names that it may have}, wherever a config has such a key. PaddleOCR gives each key of Global to each
# transform and post-process, so the place does not matter.
EVALUATED_NAMES = {
    "act": ACTIVATIONS,
    "act_layer": ACTIVATIONS,
    "norm_layer": NORMS,
    "sub_norm": NORMS,
    "block_unit": ("Block",),
    "block_type": ("LightConvBNAct", "ConvBNAct"),
    "inter_type": tuple(f"{module}.{name}" for module in ("Image", "Image.Resampling") for name in FILTERS),
    "gtc_encode": ("NRTRLabelEncode", "SARLabelEncode"),
}
EVALUATED_NUMBERS = ("scale",)  # an argument of a transform
# IaaAugment looks up a class of albumentations, or of imgaug in older clones. Their functions are lower case.
AUGMENTER = re.compile(r"[A-Z][A-Za-z0-9]*")
AUGMENTER_PLACE = re.compile(r".*\.augmenter_args\.(.*\.)?(type|\d+\.0)")  # {type: Affine, args: ...}, or [Affine, ...]
MODES_OF_MICRONET = ("M0", "M1", "M2", "M3")

# A text with one of these could be an expression. A name, a number or a word has none of them.
EXPRESSION = re.compile(r"[()\[\]{};=\"'`\\\n]|\blambda\b|__")
# Keys whose values are paths or labels, which may hold anything. Nothing evaluates them.
FREE_TEXT = re.compile(
    r".*(_dir|_path|_file|_img|_list|_text)|pretrained|pretrained_model|checkpoints|centers|delimiter|save_visual"
)

OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
LONGEST_ARITHMETIC = 60  # characters


def compute(text: str) -> float:
    """The value of a number, or of arithmetic of numbers such as ``1./255.``.

    Raises:
        ValueError: ``text`` is something else, or its value is not finite.
    """
    if len(text) > LONGEST_ARITHMETIC:
        raise ValueError(f"it has more than {LONGEST_ARITHMETIC} characters")
    try:
        value = _compute(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ValueError("it has no value") from error
    if not math.isfinite(value):
        raise ValueError("its value is not finite")
    return value


def _compute(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_compute(node.operand))
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_compute(node.left), _compute(node.right))
    raise ValueError("it is not arithmetic of numbers")


def list_values(section: Any, place: str = "", key: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (place, key, value) for each value below ``section`` that is no section itself.

    The key of an entry of a list is the key of the list.

    Args:
        place, key: of ``section``; the place as ``-o`` takes it.
    """
    if isinstance(section, dict):
        for name, item in section.items():
            yield from list_values(item, f"{place}.{name}".lstrip("."), name)
    elif isinstance(section, list):
        for index, item in enumerate(section):
            has_name = isinstance(item, dict) and len(item) == 1  # `- RecAug: ...`, which -o takes in place of a number
            yield from list_values(item, place if has_name else f"{place}.{index}", key)
    else:
        yield place, key, section


def find_expressions(config: dict) -> Iterator[str]:
    """A sentence for each text of ``config`` that PaddleOCR would evaluate and that is no known name or number."""
    for where, key, value in list_values(config):
        if not isinstance(value, str):
            continue
        names = EVALUATED_NAMES.get(key)
        if names and value not in names:
            yield f"{where} is {shorten(value)}{did_you_mean(value, names)} PaddleOCR would evaluate it as Python."
        elif key in EVALUATED_NUMBERS and _is_read_by_transforms(where):
            try:
                compute(value)
            except ValueError as error:
                rule = "a number or arithmetic of numbers, such as 1./255."
                yield f"{where} must be {rule}, got {shorten(value)}: {error}."
        elif EXPRESSION.search(value) and not FREE_TEXT.fullmatch(key):
            yield f"{where} is {shorten(value)}: a config holds names and numbers there, and may not run code."
        elif AUGMENTER_PLACE.fullmatch(where) and not AUGMENTER.fullmatch(value):
            yield f"{where} must be the name of a class of albumentations or imgaug, got {shorten(value)}."
    yield from _find_micronet_modes(config.get("Architecture"), "Architecture")


def _is_read_by_transforms(where: str) -> bool:
    return where.startswith("Global.") or ".transforms." in where


def _find_micronet_modes(section: Any, where: str) -> Iterator[str]:
    """PaddleOCR evaluates the mode of a MicroNet with a suffix, so it must be one of those that exist."""
    if not isinstance(section, dict):
        return
    mode = section.get("mode", "M3")
    if section.get("name") == "MicroNet" and mode not in MODES_OF_MICRONET:
        yield f"{where}.mode is {shorten(mode)}{did_you_mean(mode, MODES_OF_MICRONET)}"
    for name, item in section.items():
        yield from _find_micronet_modes(item, f"{where}.{name}")


def with_numbers(config: dict) -> dict:
    """``config`` with a number in place of each arithmetic of :data:`EVALUATED_NUMBERS`.

    Args:
        config: a config in which :func:`find_expressions` found nothing.
    """

    def convert(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: convert(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [convert(item, key) for item in value]
        return compute(value) if key in EVALUATED_NUMBERS and isinstance(value, str) else value

    settings = config["Global"]
    numbers = {key: convert(settings[key], key) for key in EVALUATED_NUMBERS if key in settings}
    result = {**config, "Global": {**settings, **numbers}}
    for mode in ("Train", "Eval"):
        dataset = config[mode]["dataset"]
        if dataset.get("transforms"):
            transforms = convert(dataset["transforms"], "transforms")
            result[mode] = {**config[mode], "dataset": {**dataset, "transforms": transforms}}
    return result
