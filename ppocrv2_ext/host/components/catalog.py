"""What the plugged PaddleOCR can build, by kind: names without an import, classes when they are asked for."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
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
    is_complete: bool  # True: any other argument is a TypeError
    parameters: dict[str, inspect.Parameter]  # those of them that its own signature has
    passes_on: bool  # True: any other argument is kept, or goes where nobody can tell who reads it


@functools.cache
def arguments(component: Callable) -> Arguments:
    """The :class:`Arguments` of a class or function.

    PaddleOCR's classes end in ``**kwargs`` and ignore the keys that they do not know. Some read an optional key out of
    it. The function then contains the key as a string, so these strings count as arguments too. Others pass it on to
    a class or function of their module; then its arguments count as well.
    """
    names: set[str] = set()
    known: dict[str, inspect.Parameter] = {}
    take_any_key = []  # for each constructor, from the class itself to its bases
    passes_on = False
    for function in _constructors(component):
        parameters = inspect.signature(function).parameters.values()
        named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        known = {**named, **known}
        take_any_key.append(any(p.kind is p.VAR_KEYWORD for p in parameters))
        if not take_any_key[-1]:
            break
        names |= {c for c in function.__code__.co_consts if isinstance(c, str) and c.isidentifier()}
        others = (reader for reader in _find_readers(function) if reader is not component)  # one may make its own kind
        readers = [None if reader is None else arguments(reader) for reader in others]
        names |= {name for reader in readers if reader for name in reader.names}
        passes_on = passes_on or any(reader is None or reader.passes_on for reader in readers)
    # If the first constructor takes any key, the next one may refuse it, or it may never get there.
    known.pop("self", None)
    return Arguments(frozenset(names | set(known)), not (take_any_key and take_any_key[0]), known, passes_on)


def _constructors(component: Any) -> Iterator[Any]:
    """The constructors of a class and of its bases, or the function itself. Paddle's own are left out."""
    for owner in inspect.getmro(component) if inspect.isclass(component) else (component,):
        function = owner.__dict__.get("__init__") if inspect.isclass(owner) else owner
        if inspect.isfunction(function) and not owner.__module__.startswith("paddle."):
            yield function


def _find_readers(function: Any) -> Iterator[Callable | None]:
    """The classes and functions that get the ``**kwargs`` of ``function``, beside the constructors of its bases.

    None among them says that something else happens to it: it is stored, or passed on in a way that is not followed.
    """
    sink = next(p.name for p in inspect.signature(function).parameters.values() if p.kind is p.VAR_KEYWORD)
    try:
        nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    except (OSError, SyntaxError, TypeError):
        yield None
        return
    uses = {node for node in nodes if isinstance(node, ast.Name) and node.id == sink}
    uses -= {node.value for node in nodes if isinstance(node, (ast.Attribute, ast.Subscript))}  # kwargs.get("key")
    uses -= {each for node in nodes if isinstance(node, ast.Compare) for each in node.comparators}  # "key" in kwargs
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        passed = uses & {keyword.value for keyword in call.keywords if keyword.arg is None}
        uses -= passed
        if passed and not ast.unparse(call.func).startswith("super("):
            reader = function.__globals__.get(ast.unparse(call.func))
            yield reader if any(_constructors(reader)) else None
    if uses:
        yield None


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
