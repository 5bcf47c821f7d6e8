"""Which command writes weights that a config names and that are not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..checkpoints import published
from ..checkpoints.paths import without_any_suffix
from ..config import yaml_files

PARTS = ("Backbone", "Neck", "Head")  # of a network


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
