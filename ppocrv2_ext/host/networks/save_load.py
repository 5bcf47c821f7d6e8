"""PaddleOCR's two functions that load weights, with a report of what was loaded and an error if it is too little."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from ...checkpoints import character_rows, loading, pdparams, pickles, records, states
from ...checkpoints.paths import SAFE_SUFFIX, require_file, without_suffix
from ...config.networks import has_dictionary
from ...config.yaml_files import shell_option
from ...data import dictionary
from ...errors import UserError

LEAST_MATCHED = 0.9  # of a network's tensors in its file, if `pretrained_min_matched` says nothing
# The dictionary of the networks that are being built, blank first; None for networks without one.
_characters: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("characters", default=None)


def load_pretrained_params(model: paddle.nn.Layer, path: str, minimum: float = LEAST_MATCHED) -> bool:
    """Replaces ``ppocr.utils.save_load.load_pretrained_params``. It returns the same, and reports what it loads.

    Args:
        path: the file of weights, or the address of a published one. Within :func:`moving_class_rows`, the rows of a
            file with another character dictionary are moved along.
        minimum: the share of the model's tensors that the file must hold.
    Returns:
        Whether a float16 value of the file was cast.
    """
    return _load(model, path, minimum=minimum, characters=_characters.get())


@contextlib.contextmanager
def moving_class_rows(architecture: Mapping[str, Any]) -> Iterator[None]:
    """A context in which the networks of an architecture are built, and load their files for its dictionary.

    Neither PaddleOCR's DistillationModel nor ours is built with the section ``Global``, so the command has copied the
    dictionary to each network that has a file (:func:`ppocrv2_ext.config.networks.with_settings_of_loading`).
    """
    members = (architecture.get("Models") or {}).values()
    settings = next((member for member in members if member.get("character_dict_path")), None)
    before = _characters.set(_read_dictionary(settings) if settings else None)
    try:
        yield
    finally:
        _characters.reset(before)


def check_load(load_model: Callable) -> Callable:
    """PaddleOCR's ``ppocr.utils.save_load.load_model``, with a report and a check of the file's tensors.

    ``Global.pretrained_model`` must hold the share ``Global.pretrained_min_matched`` [default: 0.9] of the network's
    tensors. If it was trained with another character dictionary, the rows of the characters that both dictionaries
    have are moved along. In a training, two equal networks of the file get the noise of their ``perturbation``.
    ``Global.checkpoints`` must hold every tensor, and be of a network of the same form. Its rows move likewise, but not
    in a training, which goes on with the moments of the optimizer. An average of the weights is loaded if it is of this
    checkpoint.

    Raises (the new function):
        UserError: there is no such file, or it holds too few of the network's tensors; or a training would go on with
            another character dictionary.
    """

    @functools.wraps(load_model)
    def load(*arguments: Any, **options: Any) -> dict:
        given = inspect.signature(load_model).bind(*arguments, **options)
        config = given.args[0]
        settings = config["Global"]
        if settings.get("checkpoints"):
            return _load_checkpoint(load_model, given)
        # Networks of the type "kie" load themselves.
        if settings.get("pretrained_model") and config["Architecture"].get("model_type") != "kie":
            return _load_start(given)
        return load_model(*arguments, **options)

    return load


def _load_checkpoint(load_model: Callable, given: inspect.BoundArguments) -> dict:
    """Load ``Global.checkpoints``.

    Args:
        load_model: PaddleOCR's.
        given: its arguments: the config, the model, and in a training the optimizer.
    """
    config, model = given.args[:2]
    optimizer = given.arguments.get("optimizer")
    file, params, other = _read_checkpoint(config)
    if other and optimizer is not None:
        raise UserError(_explain_other_dictionary(file, other, config["Global"]))
    if other:
        is_float16 = _load(model, str(file), minimum=1.0, characters=_read_characters(config))
        return {**states.read_best_metrics(file), **_read_progress(file), "is_float16": is_float16}
    with loading.naming(file):
        loading.require_usable(params, model.state_dict(), file)
        _require_whole(params, model.state_dict(), file)
    if optimizer is not None:
        require_optimizer_state(file.with_suffix(".pdopt"), optimizer)
    progress = _read_progress(file)
    if "ema" in given.arguments and not records.find_file(without_suffix(file), ".pdema"):
        given.arguments["ema"] = None  # else PaddleOCR takes any file of that name
    with loading.naming(file):
        best = load_model(*given.args, **given.kwargs)
    return {**best, **progress}


def _load_start(given: inspect.BoundArguments) -> dict:
    """Load ``Global.pretrained_model``. See :func:`_load_checkpoint` for the argument."""
    config, model = given.args[:2]
    path = config["Global"]["pretrained_model"]
    minimum = config["Global"].get("pretrained_min_matched", LEAST_MATCHED)
    is_float16 = _load(model, path, minimum=minimum, characters=_read_characters(config))
    if given.arguments.get("optimizer") is not None:
        _perturb_equal_networks(model, path)
    return {"is_float16": is_float16}


def _read_checkpoint(config: dict) -> tuple[Path, dict[str, Any], character_rows.TrainedDictionary | None]:
    """(the file of ``Global.checkpoints``, its parameters, the dictionary of its training if it is another one)."""
    file = require_file("Global.checkpoints", config["Global"]["checkpoints"])
    if file.suffix == SAFE_SUFFIX:
        raise UserError(
            f"Global.checkpoints: {file} holds weights alone, and a training goes on with its optimizer too;"
            f" start from it with -o {shell_option('Global.pretrained_model', file)}."
        )
    with loading.naming(file):
        params = pdparams.read_params(file)
    characters = _read_characters(config)
    return file, params, character_rows.find_other_dictionary(params, file, characters) if characters else None


def require_same_dictionary(config: dict) -> None:
    """Refuse to go on with a training from ``Global.checkpoints`` with another character dictionary.

    Loading refuses too. A command asks before it writes into the folder of the training.

    Raises:
        UserError: the classes of the file are not those of the config, or there is no such file.
    """
    if config["Global"].get("checkpoints") and has_dictionary(config):
        file, _, other = _read_checkpoint(config)
        if other:
            raise UserError(_explain_other_dictionary(file, other, config["Global"]))


def _require_whole(params: Mapping[str, Any], state_dict: Mapping[str, Any], file: Path) -> None:
    """Refuse a checkpoint that a training cannot go on from. PaddleOCR loads what it finds by name."""
    loading.require_match(loading.compare_parameters(params, state_dict), minimum=1.0)
    if loading.fit_form(params, state_dict).keys() != params.keys():
        raise UserError(
            f"Global.checkpoints: the network of {file} has BatchNorm that this one lacks; set"
            " `Architecture.restore_norm: true` as its training did, or load it merged with"
            f" -o Global.checkpoints= {shell_option('Global.pretrained_model', without_suffix(file))}."
        )


def _explain_other_dictionary(
    file: Path, trained: character_rows.TrainedDictionary, settings: Mapping[str, Any]
) -> str:
    """Why a training does not go on from ``file`` with the dictionary of ``settings``, as a sentence."""
    with_space = {None: "", True: " (with the space)", False: " (without the space)"}
    own = "" if trained.space is None else with_space[bool(settings.get("use_space_char", False))]
    space = "" if trained.space is None else f" Global.use_space_char={str(trained.space).lower()}"
    return (
        f"Global.checkpoints: {file} was trained with the dictionary {trained.path}{with_space[trained.space]}, and the"
        f" config names {settings['character_dict_path']}{own}, whose classes differ; go on with"
        f" -o {shell_option('Global.character_dict_path', trained.path)}{space}, or start a new training from it with"
        f" -o {shell_option('Global.pretrained_model', without_suffix(file))}, which moves the rows of the characters."
    )


def _perturb_equal_networks(model: paddle.nn.Layer, path: str) -> None:
    """Loading has overwritten the noise of ``perturbation``. Two different networks of a file need none."""
    from ppocr.utils.logging import get_logger

    for name in model.perturb_equal_networks() if hasattr(model, "perturb_equal_networks") else ():
        get_logger().info(
            f"{name}: its noise (perturbation) is added, because {path} holds another network with the same weights."
        )


def require_optimizer_state(file: Path, optimizer: paddle.optimizer.Optimizer) -> None:
    """Refuse a ``.pdopt`` that is not of this optimizer. If there is no file, PaddleOCR says so.

    Raises:
        UserError: the schedule of the learning rate is missing or no schedule, a moment holds NaN or has another
            shape than its parameter, or the parameters have other names, as in a network of another PaddleOCR.
    """
    if not file.is_file():
        return
    with loading.naming(file):
        state = pickles.without_tensor_names(pickles.read(file))
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise ValueError("it has no names")
        if isinstance(optimizer._learning_rate, paddle.optimizer.lr.LRScheduler):
            schedule = state["LR_Scheduler"]
            if not (isinstance(schedule["last_epoch"], int) and math.isfinite(schedule["last_lr"])):
                raise ValueError("its schedule has no step and no learning rate")
        for parameter in _list_parameters(optimizer):
            for name in (name for name in state if name.startswith(f"{parameter.name}_")):
                value = np.asarray(state[name])
                if value.size != 1 and value.shape != tuple(parameter.shape):
                    raise ValueError(f"{name} has the shape {value.shape}")
                # The mean of squared gradients may be infinite: the weights it is of stay where they are.
                if value.dtype.kind == "f" and np.isnan(value).any():
                    raise ValueError(f"{name} holds NaN")
    names = tuple(f"{parameter.name}_" for parameter in _list_parameters(optimizer))
    foreign = [name for name, value in state.items() if np.ndim(value) and not name.startswith(names)]
    if foreign and not all(any(name.startswith(own) for name in state) for own in names):  # Paddle would stop
        raise UserError(
            f"{file} is of a network of another PaddleOCR: {foreign[0]} is of no parameter here. Go on with that"
            " PaddleOCR (--paddleocr DIR), or start anew from the weights, without --resume and with -o"
            f" Global.pretrained_model={file.with_suffix('')}."
        )


def _list_parameters(optimizer: Any) -> list[paddle.Tensor]:
    """The parameters of an optimizer. PaddleOCR gives some in groups, each with a learning rate (``group_lr``)."""
    groups = (given["params"] if isinstance(given, dict) else [given] for given in optimizer._parameter_list)
    return [parameter for group in groups for parameter in group]


def _read_progress(file: Path) -> dict:
    """The best accuracy, and where the training was.

    On resume PaddleOCR sets the best accuracy to 0, so that its next evaluation overwrites a better model. It also
    counts the steps anew.
    """
    record = states.read_states(file)
    progress = {key: record["best_model_dict"][key] for key in ("acc",) if key in record.get("best_model_dict", {})}
    if "global_step" in record:
        progress["global_step"] = record["global_step"]
    position = records.read_position(without_suffix(file))
    if position:
        progress.update(start_epoch=position.finished_epochs + 1, global_step=position.global_step)
    return progress


def _load(model: paddle.nn.Layer, path: str, **options: Any) -> bool:
    from ppocr.utils.logging import get_logger
    from ppocr.utils.network import maybe_download_params

    return loading.load_pretrained(model, maybe_download_params(path), log=get_logger().info, **options)


def _read_characters(config: dict) -> list[str] | None:
    """The dictionary of a recognizer, blank first; None for any other network."""
    return _read_dictionary(config["Global"]) if has_dictionary(config) else None


def _read_dictionary(settings: Mapping[str, Any]) -> list[str]:
    return dictionary.read_dictionary(settings["character_dict_path"], space=settings.get("use_space_char", False))
