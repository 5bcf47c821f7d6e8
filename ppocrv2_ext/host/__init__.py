"""The seam: no other room imports PaddleOCR or changes it. :func:`connect` comes before anything else.

What :func:`connect` does, in this order. ``plug.unplug`` takes the replacements back:

- ``find``: which PaddleOCR this process uses. ``stand_ins/``: what its wheel leaves out.
- ``encryption``: answers a question that PaddleOCR asks while it is imported.
- ``plug``: the tables of everything that is replaced, and by what.

What takes its place, and is there for every command:

- ``construct``: builds components from a config, ours too. ``unpickling``: pickles are read as data.
- ``network_options``: the options of a network that PaddleOCR does not know: ``merging`` and ``frames_by_width``.
- ``collaborative_model``, ``best_network``: a model of several networks, and its metric.
- ``save_load``: loads weights with a report. ``nan_guard``: stops at a loss or a weight that is not finite.
- ``datasets``, ``lmdb_datasets``: name what they cannot read. ``loader``: brings that to the training, beside
  the batches. ``worker_memory``: its processes keep the memory that they free.
- ``frame_maxima``: the decoder of CTC reads each frame once.

What is around PaddleOCR's training loop, for as long as ``run`` runs one of its scripts. ``loop`` puts it there, in the
order of ``plug.AROUND_TRAINING``, the outermost first:

- ``ranks``: several processes wait for each other, and end together.
- ``watching``: tells observers what happens in the loop. They can end it.
- ``first_step``: refuses a training that would learn nothing. ``zero_loss``: names a loss of 0 that is no success.
- ``merging``: measures the statistics of a network that was published merged.
- ``ema``: an average of the weights.
- ``resume``: saves whole checkpoints and goes on from them. ``steps``: what is random in a step depends on its place.
  ``log_file``: the log, which may meet a full disk.

The observers:

- ``recording``: chooses them, and writes history and report. ``evaluated_samples``: the samples in the report.
- ``stopping``: ends a training early, or by a budget of time. ``progress``: the bar. ``visualdl``: curves.

What commands use of a connected PaddleOCR:

- ``catalog``: which names and arguments a config may use. ``clone_parts``: those that only a clone has.
- ``frame_count``: how many frames the recognizer of a config makes of a line.
- ``training_lines``: the lines of a training set, each once, and a trained network to read them with.
- ``transform_check``: do the transforms work on a picture without faults?
- ``draw_samples``: training samples for the preview.
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
