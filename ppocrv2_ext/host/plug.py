"""Put every registered component, and our checks, where PaddleOCR finds them.

The five tables below, and that of :mod:`.unpickling`, list everything that is replaced in PaddleOCR. Its scripts bind
most of it by name when ``tools.program`` is imported, so :func:`plug_in` runs before.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .. import plugins  # noqa: F401  (importing it registers the components)
from ..config.names import FORM_OPTIONS
from ..config.networks import name_section, networks
from ..errors import UserError
from ..plugins.fast_cpu.layers import speed_up
from ..plugins.norm import freeze_norm
from ..registry import (
    ARCHITECTURES,
    BACKBONES,
    HEADS,
    LOSSES,
    METRICS,
    NECKS,
    POST_PROCESSES,
    TRANSFORMS,
    Registry,
)
from . import (  # noqa: F401  (two of them only register)
    best_network,
    catalog,
    collaborative_model,
    datasets,
    ema,
    first_step,
    frame_maxima,
    loader,
    merging,
    nan_guard,
    ranks,
    resume,
    save_load,
    unpickling,
    watching,
)
from .construct import construct, construct_beside_global
from .frames import follow_width
from .loop import surround


def _extend_builder(registry: Registry, make: Callable) -> Callable:
    """A function: PaddleOCR's builder -> one that also builds the components of ``registry``, with ``make``."""

    def extend(build: Callable) -> Callable:
        @functools.wraps(build)
        def build_any(config: dict, *context: Any) -> Any:
            """``context``: a model type, for backbones; the section ``Global``, for post-processes."""
            if config["name"] not in registry:
                return build(config, *context)
            options = {key: value for key, value in config.items() if key != "name"}
            for section in context:
                if isinstance(section, dict):
                    options = {**section, **options}
            return make(registry.kind, registry[config["name"]], config["name"], options)

        return build_any

    return extend


def _allow_merged(build_model: Callable) -> Callable:
    """``build_model``, where ``Architecture`` of a single network may say ``merged`` and ``restore_norm``.

    The members of ``Models`` merge theirs before they load their own weights, see :mod:`.collaborative_model`.
    """

    @functools.wraps(build_model)
    def build(config: dict) -> Any:
        for name, network in (config.get("Models") or {}).items():
            refused = [key for key in FORM_OPTIONS if network.get(key) and config.get("name") not in ARCHITECTURES]
            if refused:
                raise UserError(f"{name_section(name)}.{refused[0]} needs `Architecture.name: CollaborativeModel`.")
        model = build_model({key: value for key, value in config.items() if key not in FORM_OPTIONS})
        merging.merge(model, config)
        return model

    return build


def _allow_network_options(build_model: Callable) -> Callable:
    """``build_model``, where ``Architecture``, or each of its ``Models``, may say freeze_norm and frames_by_width."""

    @functools.wraps(build_model)
    def build(config: dict) -> Any:
        model = build_model(config)
        for name, section in networks(config).items():
            network = model if name is None else getattr(model, name)
            if section.get("freeze_norm", False):
                freeze_norm(network)
            if section.get("frames_by_width", False):
                follow_width(network, section, name_section(name))
        return model

    return build


def _speed_up(build_model: Callable) -> Callable:
    """``build_model`` whose networks use the fast kernels, where Paddle runs on a CPU."""

    @functools.wraps(build_model)
    def build(config: dict) -> Any:
        model = build_model(config)
        speed_up(model)
        return model

    return build


def _from_options(registry: Registry, name: str) -> Callable:
    return lambda **options: construct(registry.kind, registry[name], name, options)


def _from_options_and_global(registry: Registry, name: str) -> Callable:
    return lambda **options: construct_beside_global(registry.kind, registry[name], name, options)


def _from_config(registry: Registry, name: str) -> Callable:
    return lambda config: construct(registry.kind, registry[name], name, {"config": config})


