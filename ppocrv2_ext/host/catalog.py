"""What the plugged PaddleOCR can build, by kind: names without importing anything, classes on demand."""

import functools
import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from typing import NamedTuple

from ..registry import ARCHITECTURES, BACKBONES, HEADS, LOSSES, METRICS, NECKS, POST_PROCESSES, TRANSFORMS

PACKAGES = {
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


def names(kind):
    """Every name a config may use for a component of ``kind``: PaddleOCR's own and ours."""
    return names_of_host(kind) | set(PACKAGES[kind][1])


def names_of_host(kind):
    """The names among :func:`names` that PaddleOCR itself defines."""
    return set(_definitions(kind))


def classes(kind, name):
    """The classes called ``name``. PaddleOCR has some names twice, such as a MobileNetV3 for det and one for rec."""
    ours = PACKAGES[kind][1]
    if name in ours:
        return [ours[name]]
    return [getattr(importlib.import_module(module), name) for module in _definitions(kind).get(name, ())]


class Arguments(NamedTuple):
    """Names of the arguments a component reads; ``closed`` if any other is a TypeError rather than dropped."""

    names: frozenset
    closed: bool


def arguments(component):
    """The :class:`Arguments` of a class or function.

    PaddleOCR's classes end in ``**kwargs`` and drop what they do not know. Those that do read an optional key from it
    name that key as a string in the same function, so such strings count as arguments too.
    """
    names, open_ended = set(), []
    for owner in inspect.getmro(component) if inspect.isclass(component) else (component,):
        function = owner.__dict__.get("__init__") if inspect.isclass(owner) else owner
        if not inspect.isfunction(function) or owner.__module__.startswith("paddle."):
            continue
        parameters = inspect.signature(function).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        open_ended.append(any(p.kind is p.VAR_KEYWORD for p in parameters))
        if not open_ended[-1]:
            break
        names |= {c for c in function.__code__.co_consts if isinstance(c, str) and c.isidentifier()}
    # A first constructor that takes anything may pass it on to the next one, or drop it.
    return Arguments(frozenset(names - {"self"}), closed=not (open_ended and open_ended[0]))


@functools.cache  # one process holds one PaddleOCR
def _definitions(kind):
    """{name: [module, ...]} of the top-level classes in a package's files, and of functions named like classes."""
    package = PACKAGES[kind][0]
    spec = importlib.util.find_spec(package)  # importing it would bind builders before they are extended
    folders = spec.submodule_search_locations
    found = {}
    root = Path(spec.origin).parent
    for file in [Path(spec.origin)] if folders is None else sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts if folders is not None else ()
        name = ".".join((package, *(part for part in parts if part != "__init__")))
        for definition in DEFINITION.findall(file.read_text(encoding="utf-8")):
            found.setdefault(definition, []).append(name)
    return found
