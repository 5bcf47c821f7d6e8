"""The seam: no other room imports PaddleOCR or changes it. :func:`connect` comes before anything else.

===================================  =============================================================================
connect, in this order               find (which PaddleOCR; stand_ins/ completes the wheel), encryption (a question of
                                     PaddleOCR's is answered), plug (our components and checks put into it)
what plug puts in                    construct (components from a config), collaborative_model and best_network
                                     (components for several networks), save_load (load reports), datasets and
                                     loader (broken samples), nan_guard (a loss or weight that is NaN), ema (an average
                                     of the weights), ranks (several processes wait for each other), watching (what
                                     happens in the loop, told to observers)
what watches a training              recording (history and report, with evaluated_samples), progress (the bar),
                                     stopping (early, or by a budget), visualdl
what commands use once connected     catalog (which names a config may use), run (PaddleOCR's scripts), evaluation
                                     (a trained network over the training lines), draw_samples (for the preview),
                                     sound_sample (do the transforms work on a sound picture?), frame_count (how many
                                     frames the network of a config makes of a line)
===================================  =============================================================================
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
