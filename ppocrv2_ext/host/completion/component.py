"""From a config to an object: a dict of classes, and errors that name the component, the key and the next step."""

import inspect

from ppocrv2_ext.errors import UserError, did_you_mean


def lookup(kind, table, name):
    """``table[name]``, or a :class:`UserError` that says what there is."""
    if name not in table:
        raise UserError(f"no {kind} is called {name!r} in this PaddleOCR{did_you_mean(name, table)}")
    return table[name]


def build_component(kind, table, config):
    """The component called ``config["name"]``, constructed with the other keys; ``config`` is not modified.

    A key that the constructor does not take is an error, where stock swallows it in ``**kwargs``.
    """
    if not isinstance(config, dict) or not config.get("name"):
        raise UserError(f"the {kind} in the config must be a mapping with a `name`, got {config!r}.")
    options = {key: value for key, value in config.items() if key != "name"}
    component = lookup(kind, table, config["name"])
    parameters = inspect.signature(component).parameters
    swallows_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [] if swallows_all else [key for key in options if key not in parameters]
    if unknown:
        hint = did_you_mean(unknown[0], [p for p in parameters if p != "in_channels"])
        raise UserError(f"{kind} {config['name']!r} takes no `{unknown[0]}`{hint}")
    required = [p for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    missing = [p.name for p in required if p.name not in options]
    if missing:
        raise UserError(f"{kind} {config['name']!r} needs `{missing[0]}` in the config; it has {sorted(options)}.")
    try:
        return component(**options)
    except ValueError as error:
        raise UserError(f"{kind} {config['name']!r} in the config: {error}") from error


def with_attributes(table, namespace):
    """``table`` and what a module's ``namespace`` can construct: stock looks some names up as attributes of a module.

    A plugin may put its class, or anything callable with a capital, in either place.
    """
    callables = {name: value for name, value in namespace.items() if name[0].isupper() and callable(value)}
    errors = {name for name, value in callables.items() if isinstance(value, type) and issubclass(value, Exception)}
    return {**{name: value for name, value in callables.items() if name not in errors}, **table}
