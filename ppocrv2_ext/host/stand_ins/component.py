"""From a config to an object: a dict of classes, and errors that name the component, the key and the next step."""

from ppocrv2_ext.errors import UserError, did_you_mean
from ppocrv2_ext.host.construct import construct


def lookup(kind, table, name):
    """``table[name]``, or a :class:`UserError` that says what there is."""
    if name not in table:
        raise UserError(f"no {kind} is called {name!r} in this PaddleOCR{did_you_mean(name, table)}")
    return table[name]


def build_component(kind, table, config):
    """The component called ``config["name"]``, constructed with the other keys; ``config`` is not modified."""
    if not isinstance(config, dict) or not config.get("name"):
        raise UserError(f"the {kind} in the config must be a mapping with a `name`, got {config!r}.")
    options = {key: value for key, value in config.items() if key != "name"}
    return construct(kind, lookup(kind, table, config["name"]), config["name"], options)


def with_attributes(table, namespace):
    """``table`` and what a module's ``namespace`` can construct: stock looks some names up as attributes of a module.

    A plugin may put its class, or anything callable with a capital, in either place.
    """
    callables = {name: value for name, value in namespace.items() if name[0].isupper() and callable(value)}
    errors = {name for name, value in callables.items() if isinstance(value, type) and issubclass(value, Exception)}
    return {**{name: value for name, value in callables.items() if name not in errors}, **table}
