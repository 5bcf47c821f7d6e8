"""Build a component from its section of the config. Errors name the component, the key and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from ppocrv2_ext.errors import UserError, did_you_mean
from ppocrv2_ext.host.components.construct import construct


def lookup(kind: str, table: Mapping[str, Callable], name: str) -> Callable:
    """Return ``table[name]``.

    Raises:
        UserError: ``table`` has no ``name``; the sentence lists the names that it has.
    """
    if name not in table:
        raise UserError(f"no {kind} is called {name!r} in this PaddleOCR{did_you_mean(name, table)}")
    return table[name]


def build_component(kind: str, table: Mapping[str, Callable], config: dict) -> Any:
    """Construct the component ``config["name"]`` with the other keys as arguments; ``config`` is not modified.

    Raises:
        UserError: there is no ``name``, no such component, or the component refuses a key or a value.
    """
    if not isinstance(config, dict) or not config.get("name"):
        raise UserError(f"the {kind} in the config must be a mapping with a `name`, got {config!r}.")
    options = {key: value for key, value in config.items() if key != "name"}
    return construct(kind, lookup(kind, table, config["name"]), config["name"], options)


def with_attributes(table: Mapping[str, Callable], namespace: Mapping[str, object]) -> dict[str, Callable]:
    """Add the components in a module's ``namespace`` to ``table``.

    PaddleOCR looks some names up as attributes of a module, so that is where a plugin puts its components. Everything
    callable whose name starts with a capital counts, exceptions aside.
    """
    callables = {name: value for name, value in namespace.items() if name[0].isupper() and callable(value)}
    errors = {name for name, value in callables.items() if isinstance(value, type) and issubclass(value, Exception)}
    return {**{name: value for name, value in callables.items() if name not in errors}, **table}
