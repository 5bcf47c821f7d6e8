"""What a config says about its networks: one under Architecture, or several under Architecture.Models."""

from ..errors import UserError, did_you_mean
from .names import MEMBER_OPTIONS

TRAINING_ONLY = (*MEMBER_OPTIONS, "return_all_feats")  # of no use once a network is trained
MEMBERS_ONLY = ("model_name", "key")  # of a post-process that decodes several networks


def networks(architecture):
    """{name: section} of ``Models``; {None: architecture} where there is a single network."""
    return architecture.get("Models") or {None: architecture}


def trainable_networks(architecture):
    """Names of the networks that are not frozen, [None] for a single one."""
    return [name for name, network in networks(architecture).items() if not network.get("freeze_params")]


def select_network(architecture, name=None):
    """Which network is meant: ``name``, else the first student, else the first that learns.

    Returns:
        A name in ``Models``; None for a config of a single network.
    Raises:
        UserError: there is no such network.
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


def best_network(config, recorded):
    """(name, sentence): the network to ship, of those in ``Architecture.Models`` that learn.

    Args:
        recorded: {value: number} that the checkpoint was saved with, such as {"Student2_hmean": 0.6}; perhaps empty.
    """
    names, indicator = trainable_networks(config["Architecture"]), config["Metric"].get("main_indicator")
    scores = {name: recorded[f"{name}_{indicator}"] for name in names if f"{name}_{indicator}" in recorded}
    if len(scores) < len(names):
        return names[0], f"{names[0]}, the first network: the checkpoint records no {indicator} of each of {names}."
    best = max(names, key=scores.get)
    listed = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
    return best, f"{best}, the better by its recorded {indicator} ({listed})."


def single_network_config(config, name):
    """``config`` for one of its ``Models``, as if that had been trained by itself; the weights are not looked at."""
    network = config["Architecture"]["Models"][select_network(config["Architecture"], name)]
    post_process = {key: value for key, value in config["PostProcess"].items() if key not in MEMBERS_ONLY}
    post_process["name"] = post_process["name"].replace("Distillation", "", 1)
    return {
        **config,
        "Architecture": {key: value for key, value in network.items() if key not in TRAINING_ONLY},
        "PostProcess": post_process,
    }


def without_centers(config):
    """``config`` without any ``Head.centers``: where nothing trains, a checkpoint brings its own or none are needed."""

    def plain(network):
        head = {key: value for key, value in (network.get("Head") or {}).items() if key != "centers"}
        return {**network, "Head": head} if head else network

    architecture = config["Architecture"]
    if "Models" not in architecture:
        return {**config, "Architecture": plain(architecture)}
    models = {name: plain(network) for name, network in architecture["Models"].items()}
    return {**config, "Architecture": {**architecture, "Models": models}}
