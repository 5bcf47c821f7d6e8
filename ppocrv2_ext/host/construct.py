"""From the words of a config to an object, with errors that name the component and the key."""

import inspect

from ..errors import UserError, did_you_mean


def construct(kind, component, name, options):
    """``component(**options)``.

    A key that the constructor does not take is an error, where PaddleOCR swallows it in ``**kwargs``.

    Args:
        kind, name: what ``component`` is and what a config calls it, for the errors.
    Raises:
        UserError: a key is unknown or missing, or a value is refused.
    """
    parameters = inspect.signature(component).parameters
    swallows_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [] if swallows_all else [key for key in options if key not in parameters]
    if unknown:
        hint = did_you_mean(unknown[0], [p for p in parameters if p != "in_channels"])
        raise UserError(f"{kind} {name!r} takes no `{unknown[0]}`{hint}")
    required = [p for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    missing = [p.name for p in required if p.name not in options]
    if missing:
        raise UserError(f"{kind} {name!r} needs `{missing[0]}` in the config; it has {sorted(options)}.")
    try:
        return component(**options)
    except ValueError as error:
        raise UserError(f"{kind} {name!r} in the config: {error}") from error


def construct_beside_global(kind, component, name, options):
    """:func:`construct` without the keys that ``component`` does not take.

    PaddleOCR hands every key of ``Global`` to every transform and post-process, so that a slip cannot be told from
    those here; ``ppocrv2`` looks for slips in the config (:mod:`ppocrv2_ext.config.vocabulary`).
    """
    parameters = inspect.signature(component).parameters
    return construct(kind, component, name, {key: value for key, value in options.items() if key in parameters})