# Functions of PaddleOCR: module, name, and what makes ours from PaddleOCR's. From top to bottom, as some bind others
# by name when they are imported: `ppocr.modeling.architectures` binds `load_pretrained_params` and the builders.
FUNCTIONS = (
    ("ppocr.utils.save_load", "load_pretrained_params", lambda theirs: save_load.load_pretrained_params),
    ("ppocr.utils.save_load", "load_model", save_load.check_load),
    ("ppocr.utils.save_load", "save_model", nan_guard.check_checkpoint),
    ("ppocr.modeling.backbones", "build_backbone", _extend_builder(BACKBONES, construct)),
    ("ppocr.modeling.necks", "build_neck", _extend_builder(NECKS, construct)),
    ("ppocr.modeling.heads", "build_head", _extend_builder(HEADS, construct)),
    ("ppocr.modeling.architectures", "build_model", _allow_merged),
    ("ppocr.modeling.architectures", "build_model", _allow_network_options),
    ("ppocr.modeling.architectures", "build_model", _speed_up),
    ("ppocr.losses", "build_loss", _extend_builder(LOSSES, construct)),
    ("ppocr.losses", "build_loss", nan_guard.check_loss),
    ("ppocr.metrics", "build_metric", _extend_builder(METRICS, construct)),
    ("ppocr.postprocess", "build_post_process", _extend_builder(POST_PROCESSES, construct_beside_global)),
    ("ppocr.data", "set_signal_handlers", resume.leave_signals),
    ("ppocr.data", "DataLoader", lambda theirs: loader.build_loader),
    ("ppocr.data.simple_dataset", "transform", datasets.name_failing_transform),
    ("ppocr.data.lmdb_dataset", "transform", datasets.name_failing_transform),
    ("ppocr.data.lmdb_dataset", "lmdb", datasets.share_lmdbs),
)
# Modules in which PaddleOCR looks a component up by its name: module, components, and what stands there for each.
NAMESPACES = (
    ("ppocr.modeling.architectures", ARCHITECTURES, _from_config),
    ("ppocr.losses.combined_loss", LOSSES, _from_options),
    ("ppocr.data.imaug", TRANSFORMS, _from_options_and_global),
)
# Classes of PaddleOCR: module, base class, and what makes ours from it and from each class of the module that inherits
# from it, whatever their names there.
CLASSES = (
    ("ppocr.data", "SimpleDataSet", datasets.extend_dataset),
    ("ppocr.data", "LMDBDataSet", datasets.extend_lmdb),
)
# Methods of PaddleOCR's classes: module, class, method, and what makes ours from PaddleOCR's.
METHODS = (("ppocr.postprocess.rec_postprocess", "CTCLabelDecode", "__call__", frame_maxima.read_frames_once),)
# What is around the training loop, from the outermost context to the innermost. They end in reverse order.
AROUND_TRAINING = (
    ranks.join_ranks,
    watching.tell_observers,
    first_step.check_first_step,
    merging.measure_restored_norm,
    ema.average_weights,
    resume.make_resumable,  # innermost: a checkpoint includes what the others save
)
# Functions and classes of the training loop, replaced while a script runs. Not every PaddleOCR has `ppocr.utils.ema`.
LOOP: tuple[tuple[str, str, Callable], ...] = (
    ("ppocr.utils.ema", "ModelEMA", lambda theirs: ema.WeightAverage),
    ("tools.program", "train", lambda train: surround(train, AROUND_TRAINING)),
)

_undo: list[Callable[[], None]] = []


def plug_in() -> None:
    """Extend the connected PaddleOCR. A second call changes nothing; :func:`unplug` takes it back.

    Raises:
        UserError: ``tools.program`` is imported already, or a component of ours has the name of one of PaddleOCR's.
    """
    if _undo:
        return
    if "tools.program" in sys.modules:
        raise UserError("plug in before importing PaddleOCR's tools: they have bound its builders already.")
    _refuse_clashes()
    for module in unpickling.find_modules():
        _replace(module, "pickle", unpickling.DATA_ONLY)
    for module_name, attribute, extend in FUNCTIONS:
        module = importlib.import_module(module_name)
        _replace(module, attribute, extend(getattr(module, attribute)))
    for module_name, registry, make_constructor in NAMESPACES:
        for name in registry:
            _replace(importlib.import_module(module_name), name, make_constructor(registry, name))
    for module_name, base_name, extend in CLASSES:
        module = importlib.import_module(module_name)
        base = getattr(module, base_name)
        for name, value in list(vars(module).items()):
            if isinstance(value, type) and issubclass(value, base):
                _replace(module, name, extend(value))
    for module_name, class_name, method, extend in METHODS:
        owner = getattr(importlib.import_module(module_name), class_name)
        _replace(owner, method, extend(getattr(owner, method)))


@contextlib.contextmanager
def extend_loop() -> Iterator[None]:
    """A context in which PaddleOCR's training loop is extended as well. Its scripts run in it."""
    with contextlib.ExitStack() as undo:
        for module_name, attribute, extend in LOOP:
            if importlib.util.find_spec(module_name):
                module = importlib.import_module(module_name)
                theirs = getattr(module, attribute)
                undo.callback(setattr, module, attribute, theirs)
                setattr(module, attribute, extend(theirs))
        yield


def unplug() -> None:
    """Take every change of :func:`plug_in` back, in reverse order."""
    while _undo:
        _undo.pop()()


def _refuse_clashes() -> None:
    for kind, (package, registry) in catalog.PACKAGES.items():
        for name in catalog.names_of_host(kind) & set(registry):
            raise UserError(f"{kind} {name!r} would hide PaddleOCR's own in {package}; rename ours.")


def _replace(module: Any, attribute: str, new: Any) -> None:
    missing = object()
    old = getattr(module, attribute, missing)
    setattr(module, attribute, new)
    _undo.append(lambda: delattr(module, attribute) if old is missing else setattr(module, attribute, old))
