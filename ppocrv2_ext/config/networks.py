"""What a config says about its networks: one network under Architecture, or several under Architecture.Models."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from ..errors import UserError, did_you_mean
from .names import CENTER_HEAD, CTC_HEADS, DICTIONARY_KEYS, FORM_OPTIONS, MEMBER_OPTIONS

# An exported network has no use for them.
TRAINING_OPTIONS = {*MEMBER_OPTIONS, "return_all_feats"} - {*FORM_OPTIONS}
DISTILLATION_OPTIONS = ("model_name", "key")  # a post-process of several networks needs them, one of a single not


def networks(architecture: dict) -> dict[str | None, dict]:
    """{name: section} of ``Models``, or {None: architecture} of a single network."""
    return architecture.get("Models") or {None: architecture}


def name_section(name: str | None) -> str:
    """Where the config has the network ``name``, such as "Architecture.Models.Student"; None for a single network."""
    return "Architecture" if name is None else f"Architecture.Models.{name}"


class CtcHead(NamedTuple):
    """The head whose output CTC reads."""

    place: str  # in the section of the network
    name: str | None
    section: dict  # that of a branch has no key `name`


def find_ctc_head(network: Mapping) -> CtcHead:
    """The head of a network, or the branch for CTC of its MultiHead.

    Args:
        network: a section whose parts have the right form.
    """
    head = network.get("Head") or {}
    if head.get("name") != "MultiHead":
        return CtcHead("Head", head.get("name"), head)
    for index, branch in enumerate(head["head_list"]):
        for name in branch:
            if name in CTC_HEADS:
                return CtcHead(f"Head.head_list.{index}.{name}.Head", name, branch[name]["Head"])
    return CtcHead("Head", None, head)


def find_center_head(network: Mapping) -> tuple[str, dict] | None:
    """(place in ``network``, section) of its CenterCTCHead; None if another head reads its frames."""
    place, name, section = find_ctc_head(network)
    return (place, section) if name == CENTER_HEAD else None


def has_dictionary(config: Mapping) -> bool:
    """Whether a config is of a recognizer, and names its character dictionary."""
    return config["Architecture"].get("model_type") == "rec" and bool(config["Global"].get("character_dict_path"))


def _change_networks(config: dict, change: Callable[[dict], dict]) -> dict:
    """``config`` with each network's section as ``change`` returns it."""
    architecture = config["Architecture"]
    if "Models" not in architecture:
        return {**config, "Architecture": change(architecture)}
    models = {name: change(network) for name, network in architecture["Models"].items()}
    return {**config, "Architecture": {**architecture, "Models": models}}


def with_settings_of_loading(config: dict) -> dict:
    """``config``, where each network that starts from its own file has the settings of ``Global`` for that.

    PaddleOCR builds a network from its section alone. The section gets ``pretrained_min_matched``, unless it has its
    own, and the dictionary of a recognizer, by which the class rows of the file move to their characters.
    """
    settings = config["Global"]
    least = settings.get("pretrained_min_matched")
    minimum = {} if least is None else {"pretrained_min_matched": least}
    dictionary = {key: settings.get(key) for key in DICTIONARY_KEYS} if has_dictionary(config) else {}

    def with_settings(network: dict) -> dict:
        # The config of an earlier training has the dictionary of that training; the one in Global counts.
        own = {key: value for key, value in network.items() if key not in DICTIONARY_KEYS}
        return {**minimum, **own, **dictionary} if network.get("pretrained") else own

    return _change_networks(config, with_settings)


def trainable_networks(architecture: dict) -> list[str | None]:
    """Names of the networks that are not frozen; [None] for a single network."""
    return [name for name, network in networks(architecture).items() if not network.get("freeze_params")]


def select_network(architecture: dict, name: str | None = None) -> str | None:
    """The network that a command works on.

    Args:
        name: what the user asks for. None for the first network whose name begins with Student; if there is none, for
            the first that is not frozen.
    Returns:
        A name in ``Models``; None if there is a single network.
    Raises:
        UserError: there is no network ``name``.
    """
    known = networks(architecture)
    if name is None:
        candidates = trainable_networks(architecture) or list(known)
        return next((each for each in candidates if each and each.startswith("Student")), candidates[0])
    if None in known:
        raise UserError(f"--network {name}: this config has a single network; leave --network out.")
    if name not in known:
        raise UserError(f"--network {name}: no such network in Architecture.Models{did_you_mean(name, known)}")
    return name


def best_network(config: dict, recorded: Mapping[str, float]) -> tuple[str, str]:
    """Of several networks that are trained, the one with the best metric; of those that are equal, the first.

    Args:
        recorded: {metric: number} of an evaluation, such as {"Student2_hmean": 0.6}; it may be empty. What has no name
            of a network is of the one that PaddleOCR's own metric of several names as its key.
    Returns:
        (name, reason). The reason is a sentence. The first network is taken if one of them has no number.
    """
    names = cast("list[str]", trainable_networks(config["Architecture"]))  # of a single one this is [None]
    indicator, main = config["Metric"].get("main_indicator"), config["Metric"].get("key")
    if indicator in recorded:
        recorded = {f"{main}_{indicator}": recorded[indicator], **recorded}
    scores = {name: recorded[f"{name}_{indicator}"] for name in names if f"{name}_{indicator}" in recorded}
    if len(scores) < len(names):
        first = names[0]
        return first, f"{first}, the first network: the checkpoint does not record {indicator} for each of {names}."
    best = max(names, key=lambda name: scores[name])
    listed = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
    return best, f"{best}, the better by its recorded {indicator} ({listed})."


def single_network_config(config: dict, name: str | None) -> dict:
    """The config of the network ``name`` of ``config`` alone, for export. Weights are not looked at.

    It says what decides the form of the network. What only decides how the network is trained is left out.

    Raises:
        UserError: there is no network ``name``.
    """
    network = config["Architecture"]["Models"][select_network(config["Architecture"], name)]
    post_process = {key: value for key, value in config["PostProcess"].items() if key not in DISTILLATION_OPTIONS}
    post_process["name"] = post_process["name"].replace("Distillation", "", 1)
    return {
        **config,
        "Architecture": {key: value for key, value in network.items() if key not in TRAINING_OPTIONS},
        "PostProcess": post_process,
    }


def without_centers(config: dict) -> dict:
    """``config`` without the files of ``Head.centers``.

    A training starts from such a file. Evaluation and export take the centers from the checkpoint, and need no file.
    """

    def without_file(network: dict) -> dict:
        network = copy.deepcopy(network)
        find_ctc_head(network).section.pop("centers", None)
        return network

    return _change_networks(config, without_file)


def without_start(config: dict) -> dict:
    """``config`` without the files that its networks start from: ``pretrained`` and ``Head.centers``.

    A training that is resumed takes everything from its checkpoint. The files may be gone by then.
    """

    def without_file(network: dict) -> dict:
        return {key: value for key, value in network.items() if key != "pretrained"}

    return _change_networks(without_centers(config), without_file)
