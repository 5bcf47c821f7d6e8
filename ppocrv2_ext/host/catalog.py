"""What the plugged PaddleOCR can build, by kind: names without an import, classes when they are asked for."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ..registry import ARCHITECTURES, BACKBONES, HEADS, LOSSES, METRICS, NECKS, POST_PROCESSES, TRANSFORMS

PACKAGES: dict[str, tuple[str, dict[str, type]]] = {  # kind: PaddleOCR's package, this package's components
    "architecture": ("ppocr.modeling.architectures", ARCHITECTURES),
    "backbone": ("ppocr.modeling.backbones", BACKBONES),
    "neck": ("ppocr.modeling.necks", NECKS),
    "head": ("ppocr.modeling.heads", HEADS),
    "loss": ("ppocr.losses", LOSSES),
    "metric": ("ppocr.metrics", METRICS),
    "post-process": ("ppocr.postprocess", POST_PROCESSES),
    "transform": ("ppocr.data.imaug", TRANSFORMS),
    "optimizer": ("ppocr.optimizer.optimizer", {}),
    "schedule": ("ppocr.optimizer.learning_rate", {}),
    "regularizer": ("ppocr.optimizer.regularizer", {}),
}
DEFINITION = re.compile(r"^(?:class|def) ([A-Z]\w*)", re.MULTILINE)


def names(kind: str) -> set[str]:
    """Every name that a config may use for a component of ``kind``, a key of ``PACKAGES``: PaddleOCR's and ours."""
    return names_of_host(kind) | set(PACKAGES[kind][1])


def names_of_host(kind: str) -> set[str]:
    """The names among :func:`names` that PaddleOCR itself defines."""
    return set(_find_definitions(kind))


def classes(kind: str, name: str) -> list[Callable]:
    """The classes called ``name``. PaddleOCR uses some names twice, such as MobileNetV3, for det and for rec."""
    ours = PACKAGES[kind][1]
    if name in ours:
        return [ours[name]]
    return [getattr(importlib.import_module(module), name) for module in _find_definitions(kind).get(name, ())]


class Arguments(NamedTuple):
    """The arguments that a component reads."""

    names: frozenset[str]
    is_complete: bool  # True: any other argument is a TypeError. False: it is ignored


def arguments(component: Callable) -> Arguments:
    """The :class:`Arguments` of a class or function.

    PaddleOCR's classes end in ``**kwargs`` and ignore the keys that they do not know. Some read an optional key out of
    it. The function then contains the key as a string, so these strings count as arguments too.
    """
    names: set[str] = set()
    take_any_key = []  # for each constructor, from the class itself to its bases
    for owner in inspect.getmro(component) if inspect.isclass(component) else (component,):
        function = owner.__dict__.get("__init__") if inspect.isclass(owner) else owner
        if not inspect.isfunction(function) or owner.__module__.startswith("paddle."):
            continue
        parameters = inspect.signature(function).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        take_any_key.append(any(p.kind is p.VAR_KEYWORD for p in parameters))
        if not take_any_key[-1]:
            break
        names |= {c for c in function.__code__.co_consts if isinstance(c, str) and c.isidentifier()}
    # If the first constructor takes any key, the next one may refuse it, or it may never get there.
    return Arguments(frozenset(names - {"self"}), is_complete=not (take_any_key and take_any_key[0]))


@functools.cache  # one process holds one PaddleOCR
def _find_definitions(kind: str) -> dict[str, list[str]]:
    """{name: modules} of the top-level classes in the files of a package, and of functions named like classes."""
    package = PACKAGES[kind][0]
    # Not imported: that would bind builders before they are extended.
    spec: Any = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations
    root = Path(spec.origin).parent
    modules: dict[str, list[str]] = {}
    for file in [Path(spec.origin)] if folders is None else sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts if folders is not None else ()
        module = ".".join((package, *(part for part in parts if part != "__init__")))
        for name in DEFINITION.findall(file.read_text(encoding="utf-8")):
            modules.setdefault(name, []).append(module)
    return modules
