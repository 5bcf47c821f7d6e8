"""PaddleOCR's two functions that load weights, with a report of what was loaded and an error if it is too little."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paddle

from ..checkpoints import loading, pdparams, sets, states
from ..checkpoints.paths import SAFE_SUFFIX, require_file, without_suffix
from ..data import dictionary
from ..errors import UserError

LEAST_MATCHED = 0.9  # of a network's tensors in its file, if `pretrained_min_matched` says nothing


def load_pretrained_params(model: paddle.nn.Layer, path: str, minimum: float = LEAST_MATCHED) -> bool:
    """Replaces ``ppocr.utils.save_load.load_pretrained_params``. It returns the same, and reports what it loads.

    Args:
        path: the file of weights, or the address of a published one.
        minimum: the share of the model's tensors that the file must hold.
    Returns:
        Whether a float16 value of the file was cast.
    """
    return _load(model, path, minimum=minimum)


def check_load(load_model: Callable) -> Callable:
    """PaddleOCR's ``ppocr.utils.save_load.load_model``, with a report and a check of the file's tensors.

    ``Global.pretrained_model`` must hold the share ``Global.pretrained_min_matched`` [default: 0.9] of the network's
    tensors. If it was trained with another character dictionary, the rows of the characters that both dictionaries
    have are moved along. ``Global.checkpoints`` must hold every tensor.

    Raises (the new function):
        UserError: there is no such file, or it holds too few of the network's tensors.
    """

    @functools.wraps(load_model)
    def load(config: dict, model: paddle.nn.Layer, *rest: Any, **options: Any) -> dict:
        settings = config["Global"]
        if settings.get("checkpoints"):
            file = require_file("Global.checkpoints", settings["checkpoints"])
            if file.suffix == SAFE_SUFFIX:
                raise UserError(
                    f"Global.checkpoints: {file} holds weights alone, and a training goes on with its optimizer too;"
                    f" start from it with -o Global.pretrained_model={file}."
                )
            params = pdparams.read_params(file)
            loading.require_match(loading.compare_parameters(params, model.state_dict()), minimum=1.0)
            best = load_model(config, model, *rest, **options)
            return {**best, **_read_progress(file)}
        path = settings.get("pretrained_model")
        if not path or config["Architecture"].get("model_type") == "kie":  # these networks load themselves
            return load_model(config, model, *rest, **options)
        minimum = settings.get("pretrained_min_matched", LEAST_MATCHED)
        return {"is_float16": _load(model, path, minimum=minimum, characters=_read_characters(config))}

    return load


def _read_progress(file: Path) -> dict:
    """The best accuracy, and where the training was.

    On resume PaddleOCR sets the best accuracy to 0, so that its next evaluation overwrites a better model. It also
    counts the steps anew.
    """
    record = states.read_states(file)
    progress = {key: record["best_model_dict"][key] for key in ("acc",) if key in record.get("best_model_dict", {})}
    if "global_step" in record:
        progress["global_step"] = record["global_step"]
    position = sets.read_position(without_suffix(file))
    if position:
        progress.update(start_epoch=position.finished_epochs + 1, global_step=position.global_step)
    return progress


def _load(model: paddle.nn.Layer, path: str, **options: Any) -> bool:
    from ppocr.utils.logging import get_logger
    from ppocr.utils.network import maybe_download_params

    return loading.load_pretrained(model, maybe_download_params(path), log=get_logger().info, **options)


def _read_characters(config: dict) -> list[str] | None:
    """The dictionary of a recognizer, blank first; None for any other network."""
    settings = config["Global"]
    if config["Architecture"].get("model_type") != "rec" or not settings.get("character_dict_path"):
        return None
    return dictionary.read_dictionary(settings["character_dict_path"], space=settings.get("use_space_char", False))
