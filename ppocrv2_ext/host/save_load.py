"""PaddleOCR's two ways of loading weights, made to say what they loaded and to stop where they loaded too little."""

import functools

from ..checkpoints import loading, pdparams, states
from ..checkpoints.paths import require_file
from ..data import dictionary


def load_pretrained_params(model, path):
    """Stands in for ``ppocr.utils.save_load.load_pretrained_params``: the same contract, with a load report."""
    return _load(model, path)


def checked(load_model):
    """``ppocr.utils.save_load.load_model`` that reports on ``pretrained_model`` and refuses a foreign checkpoint.

    ``Global.pretrained_min_matched`` (default 0.9) is the share of the network's tensors that the file must hold.
    Where the file's character dictionary differs from the config's, the rows of shared characters are re-used.
    """

    @functools.wraps(load_model)
    def loaded(config, model, *rest, **named):
        settings = config["Global"]
        if settings.get("checkpoints"):
            file = require_file("Global.checkpoints", settings["checkpoints"])
            params = pdparams.read_params(file)
            loading.require_match(loading.compare_parameters(params, model.state_dict()), minimum=1.0)
            best = load_model(config, model, *rest, **named)
            # PaddleOCR sets the best accuracy to 0 on resume, and the next evaluation overwrites a better model.
            recorded = states.read_best_metrics(file)
            return {**best, **({"acc": recorded["acc"]} if "acc" in recorded else {})}
        path = settings.get("pretrained_model")
        if not path or config["Architecture"].get("model_type") == "kie":  # the latter loads in a way of its own
            return load_model(config, model, *rest, **named)
        minimum = settings.get("pretrained_min_matched", 0.9)
        return {"is_float16": _load(model, path, minimum=minimum, characters=_characters(config))}

    return loaded


def _load(model, path, **options):
    """PaddleOCR's log file gets the report too, and its paths may be addresses of published files."""
    from ppocr.utils.logging import get_logger
    from ppocr.utils.network import maybe_download_params

    return loading.load_pretrained(model, maybe_download_params(path), log=get_logger().info, **options)


def _characters(config):
    settings = config["Global"]
    if config["Architecture"].get("model_type") != "rec" or not settings.get("character_dict_path"):
        return None
    return dictionary.read_dictionary(settings["character_dict_path"], space=settings.get("use_space_char", False))
