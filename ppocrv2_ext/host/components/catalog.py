"""What the plugged PaddleOCR can build, by kind: names without an import, classes when they are asked for."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import UserError, summarise
from ...registry import ARCHITECTURES, BACKBONES, HEADS, LOSSES, METRICS, NECKS, POST_PROCESSES, TRANSFORMS
from .clone_parts import ARGUMENTS_IN_A_CLONE, NAMES_IN_A_CLONE
from .construct import construct_beside_global

PACKAGES: dict[str, tuple[str, dict[str, type]]] = {  # kind: PaddleOCR's package, this package's components
    "architecture": ("ppocr.modeling.architectures", ARCHITECTURES),
    "rectification": ("ppocr.modeling.transforms", {}),
    "backbone": ("ppocr.modeling.backbones", BACKBONES),
    "neck": ("ppocr.modeling.necks", NECKS),
    "head": ("ppocr.modeling.heads", HEADS),
    "loss": ("ppocr.losses", LOSSES),
    "term of a loss": ("ppocr.losses.combined_loss", LOSSES),
    "metric": ("ppocr.metrics", METRICS),
    "post-process": ("ppocr.postprocess", POST_PROCESSES),
    "transform": ("ppocr.data.imaug", TRANSFORMS),
    "data set": ("ppocr.data", {}),
    "sampler": ("ppocr.data.multi_scale_sampler", {}),
    "collate function": ("ppocr.data.collate_fn", {}),
    "optimizer": ("ppocr.optimizer.optimizer", {}),
    "schedule": ("ppocr.optimizer.learning_rate", {}),
    "regularizer": ("ppocr.optimizer.regularizer", {}),
}
PADDLE_SAMPLERS = {"DistributedBatchSampler", "BatchSampler"}  # what PaddleOCR's loader imports from Paddle
DEFINITION = re.compile(r"^(?:class|def) ([A-Z]\w*)", re.MULTILINE)
# How a builder lists what it builds: PaddleOCR as `support_dict`, our stand-ins as a dict of classes.
SUPPORTED = re.compile(
    r"^ *support_dict = \[(.*?)\]|support_dict\.append\((.*?)\)|^[A-Z]+\b[^=\n]* = \{(.*?)\}$", re.M | re.S
)
IMPORTED = re.compile(r"^from \.\w+ import (\([^)]*\)|[^(\n]*)", re.MULTILINE)
CONSTRUCTED = ("loss", "term of a loss", "transform", "post-process", "metric")  # kinds that take no time to construct
MOST_CALLS = 4  # functions through which an argument is followed


def names(kind: str) -> frozenset[str]:
    """Every name that a config may use for a component of ``kind``, a key of ``PACKAGES``: PaddleOCR's and ours."""
    return names_of_host(kind) | set(PACKAGES[kind][1])


@functools.cache  # one process holds one PaddleOCR
def names_of_host(kind: str) -> frozenset[str]:
    """The names among :func:`names` that PaddleOCR itself builds. Helper classes are not among them."""
    defined = frozenset(_find_definitions(kind))
    if kind == "sampler":
        return defined | PADDLE_SAMPLERS
    if kind == "term of a loss":
        lists = [name for match in IMPORTED.findall(_source(kind)) for name in re.findall(r"[A-Z]\w*", match)]
        return frozenset(lists) | {"CombinedLoss"}
    if kind in ("transform", "collate function", "architecture", "optimizer", "schedule", "regularizer"):
        return defined
    listed = " ".join(map(" ".join, SUPPORTED.findall(_source(kind))))
    return frozenset(re.findall(r"[\"']([A-Z]\w*)[\"']", listed)) or defined


def names_in_clone(kind: str) -> frozenset[str]:
    """The names that a clone of PaddleOCR has for the kinds that the wheel lacks; nothing for the others."""
    return NAMES_IN_A_CLONE.get(kind, frozenset())


def arguments_in_clone(kind: str, name: str) -> frozenset[str]:
    """The arguments that a component takes in a clone of PaddleOCR, if the wheel has a stand-in for it."""
    return ARGUMENTS_IN_A_CLONE.get((kind, name), frozenset())


def is_complete() -> bool:
    """Whether the connected PaddleOCR is a clone, which has every part."""
    # The stand-ins of the wheel have no network that rectifies.
    return bool(_find_definitions("rectification"))


def refusal(kind: str, name: str, options: dict[str, Any]) -> str | None:
    """The sentence with which a component of ours refuses its arguments; None if it takes them.

    Only kinds that take no time are constructed. Networks are not, and no dictionary is read.
    """
    ours = PACKAGES[kind][1]
    if kind not in CONSTRUCTED or name not in ours:
        return None
    try:
        construct_beside_global(kind, ours[name], name, {**options, "character_dict_path": None})
    except UserError as error:
        return str(error)
    except Exception as error:  # a value of a type that the component did not expect
        return f"{kind} {name!r} cannot use its arguments: {summarise(error)}."
    return None


def classes(kind: str, name: str) -> list[Callable]:
    """The classes called ``name``. PaddleOCR uses some names twice, such as MobileNetV3, for det and for rec."""
    ours = PACKAGES[kind][1]
    if name in ours:
        return [ours[name]]
    kind = "loss" if kind == "term of a loss" else kind
    return [getattr(importlib.import_module(module), name) for module in _find_definitions(kind).get(name, ())]


