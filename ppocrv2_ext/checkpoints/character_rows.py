"""Class rows of a recognizer whose dictionary changes: those of shared characters move, others are the model's own.

A class is a character's index in a list of characters, in which "blank" comes first. C is the number of classes,
blank included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data.dictionary import read_dictionary
from ..files import PathLike
from .paths import DICTIONARY_SUFFIX, find_dictionary
from .pdparams import Array, as_array

HEAD = re.compile(r"(.*?\.|)head\.")  # group 1: the network's name in a distillation model, such as `Student.`


class TrainedDictionary(NamedTuple):
    """The dictionary that a file of weights was trained with."""

    path: Path
    space: bool | None  # its training's `use_space_char`; None if no layer of the file shows it


def find_other_dictionary(
    params: Mapping[str, Any], file: PathLike, characters: Sequence[str]
) -> TrainedDictionary | None:
    """The dictionary of a file's training, if its classes are not the model's in their order.

    The texts of the characters are compared, since a dictionary may be copied, moved or edited in its place.

    Args:
        params: the file's {name: anything with a shape}.
        file: the checkpoint.
        characters: the model's dictionary, blank first, as ``read_dictionary`` returns it.
    Returns:
        None if the classes are the same, or if nothing says which dictionary the file was trained with.
    """
    path = find_dictionary(file)
    if path is None:
        return None
    known = {space: read_dictionary(path, space) for space in (True, False)}
    # The number of classes in the file says whether space is one of them.
    fitting = {space: old for space, old in known.items() if find_class_axes(params, params, len(old), len(old))}
    # Other heads than CTC's do not say it. A path in an old config may lead to another file by now.
    candidates = fitting or (known if path.name.endswith(DICTIONARY_SUFFIX) else {})
    if not candidates or list(characters) in candidates.values():
        return None
    return TrainedDictionary(path, next(iter(fitting), None))


def read_trained_characters(params: Mapping[str, Array], dictionary: Path) -> list[str]:
    """The characters that weights have classes for, blank first. A dictionary does not say whether space is one.

    Args:
        params: {name: value} of the recognizers in a file.
        dictionary: of their training.
    """
    with_space, without = (read_dictionary(dictionary, space) for space in (True, False))
    fits, fits_without = (
        bool(find_class_axes(params, params, len(characters), len(characters))) for characters in (with_space, without)
    )
    return without if fits_without and not fits else with_space


def find_class_axes(
    params: Mapping[str, Array], state_dict: Mapping[str, Array], old_size: int, new_size: int
) -> dict[str, int]:
    """{parameter name: the axis that counts classes}, for parameters that are in both file and model.

    Two dictionaries of different sizes show in the shapes: it is the one axis that goes from ``old_size`` to
    ``new_size``. Two of the same size C do not. Then it is taken from the structure of each network's head: its last
    layer with weight (D, C) and bias (C,), and its buffers with C rows, which are the centers.

    Args:
        params: the file's {name: value}.
        state_dict: the model's, likewise.
        old_size, new_size: C of the file and of the model.
    """
    shared = {name: (tuple(params[name].shape), tuple(state_dict[name].shape)) for name in state_dict if name in params}
    if old_size == new_size:
        return _last_axes({name: new for name, (old, new) in shared.items() if old == new}, new_size)
    axes = {}
    for name, (old, new) in shared.items():
        differ = [axis for axis, (a, b) in enumerate(zip(old, new)) if a != b]
        if len(old) == len(new) and len(differ) == 1 and (old[differ[0]], new[differ[0]]) == (old_size, new_size):
            axes[name] = differ[0]
    return axes


def _last_axes(shapes: Mapping[str, tuple], size: int) -> dict[str, int]:
    """:func:`find_class_axes` for dictionaries of one size, from {parameter name: shape} in network order."""
    axes, last = {}, {}
    for name, shape in shapes.items():
        network, leaf = HEAD.match(name), name.rpartition(".")[2]
        if network and leaf == "weight" and len(shape) == 2 and shape[1] == size:
            bias = name[: -len("weight")] + "bias"
            if shapes.get(bias) == (size,):
                last[network[1]] = {name: 1, bias: 0}  # a later layer of this network replaces an earlier one
        elif network and not leaf.startswith(("weight", "bias", "_")) and shape[:1] == (size,):
            axes[name] = 0
    for layer in last.values():
        axes.update(layer)
    return axes


def remap_rows(
    params: Mapping[str, Array],
    state_dict: Mapping[str, Array],
    old_characters: Sequence[str],
    new_characters: Sequence[str],
) -> tuple[dict[str, Array], int]:
    """Reorder the class rows of a checkpoint from one dictionary to another.

    Args:
        params: the file's {name: value}; not changed.
        state_dict: the model's, which gives the rows of characters that the file lacks.
        old_characters: the file's dictionary, blank first, as ``read_dictionary`` returns it.
        new_characters: the model's, likewise.
    Returns:
        (``params`` with the rows of the new dictionary, the number of the model's classes whose rows were copied). The
        blank counts. The number is 0 if no parameter counts classes. If a character is listed twice, its last row is
        copied: PaddleOCR trains no other.
    """
    old_rows = {character: row for row, character in enumerate(old_characters) if row > 0}
    pairs = [(0, 0)] + [(row, old_rows[c]) for row, c in enumerate(new_characters) if row > 0 and c in old_rows]
    to, source = (list(rows) for rows in zip(*pairs))
    remapped = dict(params)
    axes = find_class_axes(params, state_dict, len(old_characters), len(new_characters))
    for name, axis in axes.items():
        old, new = (np.moveaxis(as_array(values[name]), axis, 0) for values in (params, state_dict))
        rows = np.array(new)
        rows[to] = old[source].astype(rows.dtype)
        remapped[name] = np.ascontiguousarray(np.moveaxis(rows, 0, axis))
    return remapped, len(pairs) if axes else 0
