"""Put every registered component where PaddleOCR's builders find it.

PaddleOCR looks a component up in four ways: through a builder with a list of its own (backbones, necks, heads, losses,
metrics, post-processes), by ``eval`` in a module's namespace (transforms, the terms of CombinedLoss), as an attribute
(architectures), and through ``build_model``, whose networks also take this package's network options.
All of it is bound by name when ``tools.train`` is imported, so :func:`plug` runs before.
"""

import functools
import importlib
import sys

from .. import plugins  # noqa: F401  (importing it registers the components)
from ..config.networks import networks
from ..errors import UserError
from ..plugins.fast_cpu.depthwise import speed_up
from ..plugins.norm import freeze_norm
from ..registry import ARCHITECTURES, BACKBONES, HEADS, LOSSES, METRICS, NECKS, POST_PROCESSES, TRANSFORMS
from . import best_network, catalog, collaborative_model, datasets, loader, nan_guard, save_load  # noqa: F401  (two of them only register)
from .construct import construct, construct_beside_global

BUILDERS = (
    ("ppocr.modeling.backbones", "build_backbone", BACKBONES, construct),
    ("ppocr.modeling.necks", "build_neck", NECKS, construct),
    ("ppocr.modeling.heads", "build_head", HEADS, construct),
    ("ppocr.losses", "build_loss", LOSSES, construct),
    ("ppocr.metrics", "build_metric", METRICS, construct),
    ("ppocr.postprocess", "build_post_process", POST_PROCESSES, construct_beside_global),
)
NAMESPACES = (
    ("ppocr.data.imaug", TRANSFORMS, construct_beside_global),
    ("ppocr.losses.combined_loss", LOSSES, construct),
)
_undo = []


def plug():
    """Extend the builders of the connected PaddleOCR. A second call changes nothing; :func:`unplug` takes it back.

    Raises:
        UserError: ``tools.program`` is imported already, or a component of ours has the name of one of PaddleOCR's.
    """
    if _undo:
        return
    if "tools.program" in sys.modules:
        raise UserError("plug in before importing PaddleOCR's tools: they have bound its builders already.")
    _refuse_clashes()
    # Loading first: PaddleOCR's architectures bind `load_pretrained_params` when they are imported.
    loading_module = importlib.import_module("ppocr.utils.save_load")
    _replace(loading_module, "load_pretrained_params", save_load.load_pretrained_params)
    _replace(loading_module, "load_model", save_load.checked(loading_module.load_model))
    _replace(loading_module, "save_model", nan_guard.check_checkpoint(loading_module.save_model))
    for module_name, attribute, registry, make in BUILDERS:
        module = importlib.import_module(module_name)
        _replace(module, attribute, _extended(getattr(module, attribute), registry, make))
    for module_name, registry, make in NAMESPACES:
        module = importlib.import_module(module_name)
        for name in registry:
            _replace(module, name, _constructor(registry, name, make))
    models = importlib.import_module("ppocr.modeling.architectures")
    for name, architecture in ARCHITECTURES.items():
        _replace(models, name, functools.partial(_build_architecture, name, architecture))
    _replace(models, "build_model", _with_network_options(models.build_model))
    losses = importlib.import_module("ppocr.losses")
    _replace(losses, "build_loss", nan_guard.check_loss(losses.build_loss))
    _bound_the_data_loop()


def unplug():
    """Take every change of :func:`plug` back, in reverse order."""
    while _undo:
        _undo.pop()()


def _bound_the_data_loop():
    _replace(importlib.import_module("ppocr.data"), "DataLoader", loader.loader)
    sets = importlib.import_module("ppocr.data.simple_dataset")
    _replace(sets, "transform", datasets.explained(sets.transform))
    _replace(sets.SimpleDataSet, "get_ext_data", datasets.get_ext_data)
    for dataset in (sets.SimpleDataSet, sets.MultiScaleDataSet):
        _replace(dataset, "__getitem__", datasets.bounded(dataset.__getitem__))


def _refuse_clashes():
    for kind, (package, registry) in catalog.PACKAGES.items():
        for name in catalog.names_of_host(kind) & set(registry):
            raise UserError(f"{kind} {name!r} would hide PaddleOCR's own in {package}; rename ours.")


def _replace(module, attribute, new):
    missing = object()
    old = getattr(module, attribute, missing)
    setattr(module, attribute, new)
    _undo.append(lambda: delattr(module, attribute) if old is missing else setattr(module, attribute, old))


def _constructor(registry, name, make):
    """What stands in a namespace for the class ``name`` of ``registry``."""
    return lambda **options: make(registry.kind, registry[name], name, options)


def _build_architecture(name, architecture, config):
    return construct("architecture", architecture, name, {"config": config})


def _extended(build, registry, make):
    """``build`` that knows ``registry`` too; ``context``: a model type for backbones, ``Global`` for post-processes."""

    @functools.wraps(build)
    def extended(config, *context):
        if config["name"] not in registry:
            return build(config, *context)
        arguments = {key: value for key, value in config.items() if key != "name"}
        for more in context:
            if isinstance(more, dict):
                arguments = {**more, **arguments}
        return make(registry.kind, registry[config["name"]], config["name"], arguments)

    return extended


def _with_network_options(build_model):
    """``build_model`` whose ``Architecture``, or each of whose ``Models``, may say ``freeze_norm: true``."""

    @functools.wraps(build_model)
    def build(config):
        model = build_model(config)
        for name, network in networks(config).items():
            if network.get("freeze_norm", False):
                freeze_norm(model if name is None else getattr(model, name))
        speed_up(model)  # where Paddle runs on a CPU and numba is installed
        return model

    return build
