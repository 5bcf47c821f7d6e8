"""Do the transforms of a config work on a sample without faults? Else a fault of the config is blamed on the data.

The pictures are made here and nothing is wrong with them. A transform that refuses each of them was given arguments
with which it cannot work, or stands at the wrong place.

The same pictures tell how large a batch is.
"""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import cv2
import numpy as np

from ...data.dictionary import read_dictionary
from ...data.label_rules import TEXT_ENCODERS
from ...data.line_shapes import FIRST_BATCH, list_line_shapes
from ...data.sources import CHECKED_SETS, LMDB_SETS, MULTI_SCALE_SETS
from ...data.transforms import list_originals
from ...errors import UserError, reason_of, summarise
from ..installing import NotInstalledError
from .generators import find_generators, keep_generators, seed_generators
from .loader import list_compact

SIZES = ((100, 32), (60, 48), (320, 64))  # (width, height) of lines; scenes are twice as wide and eight times as high
SEED = 7


def require_usable_transforms(config: dict, mode: str) -> None:
    """Send faultless samples through the transforms of a section. The generators of random numbers stay as they were.

    Data sets and label encoders that this module does not know are not tried.

    Args:
        config: a resolved config.
        mode: "Train" or "Eval".
    Raises:
        UserError: a transform cannot be built, fails on every sample, or leaves pictures of unequal sizes to a batch.
    """
    outcomes = _try_transforms(config, mode)
    failures = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    if failures and len(failures) == len(outcomes):
        name, reason = failures[0]
        raise UserError(
            f"{mode}.dataset.transforms.{name} fails on a sound picture: {reason}; correct the config there."
        )
    whole = [outcome for outcome in outcomes if isinstance(outcome, list)]
    if config[mode]["dataset"].get("name") not in MULTI_SCALE_SETS and _is_batched(config[mode]["loader"]):
        _require_equal_shapes(mode, whole)


def measure_batch(config: dict, mode: str) -> int:
    """Bytes of a batch as a process of the loader hands it over; 0 where that cannot be told.

    Args:
        config, mode: which :func:`require_usable_transforms` accepts.
    """
    section = config[mode]
    sampler = section.get("sampler") or {}
    if section["dataset"].get("name") in MULTI_SCALE_SETS and sampler.get("scales"):
        sides = [math.prod(lines.shape) for lines in list_line_shapes(config, mode)]
        largest = max(sides) if sampler.get("fix_bs", True) else sides[0]
        return largest * np.dtype(np.float32).itemsize * sampler.get("first_bs", FIRST_BATCH)
    outcomes = _try_transforms(config, mode, as_in_loader=not section["loader"].get("collate_fn"))
    samples = [outcome for outcome in outcomes if isinstance(outcome, list)]
    sizes = [sum(np.asarray(field).nbytes for field in sample if not isinstance(field, str)) for sample in samples]
    return max(sizes, default=0) * section["loader"]["batch_size_per_card"]


def _try_transforms(config: dict, mode: str, as_in_loader: bool = False) -> list[Any]:
    """What :func:`_send` gives for each of SIZES; nothing where no transforms are tried.

    Args:
        as_in_loader: whether the transforms make what they make in a process of the loader.
    """
    dataset = config[mode]["dataset"]
    entries = dataset.get("transforms") or []
    names = [name for entry in entries for name in entry]
    label = _make_label(config, entries)
    if dataset.get("name") not in CHECKED_SETS or label is None or "DecodeImage" not in names:
        return []
    with keep_generators():
        ops = _build(config, mode, entries)
        seed_generators((SEED,), find_generators(ops))
        for op in list_compact(ops) if as_in_loader else ():
            op.is_compact = True
        if dataset["name"] in MULTI_SCALE_SETS:  # they resize after the transforms, and then keep the keys
            names, ops = names[:-1], ops[:-1]
        return [_send(ops, names, size, label, _given_beside(dataset)) for size in SIZES]


