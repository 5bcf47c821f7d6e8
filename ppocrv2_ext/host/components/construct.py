"""Build a component from the keys of a config. An error names the component and the key."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import UserError, did_you_mean
from ...registry import Registry


def construct(kind: str, component: Callable, name: str, options: Mapping[str, Any]) -> Any:
    """``component(**options)``. A key that it does not take is an error, where PaddleOCR would ignore it.

    Args:
        kind: what ``component`` is, such as "backbone", for messages.
        name: what a config calls it, for messages.
    Raises:
        UserError: a key is unknown, a required one is missing, or a value is refused.
    """
    parameters = inspect.signature(component).parameters
    takes_any_key = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [] if takes_any_key else [key for key in options if key not in parameters]
    if unknown:
        hint = did_you_mean(unknown[0], [p for p in parameters if p != "in_channels"])
        raise UserError(f"{kind} {name!r} takes no `{unknown[0]}`{hint}")
    required = [p for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    missing = [p.name for p in required if p.name not in options]
    if missing:
        raise UserError(f"{kind} {name!r} needs `{missing[0]}` in the config; it has {sorted(options)}.")
    try:
        return component(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f"{kind} {name!r} in the config: {error}") from error


def construct_beside_global(kind: str, component: Callable, name: str, options: Mapping[str, Any]) -> Any:
    """:func:`construct`, without the keys that ``component`` does not take.

    PaddleOCR passes every key of ``Global`` to every transform and post-process. Here an unknown key may be one of
    those or a typing mistake; :mod:`ppocrv2_ext.config.vocabulary` finds the mistakes in the config itself.
    """
    parameters = inspect.signature(component).parameters
    return construct(kind, component, name, {key: value for key, value in options.items() if key in parameters})


def extend_builder(registry: Registry, make: Callable) -> Callable:
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
