"""Put every registered component, and our checks, where PaddleOCR finds them.

The tables below, and that of :mod:`.unpickling`, list everything that is replaced in PaddleOCR. Its scripts bind most
of it by name when ``tools.program`` is imported, so :func:`plug_in` runs before. What :func:`extend_loop` lists is
replaced while a script runs.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .. import plugins  # noqa: F401  (importing it registers the components)
from ..errors import UserError
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
from . import installing, unpickling
from .components import catalog, ctc_branch
from .components.construct import construct, construct_beside_global, extend_builder
from .networks import (  # noqa: F401  (two of them only register)
    best_network,
    collaborative_model,
    frame_maxima,
    network_options,
    save_load,
)
from .samples import datasets, lmdb_datasets, loader, scene_size
from .training import (
    ema,
    evaluation_steps,
    first_batch,
    first_step,
    nan_guard,
    norm_statistics,
    ranks,
    resume,
    schedule,
)
from .training.loop import TrainingContext, surround
from .training.watching import ChooseObservers, tell_observers


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
    ("ppocr.utils.save_load", "load_model", schedule.leave_other_schedule),
    ("ppocr.utils.save_load", "save_model", nan_guard.check_checkpoint),
    ("ppocr.modeling.backbones", "build_backbone", extend_builder(BACKBONES, construct)),
    ("ppocr.modeling.necks", "build_neck", extend_builder(NECKS, construct)),
    ("ppocr.modeling.heads", "build_head", extend_builder(HEADS, construct)),
    ("ppocr.modeling.heads", "build_head", ctc_branch.extend_multi_head),
    ("ppocr.modeling.architectures", "build_model", network_options.extend_networks),
    ("ppocr.losses", "build_loss", extend_builder(LOSSES, construct)),
    ("ppocr.losses", "build_loss", ctc_branch.extend_multi_loss),
    ("ppocr.losses", "build_loss", nan_guard.check_loss),
    ("ppocr.metrics", "build_metric", extend_builder(METRICS, construct)),
    ("ppocr.postprocess", "build_post_process", extend_builder(POST_PROCESSES, construct_beside_global)),
    ("ppocr.data", "set_signal_handlers", resume.leave_signals),
    ("ppocr.data", "DataLoader", lambda theirs: loader.build_loader),
    ("ppocr.data", "build_dataloader", loader.draw_evaluation_alike),
    ("ppocr.data.simple_dataset", "transform", datasets.name_failing_transform),
    ("ppocr.data.lmdb_dataset", "transform", datasets.name_failing_transform),
    ("ppocr.data.lmdb_dataset", "lmdb", lmdb_datasets.SharedLMDBs),
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
    ("ppocr.data", "LMDBDataSet", lmdb_datasets.extend_lmdb),
)
# Methods of PaddleOCR's classes: module, class, method, and what makes ours from PaddleOCR's.
METHODS = (
    ("ppocr.postprocess.rec_postprocess", "CTCLabelDecode", "__call__", frame_maxima.read_frames_once),
    ("ppocr.data.imaug.operators", "DetResizeForTest", "resize_image_type0", scene_size.limit_side),
)

_plugged: list[contextlib.ExitStack] = []  # what takes the changes of plug_in back, if it was called


def plug_in() -> None:
    """Extend the connected PaddleOCR. A second call changes nothing; :func:`unplug` takes it back.

    Raises:
        UserError: ``tools.program`` is imported already, or a component of ours has the name of one of PaddleOCR's.
    """
    if _plugged:
        return
    if "tools.program" in sys.modules:
        raise UserError("plug in before importing PaddleOCR's tools: they have bound its builders already.")
    with contextlib.ExitStack() as undo:
        # Before all others: PaddleOCR's data sets bind it by name, and the next lines import them.
        _replace(undo, importlib.import_module("ppocr.utils.utility"), "check_install", installing.require_installed)
        _refuse_clashes()
        for module in unpickling.find_modules():
            _replace(undo, module, "pickle", unpickling.DATA_ONLY)
        for module_name, name, extend in FUNCTIONS:
            _extend(undo, importlib.import_module(module_name), name, extend)
        for module_name, registry, make_constructor in NAMESPACES:
            for name in registry:
                _replace(undo, importlib.import_module(module_name), name, make_constructor(registry, name))
        for module_name, base_name, extend in CLASSES:
            module = importlib.import_module(module_name)
            base = getattr(module, base_name)
            for name, value in list(vars(module).items()):
                if isinstance(value, type) and issubclass(value, base):
                    _extend(undo, module, name, extend)
        for module_name, class_name, method, extend in METHODS:
            _extend(undo, getattr(importlib.import_module(module_name), class_name), method, extend)
        _plugged.append(undo.pop_all())  # not after an error, which takes back what came before it


def unplug() -> None:
    """Take every change of :func:`plug_in` back, in reverse order."""
    while _plugged:
        _plugged.pop().close()


def list_training_contexts(observe: ChooseObservers | None = None) -> list[TrainingContext]:
    """What is around the training loop, from the outermost context to the innermost. They end in reverse order.

    Args:
        observe: chooses the observers of a training; None where nothing watches it.
    """
    return [
        evaluation_steps.require_evaluation,
        ranks.join_ranks,
        *([tell_observers(observe)] if observe else []),
        first_step.check_first_step,
        first_batch.look_at_first_batch,
        norm_statistics.measure_restored_norm,
        ema.average_weights,
        resume.make_resumable,  # innermost: a checkpoint includes what the others save
    ]


@contextlib.contextmanager
def extend_loop(observe: ChooseObservers | None = None) -> Iterator[None]:
    """A context in which PaddleOCR's training loop is extended as well. Its scripts run in it.

    Args:
        observe: as :func:`list_training_contexts` takes it.
    """
    contexts = list_training_contexts(observe)
    changes: tuple[tuple[str, str, Callable], ...] = (
        ("ppocr.utils.ema", "ModelEMA", lambda theirs: ema.WeightAverage),  # not every PaddleOCR has the module
        ("tools.program", "train", lambda train: surround(train, contexts)),
    )
    with contextlib.ExitStack() as undo:
        for module_name, name, extend in changes:
            if importlib.util.find_spec(module_name):
                _extend(undo, importlib.import_module(module_name), name, extend)
        yield


def _refuse_clashes() -> None:
    for kind, (package, registry) in catalog.PACKAGES.items():
        for name in catalog.names_of_host(kind) & set(registry):
            raise UserError(f"{kind} {name!r} would hide PaddleOCR's own in {package}; rename ours.")


def _extend(undo: contextlib.ExitStack, owner: Any, name: str, extend: Callable) -> None:
    _replace(undo, owner, name, extend(getattr(owner, name)))


def _replace(undo: contextlib.ExitStack, owner: Any, name: str, new: Any) -> None:
    """Give a module or a class another attribute, until ``undo`` is closed."""
    if hasattr(owner, name):
        undo.callback(setattr, owner, name, getattr(owner, name))
    else:
        undo.callback(delattr, owner, name)
    setattr(owner, name, new)
