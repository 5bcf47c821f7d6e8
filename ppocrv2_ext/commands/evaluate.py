"""`eval`: PaddleOCR's own evaluation of a checked config."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

from ..data.batches import list_parts
from . import requirements
from .prepare import drop_broken_samples, prepare_config, run_host_script
from .terminal import warn
from .weights_sources import warn_of_weights


def evaluate(name: str, overrides: Sequence[str] = (), directory: str | None = None) -> None:
    """Evaluate with PaddleOCR's ``tools/eval.py``, which logs the metrics.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
    Raises:
        UserError: the config names no weights, or something else that the evaluation needs is missing.
    """
    host, config = prepare_config(name, overrides, directory, "eval")
    requirements.require_data(config, ("Eval",))
    config = requirements.require_trained_network(config)
    warn_of_weights(name, overrides, config)
    with tempfile.TemporaryDirectory() as folder:
        clean, counts, remarks = drop_broken_samples(host, config, ("Eval",), folder)
        requirements.require_batches(config, counts)
        for sentence in list_parts(config, counts):
            warn(sentence)
        run_host_script(host, "tools/eval.py", clean)
    for remark in remarks:
        warn(remark)