def _given_beside(dataset: dict) -> dict[str, Any]:
    """What a data set gives beside the picture and its label. The samples of an LMDB have no names."""
    return {} if dataset["name"] in LMDB_SETS else {"img_path": "sound.png"}


def _make_label(config: dict, entries: list[dict]) -> str | None:
    """A label that the encoder among the transforms takes; None if it is not known."""
    arguments = {list_originals(name)[0]: given or {} for entry in entries for name, given in entry.items()}
    settings = config["Global"]
    if "DetLabelEncode" in arguments:
        boxes = [[[20, 20], [90, 20], [90, 60], [20, 60]], [[20, 150], [110, 150], [110, 190], [20, 190]]]
        return json.dumps([{"transcription": "ab", "points": box} for box in boxes])
    if "ClsLabelEncode" in arguments:
        labels = {**arguments["ClsLabelEncode"], **settings}.get("label_list")
        return str(labels[0]) if isinstance(labels, list) and labels else None
    if not TEXT_ENCODERS.keys().isdisjoint(arguments):
        dictionary = settings.get("character_dict_path")
        characters = read_dictionary(dictionary, space=False)[1:] if dictionary else ["a"]
        # From the end: PaddleOCR takes a byte-order mark for a part of the first one.
        return next((character for character in reversed(characters) if len(character) == 1), None)
    return None


def _build(config: dict, mode: str, entries: list[dict]) -> list[Any]:
    from ppocr.data.imaug import create_operators

    ops = []
    for entry in entries:
        name = next(iter(entry))
        try:
            ops += create_operators([copy.deepcopy(entry)], copy.deepcopy(config["Global"]))
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"{mode}.dataset.transforms.{name} cannot be built: {summarise(error)}; correct its arguments."
            ) from error
    return ops


def _send(
    ops: list[Any], names: list[str], size: tuple[int, int], label: str, beside: dict
) -> list | tuple[str, str] | None:
    """What the transforms make of a sample; (transform, reason) for the one that fails; None if it needs others."""
    width, height = (2 * size[0], 8 * size[1]) if label.startswith("[{") else size
    pixels = np.random.default_rng(SEED).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = cv2.imencode(".png", pixels)[1].tobytes()
    data: Any = {**beside, "image": content, "label": label, "valid_ratio": 1.0}
    for position, (name, op) in enumerate(zip(names, ops)):
        if hasattr(op, "ext_data_num"):
            others = [_send_to(ops[:position], content, label, beside) for _ in range(op.ext_data_num)]
            data["ext_data"] = [other for other in others if other is not None]
        try:
            data = op(data)
        except NotInstalledError:
            raise
        except UserError as error:  # one of our transforms, whose sentence is for people
            return name, reason_of(error).removeprefix(f"{name}: ")
        except (Exception, SystemExit) as error:  # DetResizeForTest leaves the process when a picture has no size
            return name, summarise(error)
        if data is None:
            return name, "it leaves it out"
    return data if isinstance(data, list) else None


def _send_to(ops: list[Any], content: bytes, label: str, beside: dict) -> dict | None:
    """Another sample as Copy-Paste and RecConAug get it, transformed by ``ops``."""
    data: Any = {**beside, "image": content, "label": label, "ext_data": []}
    for op in ops:
        try:
            data = op(data)
        except (Exception, SystemExit):
            return None  # the same transform fails on the sample itself, which says so
        if data is None:
            return None
    return data


def _is_batched(loader: dict) -> bool:
    return loader.get("batch_size_per_card", 1) > 1 and not loader.get("collate_fn")


def _require_equal_shapes(mode: str, samples: list[list]) -> None:
    shapes = list(dict.fromkeys(np.shape(sample[0]) for sample in samples if sample))
    if len(shapes) > 1:
        raise UserError(
            f"{mode}.dataset.transforms leave pictures of several sizes, such as {shapes[0]} and {shapes[1]}, which do"
            f" not stack to a batch: add a transform that resizes or crops them, or set"
            f" {mode}.loader.batch_size_per_card=1."
        )
