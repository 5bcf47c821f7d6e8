"""`export`: one network as an inference model, and as ONNX."""

import tempfile

import click

from .. import config
from ..config import networks
from ..errors import UserError
from . import requirements
from .prepare import prepare_config, run_host_script


def export(name, overrides=(), directory=None, output=None, onnx=False, network=None):
    """``tools/export_model.py`` on a config, then ONNX with a parity check if asked.

    Args:
        output: the folder of the model; None for ``Global.save_inference_dir``.
        network: of a model of several networks, the one to export; None for the better of those that learned.
    """
    from ..checkpoints import checkpoint
    from ..checkpoints.character_rows import find_dictionary

    if output:
        overrides = [*overrides, config.assignment("Global.save_inference_dir", output)]
    host, prepared = prepare_config(name, overrides, directory)
    prepared = requirements.for_inference(networks.without_centers(prepared))
    requirements.require_known_characters(prepared)
    settings = prepared["Global"]
    if not settings.get("save_inference_dir"):
        raise UserError("where to? Name a folder: --output DIR.")
    folder = requirements.writable(settings["save_inference_dir"])
    if "Models" not in prepared["Architecture"]:
        networks.select_network(prepared["Architecture"], network)
        run_host_script(host, "tools/export_model.py", prepared)
    else:
        weights_file = settings.get("checkpoints") or settings["pretrained_model"]
        if network is None:
            network, why = networks.best_network(prepared, checkpoint.recorded_metrics(weights_file))
            click.echo(f"Exporting {why}")
        prepared = networks.single_network_config(prepared, network)
        with tempfile.TemporaryDirectory() as scratch:
            params, characters = checkpoint.read_training(weights_file, network), find_dictionary(weights_file)
            written = checkpoint.write_checkpoint(params, scratch, network, characters)
            prepared["Global"] = {**settings, "checkpoints": None, "pretrained_model": str(written)}
            run_host_script(host, "tools/export_model.py", prepared)
    if onnx:
        from ..deploy.onnx import export_checked

        export_checked(folder)
