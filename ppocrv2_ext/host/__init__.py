"""The seam to PaddleOCR: no other package imports or changes it. :func:`connect` comes before anything else.

What :func:`connect` does, in this order:

- ``find``: which PaddleOCR this process uses. ``stand_ins/``: what its wheel leaves out.
- ``encryption``: answers a question that PaddleOCR asks while it is imported.
- ``plug``: the tables of everything that is replaced, and by what. ``plug.unplug`` takes it back.
  ``unpickling``: one of the replacements, so that pickles are read as data. ``installing``: another one, so that
  PaddleOCR installs no package.

Then ``run`` runs one of PaddleOCR's scripts. What stands in the place of PaddleOCR's parts is in folders:

- ``components/``: builds components from a config, ours too, and knows which there are.
- ``networks/``: networks and their weights.
- ``samples/``: data sets, batches, and samples for commands.
- ``training/``: what is around the training loop.
- ``observers/``: what watches a training: history, report, progress, early stop.

A module or folder imports only from lower lines of this picture::

    run
    plug  observers
    training  stand_ins
    components  networks  samples  find  encryption  unpickling
    installing
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from ..plugins.fast_cpu.processor import prefer_fast_products
from .encryption import answer_no
from .find import Host, find_host, make_importable
from .plug import plug_in

if TYPE_CHECKING:
    import paddle

__all__ = ["Host", "build_network", "connect", "find_host"]


def connect(directory: str | PathLike[str] | None = None) -> Host:
    """Find PaddleOCR, make it importable and plug every registered component in.

    Call it before anything imports ``tools``: PaddleOCR's scripts bind its builders by name when they are imported.

    Args:
        directory: a clone of PaddleOCR; None for the places that :func:`find_host` looks at.
    Raises:
        UserError: there is no PaddleOCR that can train, or another one is imported already.
    """
    prefer_fast_products()
    host = find_host(directory)
    make_importable(host)
    with answer_no():
        plug_in()
    return host


def build_network(architecture: dict) -> paddle.nn.Layer:
    """The network of an ``Architecture`` section, built by the connected PaddleOCR."""
    from ppocr.modeling.architectures import build_model

    return build_model(architecture)
