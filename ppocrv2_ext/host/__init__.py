"""The seam: the only place that knows PaddleOCR. ``connect`` finds it, completes it and plugs this package in."""

from .find import Host, find
from .importing import complete
from .plug import plug

__all__ = ["Host", "build_network", "connect", "find"]


def connect(directory=None):
    """Find PaddleOCR (see :func:`find`), make it importable and plug every registered component in.

    Call it before anything imports ``tools``: PaddleOCR's scripts bind their builders by name on import.
    """
    host = find(directory)
    complete(host)
    plug()
    return host


def build_network(architecture):
    """The network of an ``Architecture`` section, built by the connected PaddleOCR."""
    from ppocr.modeling.architectures import build_model

    return build_model(architecture)
