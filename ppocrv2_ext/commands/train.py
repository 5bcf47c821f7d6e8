"""`train` and `eval`: PaddleOCR's own loops on a checked config."""

import os
import tempfile
from pathlib import Path

from .. import __version__, config
from ..config import networks
from ..errors import UserError
from . import requirements, resuming
from .prepare import drop_broken_samples, prepare_config, run_host_script


def train(name, overrides=(), directory=None, resume=None):
    """``tools/train.py`` on a config. The resolved config is left as ``resolved.yml`` in the output folder."""
    from ..host.run import log_to

    if resume:
        overrides = [*resuming.overrides(resume), *overrides]
    host, prepared = prepare_config(name, overrides, directory)
    rank, ranks = int(os.environ.get("PADDLE_TRAINER_ID", 0)), int(os.environ.get("PADDLE_TRAINERS_NUM", 1))
    lines = requirements.require_data(prepared, ("Train", "Eval"))
    requirements.require_batch(prepared, lines, ranks)
    requirements.require_numpy(prepared)
    requirements.require_weights(prepared, training=True)
    requirements.require_centers(prepared)
    folder = requirements.writable(prepared["Global"]["save_model_dir"])
    prepared, usable = drop_broken_samples(host, prepared, ("Train", "Eval"), folder / "labels", rank)
    requirements.require_batch(prepared, usable, ranks)
    if resume and rank == 0:
        resuming.require_schedule(prepared, Path(resume))
    if rank == 0:
        # Whoever takes this file up later names what it is to start from.
        plain = {**prepared, "Global": {**prepared["Global"], "checkpoints": None}}
        config.write(plain, folder / "resolved.yml", _provenance(name, overrides, host))
        log_to(folder / "train.log")
    try:
        run_host_script(host, "tools/train.py", prepared)
    except FloatingPointError as error:
        raise UserError(f"training stopped: {error}; {resuming.after_a_stop(folder)}") from error


def evaluate(name, overrides=(), directory=None):
    """``tools/eval.py`` on a config; its metrics go to the log."""
    host, prepared = prepare_config(name, overrides, directory)
    requirements.require_data(prepared, ("Eval",))
    prepared = requirements.for_inference(prepared)
    with tempfile.TemporaryDirectory() as folder:
        prepared, _ = drop_broken_samples(host, networks.without_centers(prepared), ("Eval",), folder)
        run_host_script(host, "tools/eval.py", prepared)


def _provenance(name, overrides, host):
    changed = " ".join(overrides) or "nothing"
    return f"ppocrv2-ext {__version__} on PaddleOCR {host.kind} {host.version}\nfrom {name}\nchanged by -o: {changed}"
