"""One network out of several: what a distilled model ships is the better of those that learned, and nothing else."""

from ..errors import UserError, did_you_mean

TRAINING_ONLY = ("pretrained", "perturbation", "freeze_params", "freeze_norm", "return_all_feats")
MEMBERS_ONLY = ("model_name", "key")  # of a post-process that decodes several networks


def better_network(config, recorded):
    """(name, sentence): the network to ship, of those in ``Architecture.Models`` that are not frozen.

    Args:
        recorded: {value: number} that the checkpoint was saved with, such as {"Student2_hmean": 0.6}; perhaps empty.
    """
    names = [name for name, member in config["Architecture"]["Models"].items() if not member.get("freeze_params")]
    indicator = config["Metric"].get("main_indicator")
    scores = {name: recorded[f"{name}_{indicator}"] for name in names if f"{name}_{indicator}" in recorded}
    if len(scores) < len(names):
        return names[0], f"{names[0]}, the first network: the checkpoint records no {indicator} of each of {names}."
    best = max(names, key=scores.get)
    listed = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
    return best, f"{best}, the better by its recorded {indicator} ({listed})."


def alone(config, name):
    """``config`` for one of its networks, as if that had been trained by itself; the weights are not looked at."""
    models = config["Architecture"]["Models"]
    if name not in models:
        raise UserError(f"--network: the model has no network {name!r}{did_you_mean(name, models)}")
    post_process = {key: value for key, value in config["PostProcess"].items() if key not in MEMBERS_ONLY}
    post_process["name"] = post_process["name"].replace("Distillation", "", 1)
    return {
        **config,
        "Architecture": {key: value for key, value in models[name].items() if key not in TRAINING_ONLY},
        "PostProcess": post_process,
    }