class Arguments(NamedTuple):
    """The arguments that a component reads."""

    names: frozenset[str]
    is_complete: bool  # True: any other argument is a TypeError. False: it is ignored, or passed on
    parameters: dict[str, inspect.Parameter]  # those of them that a signature has


def arguments(component: Callable) -> Arguments:
    """The :class:`Arguments` of a class or function.

    PaddleOCR's classes end in ``**kwargs`` and ignore the keys that they do not know. Some read an optional key out of
    it. The function then contains the key as a string, so these strings count as arguments too. Others pass it on;
    :func:`reads_passed_on` follows it.
    """
    names: set[str] = set()
    known: dict[str, inspect.Parameter] = {}
    take_any_key = []  # for each constructor, from the class itself to its bases
    for _, function in _constructors(component):
        parameters = inspect.signature(function).parameters.values()
        named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        known = {**named, **known}
        take_any_key.append(any(p.kind is p.VAR_KEYWORD for p in parameters))
        if not take_any_key[-1]:
            break
        names |= {c for c in function.__code__.co_consts if isinstance(c, str) and c.isidentifier()}
    # If the first constructor takes any key, the next one may refuse it, or it may never get there.
    known.pop("self", None)
    return Arguments(frozenset(names | set(known)), not (take_any_key and take_any_key[0]), known)


def _constructors(component: Callable) -> Iterator[tuple[Any, Any]]:
    """(owner, constructor) of a class and of its bases, or the function itself. Paddle's own are left out."""
    for owner in inspect.getmro(component) if inspect.isclass(component) else (component,):
        function = owner.__dict__.get("__init__") if inspect.isclass(owner) else owner
        if inspect.isfunction(function) and not owner.__module__.startswith("paddle."):
            yield owner, function


def reads_passed_on(component: Callable, key: str) -> bool | None:
    """Whether something reads ``key`` to which ``component`` passes its ``**kwargs`` on.

    Returns:
        None if that cannot be told: the keys are stored, or the call is not a plain one.
    """
    return _any(_passes_to_reader(owner, function, key, MOST_CALLS) for owner, function in _constructors(component))


def _any(answers: Iterable[bool | None]) -> bool | None:
    """Whether one of the answers is yes; None if none is, and one is not known."""
    answers = set(answers)
    return True if True in answers else None if None in answers else False


def _passes_to_reader(owner: Any, function: Any, key: str, calls: int) -> bool | None:
    """:func:`reads_passed_on` for one function. ``calls`` is the number of functions that may still be followed."""
    sinks = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.VAR_KEYWORD]
    if not sinks:
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        return None
    answers: set[bool | None] = set()
    plain_uses = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(_is_name(k.value, sinks[0]) for k in node.keywords if k.arg is None):
            plain_uses += 1
            callee = _resolve(node.func, owner, function)
            answers.add(_takes(callee, key, calls - 1) if callee is not None and calls else None)
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and _is_name(node.value, sinks[0]):
            plain_uses += 1  # kwargs.get("key"), kwargs["key"]: the strings of the function are known as arguments
        elif isinstance(node, ast.Compare) and any(_is_name(each, sinks[0]) for each in node.comparators):
            plain_uses += 1  # "key" in kwargs
    if sum(_is_name(node, sinks[0]) for node in ast.walk(tree)) > plain_uses:
        answers.add(None)
    return _any(answers)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _resolve(callee: ast.expr, owner: Any, function: Any) -> Any:
    """The class or function that a call names; None if that cannot be told."""
    if isinstance(callee, ast.Name):
        return function.__globals__.get(callee.id)
    if not isinstance(callee, ast.Attribute):
        return None
    if isinstance(callee.value, ast.Call) and _is_name(callee.value.func, "super"):
        bases = inspect.getmro(owner)[1:] if inspect.isclass(owner) else ()
        return next((base for base in bases if callee.attr in base.__dict__), None)
    if _is_name(callee.value, "self"):
        return getattr(owner, callee.attr, None)
    above = _resolve(callee.value, owner, function)
    return getattr(above, callee.attr, None)


def _takes(callee: Any, key: str, calls: int) -> bool | None:
    """Whether a class or function reads ``key``, or something to which it passes it on."""
    if not callable(callee):
        return None
    try:
        own = arguments(callee)
    except (ValueError, TypeError):
        return None
    if key in own.names:
        return True
    return _any(_passes_to_reader(owner, function, key, calls) for owner, function in _constructors(callee))


@functools.cache
def _source(kind: str) -> str:
    """The text of the module that builds a kind; "" if this PaddleOCR has none."""
    spec: Any = importlib.util.find_spec(PACKAGES[kind][0])
    return Path(spec.origin).read_text(encoding="utf-8") if spec else ""


@functools.cache
def _find_definitions(kind: str) -> dict[str, list[str]]:
    """{name: modules} of the top-level classes in the files of a package, and of functions named like classes."""
    package = PACKAGES[kind][0]
    # Not imported: that would bind builders before they are extended.
    spec: Any = importlib.util.find_spec(package)
    if spec is None:
        return {}
    folders = spec.submodule_search_locations
    root = Path(spec.origin).parent
    modules: dict[str, list[str]] = {}
    for file in [Path(spec.origin)] if folders is None else sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts if folders is not None else ()
        module = ".".join((package, *(part for part in parts if part != "__init__")))
        for name in DEFINITION.findall(file.read_text(encoding="utf-8")):
            modules.setdefault(name, []).append(module)
    return modules
