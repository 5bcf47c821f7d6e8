"""`export`: one network as an inference model, and as ONNX."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ..config import networks, yaml_files
from ..data.transforms import list_originals, prepares_labels
from ..errors import UserError
from ..folder_lock import removing_if_empty
from ..write_checks import make_writable_folder
from . import requirements
from .prepare import prepare_config, run_host_script
from .weights_sources import warn_of_weights


def export(
    name: str,
    overrides: Sequence[str] = (),
    directory: str | None = None,
    output: str | None = None,
    onnx: bool = False,
    network: str | None = None,
) -> None:
    """Export a trained network with PaddleOCR's ``tools/export_model.py``.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
        output: the folder of the model; None for ``Global.save_inference_dir``.
        onnx: convert the model to ONNX too and check that it computes the same.
        network: of a model of several networks, the one to export; None for the one with the best recorded metric.
    Raises:
        UserError: the config names no weights or no folder, its dictionary is not the one of the training, or the model
            cannot be written. Then the folder is as it was.
    """
    from ..data.clean import with_clean_dictionary
    from ..deploy.model_writing import require_whole_model, writing_model

    if output:
        overrides = [*overrides, yaml_files.assignment("Global.save_inference_dir", output)]
    host, config = prepare_config(name, overrides, directory, "export")
    config = with_known_steps(requirements.require_trained_network(config))
    warn_of_weights(name, overrides, config)
    requirements.require_known_characters(config)
    if not config["Global"].get("save_inference_dir"):
        raise UserError("the model needs a folder; name one with --output DIR.")
    with contextlib.ExitStack() as opened:
        opened.enter_context(removing_if_empty(config["Global"]["save_inference_dir"]))
        folder = make_writable_folder(config["Global"]["save_inference_dir"])
        scratch, part = opened.enter_context(tempfile.TemporaryDirectory()), opened.enter_context(writing_model(folder))
        config = {**config, "Global": {**config["Global"], "save_inference_dir": str(part)}}
        config = with_clean_dictionary(config, scratch)
        if "Models" in config["Architecture"]:
            network = _choose_network(config) if network is None else network
            config = _extract_network(config, network, Path(scratch))
        else:
            networks.select_network(config["Architecture"], network)  # refuses the name of a network
        with _log_of(part, folder):
            run_host_script(host, "tools/export_model.py", config)
        _write_description(config, part / "inference.yml")
        require_whole_model(part)
        if onnx:
            from ..deploy.onnx_conversion import convert_and_compare

            convert_and_compare(part, folder)


def _write_description(config: dict, path: Path) -> None:
    """Write what later exporters of PaddleOCR write beside a model, if this one has not: that of 2.8 does not.

    Args:
        config: that was exported.
    """
    if path.exists():
        return
    settings, decoding = config["Global"], dict(config["PostProcess"])
    if settings.get("character_dict_path"):
        characters = Path(settings["character_dict_path"]).read_text(encoding="utf-8").split("\n")
        decoding["character_dict"] = characters if characters[-1] else characters[:-1]
    name = settings.get("model_name")
    description = {
        **({"Global": {"model_name": name}} if name else {}),
        "PreProcess": {"transform_ops": config["Eval"]["dataset"]["transforms"]},
        "PostProcess": decoding,
    }
    yaml_files.write(description, path)


@contextlib.contextmanager
def _log_of(part: Path, folder: Path) -> Iterator[None]:
    """A context in which PaddleOCR's log names ``folder`` where the exporter names ``part``."""

    def rename(record: logging.LogRecord) -> bool:
        record.msg = str(record.msg).replace(str(part), str(folder))
        return True

    logger = logging.getLogger("ppocr")
    logger.addFilter(rename)
    try:
        yield
    finally:
        logger.removeFilter(rename)


def with_known_steps(config: dict) -> dict:
    """``config`` with the transforms of Eval as PaddleOCR calls them, and without those that prepare labels.

    The exporter copies them into ``inference.yml``. PaddleOCR 3 refuses a model with a step it does not know.
    """
    dataset = config["Eval"]["dataset"]
    steps = []
    for step in dataset["transforms"]:
        ((name, arguments),) = step.items()
        if not prepares_labels(name):
            known, *rest = list_originals(name)
            steps += [{known: arguments}, *({other: None} for other in rest)]
    return {**config, "Eval": {**config["Eval"], "dataset": {**dataset, "transforms": steps}}}


def _choose_network(config: dict) -> str:
    """The network with the best metric in its checkpoint; the choice is announced."""
    from ..checkpoints import states

    name, reason = networks.best_network(config, states.read_best_metrics(str(requirements.weights_file(config))))
    click.echo(f"Exporting {reason}")
    return name


def _extract_network(config: dict, name: str, folder: Path) -> dict:
    """The config of one of several networks, with its weights as a checkpoint of their own in ``folder``.

    Raises:
        UserError: there is no network ``name`` in the config or in the weights.
    """
    from ..checkpoints import pdparams
    from ..checkpoints.paths import find_dictionary

    single = networks.single_network_config(config, name)
    file = str(requirements.weights_file(config))
    weights = pdparams.write_checkpoint(pdparams.read_network(file, name), folder, name, find_dictionary(file))
    return {**single, "Global": {**single["Global"], "checkpoints": None, "pretrained_model": str(weights)}}
