"""Weights that a command takes: what writes those that are not there, and of which training the others are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checkpoints import published, records
from ..checkpoints.paths import SUFFIX, without_any_suffix, without_suffix
from ..config import yaml_files
from ..errors import UserError
from .terminal import warn

PARTS = ("Backbone", "Neck", "Head")  # of a network
KEYS = ("Global.checkpoints", "Global.pretrained_model")  # of what PaddleOCR loads; the first one wins


def warn_of_weights(name: str, overrides: Sequence[str], config: Mapping[str, Any]) -> None:
    """Say that the weights of a command may not be those that its user means.

    The ``resolved.yml`` of a training names the weights that the training began from.

    Args:
        name, overrides: as :func:`.prepare.prepare_config` takes them.
        config: what that returned.
    """
    file = config["Global"].get("checkpoints") or config["Global"].get("pretrained_model")
    if not file:
        return
    folder, named = yaml_files.locate(name).parent, {override.partition("=")[0] for override in overrides}
    trained = [each for each in ("best_accuracy", "latest") if (folder / f"{each}{SUFFIX}").is_file()]
    if trained and not named.intersection(KEYS) and Path(file).parent.resolve() != folder.resolve():
        option = yaml_files.shell_option(KEYS[1], folder / trained[0])
        warn(
            f"these are the weights that a training with {name} begins from, {without_suffix(file)};"
            f" {folder} holds {' and '.join(trained)} of such a training: -o {option} takes the first."
        )
    warn_of_other_training(file)


def warn_of_other_training(file: str) -> None:
    """Say that a checkpoint is of another training than the ``latest`` beside it, where two went into one folder."""
    checkpoint = Path(without_any_suffix(file))
    latest = checkpoint.with_name("latest")
    if latest.with_suffix(SUFFIX).is_file() and records.are_of_two_trainings(checkpoint, latest):
        warn(f"{checkpoint} is of another training than {latest} beside it; name that one if you mean its training.")


def read_resolved(folder: Path) -> dict | None:
    """The ``resolved.yml`` of the training in a folder; None without it. Standard error says if it is broken."""
    file = folder / "resolved.yml"
    try:
        return yaml_files.read(file) if file.is_file() else None
    except UserError as error:
        warn(str(error))
        return None


def describe_source(file: str, network: Mapping[str, Any] | None = None) -> str | None:
    """What writes a file of weights, as a sentence without its full stop; None if nothing is known to write it.

    Official weights are known by the name of the file. The others come from a training of the network alone.

    Args:
        file: with or without its suffix.
        network: one of ``Architecture.Models`` that starts from the file; None for weights of all networks.
    """
    path = Path(without_any_suffix(file))
    command = _list_official().get(path.name)
    if command:
        return f"`{command} --output {path.parent}` writes it"
    names = list_configs(network, path.parent) if network else []
    return f"`ppocrv2 train -c {names[0]}` trains such a network" if names else None


def list_configs(network: Mapping[str, Any], folder: Path) -> list[str]:
    """The names of the built-in configs that train a network of these parts alone.

    Those that write into ``folder`` come first, the others by name.
    """
    found = []
    for name in yaml_files.built_in():
        config = yaml_files.read(yaml_files.locate(name))
        if all(_holds(network.get(part), config["Architecture"].get(part)) for part in PARTS):
            found.append((Path(config["Global"]["save_model_dir"]) != folder, name))
    return [name for _, name in sorted(found)]


def _list_official() -> dict[str, str]:
    """{name of a checkpoint: the command that writes it}"""
    return {
        model.checkpoint: f"ppocrv2 weights {kind}" + ("" if version == "v2" else f" --model {version}")
        for (kind, version), model in published.PUBLISHED.items()
    }


def _holds(part: Any, expected: Any) -> bool:
    """Whether a part of a network has all options of another."""
    return isinstance(part, dict) and isinstance(expected, dict) and expected.items() <= part.items()
