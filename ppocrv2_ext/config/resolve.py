"""What a config leaves open, filled in for one PaddleOCR: its paths, its switches, the place of Copy-Paste."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..data.transforms import list_transforms
from ..errors import UserError, did_you_mean
from .expressions import with_numbers
from .networks import networks

LABEL_ENCODER, COPY_PASTE = "DetLabelEncode", "TextCopyPaste"
ACCELERATORS = ("gpu", "xpu", "npu", "mlu", "gcu", "metax_gpu", "iluvatar_gpu")  # of Global.use_gpu and so on

# Keys whose default holds if they are null, as after `-o Global.seed=`. PaddleOCR would take null for a value and stop.
NO_GPU = "Global.use_gpu is off: this Paddle has no CUDA (README.md, Install, says how to get one)."
LEFT_OUT_IF_NULL = {"Global": ("seed",), "Optimizer": ("clip_norm", "clip_norm_global")}
LOADER_FLAGS = ("shuffle", "drop_last")  # Paddle's samplers take true and false alone, no 0, 1 or null


def resolve(config: dict, root: Path, defaults: Mapping[str, Any] = MappingProxyType({})) -> tuple[dict, list[str]]:
    """``config`` as one PaddleOCR can run it.

    * Arithmetic such as ``1./255.`` becomes a number, so that PaddleOCR evaluates no text.
    * A character dictionary that is not in the working directory is looked for in PaddleOCR.
    * Keys without a value at which PaddleOCR would stop are left out, and flags of loaders become true or false.
    * ``use_gpu`` is turned off where Paddle has no CUDA.
    * In half precision a detector's sigmoid stays in float32 (:func:`with_exact_sigmoid`).
    * PaddleOCR is told where TextCopyPaste stands (:func:`with_copy_paste_index`).

    Args:
        root: the folder of PaddleOCR, which holds dictionaries.
        defaults: what ``Global`` must say for this PaddleOCR where the config says nothing
            (:attr:`ppocrv2_ext.host.Host.defaults`).
    Returns:
        (config, notes): a new config, and a sentence for each switch that was turned off or has no effect.
    Raises:
        UserError: there is no such dictionary, two settings contradict each other, or TextCopyPaste stands where it
            cannot work.
    """
    import paddle

    config = without_nulls(with_numbers(config))
    settings = {**defaults, **config["Global"]}
    notes = []
    members = networks(config["Architecture"]).values()
    if settings.get("use_sync_bn") and any(network.get("freeze_norm") for network in members):
        raise UserError(
            "freeze_norm keeps BatchNorm on its running statistics: set -o Global.use_sync_bn=false with it."
        )
    if settings.get("use_gpu") and not paddle.is_compiled_with_cuda():
        settings["use_gpu"] = False
        notes.append(NO_GPU)
    if settings.get("use_amp") and not any(settings.get(f"use_{device}") for device in ACCELERATORS):
        notes.append("Global.use_amp has no effect on a CPU: everything is computed in float32.")
    dictionary = settings.get("character_dict_path")
    if dictionary:
        settings["character_dict_path"] = str(_find_dictionary(dictionary, root))
    if settings.get("use_amp") and config["Architecture"].get("model_type") == "det":
        settings = with_exact_sigmoid(settings)
    return {**with_copy_paste_index(config), "Global": settings}, notes


def without_nulls(config: dict) -> dict:
    """``config`` without the keys of :data:`LEFT_OUT_IF_NULL` and the ``ratio_list`` that are null.

    A flag of a loader is true or false. PaddleOCR has no default for it, so null is false, as everywhere.
    """
    changed = {section: _drop_nulls(config[section], keys) for section, keys in LEFT_OUT_IF_NULL.items()}
    for mode in ("Train", "Eval"):
        section = config[mode]
        flags = {key: bool(section["loader"][key]) for key in LOADER_FLAGS if key in section["loader"]}
        dataset = _drop_nulls(section["dataset"], ("ratio_list",))
        changed[mode] = {**section, "dataset": dataset, "loader": {**section["loader"], **flags}}
    return {**config, **changed}


def _drop_nulls(section: dict, keys: Sequence[str]) -> dict:
    return {key: value for key, value in section.items() if value is not None or key not in keys}


def with_exact_sigmoid(settings: dict) -> dict:
    """``Global`` with ``sigmoid`` in ``amp_custom_black_list``: automatic mixed precision computes it in float32.

    A detector's head ends in a sigmoid, and its loss is a logarithm of the probability. In bfloat16 the probability of
    a wrong logit of 6.5 rounds to 1. Such a pixel has no gradient left, and it is among the hardest, which OHEM picks.
    """
    black_list = list(settings.get("amp_custom_black_list") or ())
    return {**settings, "amp_custom_black_list": list(dict.fromkeys([*black_list, "sigmoid"]))}


def _find_dictionary(name: str, root: Path) -> Path:
    for candidate in (Path(name), root / name):
        if candidate.is_file():
            return candidate.resolve()
        if candidate.is_dir():
            raise UserError(f"Global.character_dict_path: {candidate.resolve()} is a folder; name a file in it.")
    known = [path.relative_to(root).as_posix() for path in root.glob("ppocr/utils/**/*.txt")]
    raise UserError(
        f"Global.character_dict_path: there is no file {name}, in {Path.cwd()} or in {root}{did_you_mean(name, known)}"
    )


def with_copy_paste_index(config: dict) -> dict:
    """``config`` with the place of TextCopyPaste in ``dataset.ext_op_transform_idx``, counted from 0.

    The picture that texts are taken from goes through the transforms before that place. PaddleOCR takes TextCopyPaste
    for the third transform unless it is told.

    Raises:
        UserError: TextCopyPaste does not stand right after DetLabelEncode, or ``ext_op_transform_idx`` says otherwise.
    """
    for mode in ("Train", "Eval"):
        dataset = config[mode]["dataset"]
        index = _find_copy_paste(mode, [name for name, _ in list_transforms(dataset)])
        if index is None:
            continue
        value = dataset.get("ext_op_transform_idx", index)
        if value != index:
            raise UserError(
                f"{mode}.dataset.ext_op_transform_idx must be {index}, the position of {COPY_PASTE} counted from 0, "
                f"got {value!r}; leave it out."
            )
        config = {**config, mode: {**config[mode], "dataset": {**dataset, "ext_op_transform_idx": index}}}
    return config


def _find_copy_paste(mode: str, names: list[str]) -> int | None:
    """The place of TextCopyPaste among the transforms, from 0; None if it is not there."""
    if COPY_PASTE not in names:
        return None
    index = names.index(COPY_PASTE)
    where = f"{mode}.dataset.transforms: {COPY_PASTE} must stand once, right after {LABEL_ENCODER}"
    if names.count(COPY_PASTE) > 1 or LABEL_ENCODER not in names:
        raise UserError(f"{where}, got {', '.join(names)}.")
    if index != names.index(LABEL_ENCODER) + 1:
        raise UserError(f"{where}, before anything that crops or pads; move it there from number {index + 1}.")
    return index
