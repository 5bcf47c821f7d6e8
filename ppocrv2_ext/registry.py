"""What this package adds to PaddleOCR: one dict per kind of component.

A plugin module registers its class where it is defined; :mod:`ppocrv2_ext.host.plug` puts it where PaddleOCR looks::

    @BACKBONES.register
    class LCNet(nn.Layer): ...
"""

from __future__ import annotations

from typing import TypeVar

Component = TypeVar("Component", bound=type)


class Registry(dict[str, type]):
    """Component classes by name. The name in a config is the name of the class.

    Args:
        kind: what the components are, in the words of messages, such as "backbone".
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def register(self, component: Component) -> Component:
        """Class decorator that adds a component.

        Raises:
            ValueError: there is a component of this name already.
        """
        name = component.__name__
        if name in self:
            raise ValueError(f"{self.kind} {name!r} is registered twice: {self[name]} and {component}.")
        self[name] = component
        return component


BACKBONES = Registry("backbone")
NECKS = Registry("neck")
HEADS = Registry("head")
LOSSES = Registry("loss")
TRANSFORMS = Registry("transform")
ARCHITECTURES = Registry("architecture")
METRICS = Registry("metric")
POST_PROCESSES = Registry("post-process")

REGISTRIES = (BACKBONES, NECKS, HEADS, LOSSES, TRANSFORMS, ARCHITECTURES, METRICS, POST_PROCESSES)
