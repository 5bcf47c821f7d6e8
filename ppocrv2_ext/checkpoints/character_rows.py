"""Recognizers that change their dictionary: the rows of shared characters move along, new ones start anew.

C is the number of classes, blank included. A class is its index in a list of characters with "blank" first.
"""

import re
from pathlib import Path

import numpy as np
import yaml

from .arrays import as_array
from .paths import without_suffix

HEAD = re.compile(r"(.*?\.|)head\.")  # group 1: the network's name in a distillation model, such as `Student.`


def find_dictionary(checkpoint_path):
    """Path of the dictionary a checkpoint was trained with, or None.

    ``<prefix>.dict.txt`` beside it, else the ``character_dict_path`` of a ``config.yml`` beside it, as PaddleOCR's
    trainer leaves one; a relative path counts from the working directory or from that file's folder.
    """
    prefix = Path(without_suffix(checkpoint_path))
    beside = prefix.with_name(prefix.name + ".dict.txt")
    if beside.is_file():
        return beside
    try:
        config = yaml.safe_load((prefix.parent / "config.yml").read_text(encoding="utf-8"))
        named = config["Global"]["character_dict_path"]
        candidates = [Path(named), prefix.parent / named]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):  # no such file, or none that names a dictionary
        return None
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def class_axes(params, state_dict, old_size, new_size):
    """{parameter name: the axis that counts classes}, for parameters that are in both file and model.

    Of other sizes: the one axis that goes from ``old_size`` to ``new_size``. Of the same size C, where shapes tell
    little: in each network's head the last layer with weight (D, C) and bias (C,), and buffers with C rows (centers).
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


def _last_axes(shapes, size):
    """:func:`class_axes` of one size, from {parameter name: shape} in network order."""
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


def remap_rows(params, state_dict, old_characters, new_characters):
    """Reorder the class rows of a checkpoint from one dictionary to another.

    Args:
        params: {name: ndarray or Tensor}, the file's; not changed.
        state_dict: {name: ndarray or Tensor}, the model's: gives the rows of characters that only it has.
        old_characters, new_characters: lists of characters, blank first, as :func:`read_dictionary` returns.
    Returns:
        (params with the rows of the new dictionary, number of the model's classes whose rows were copied, blank
        included; 0 if no parameter counts classes). Of a character listed twice, the last row is the trained one.
    """
    old_rows = {character: row for row, character in enumerate(old_characters) if row > 0}
    pairs = [(0, 0)] + [(row, old_rows[c]) for row, c in enumerate(new_characters) if row > 0 and c in old_rows]
    to, source = (list(rows) for rows in zip(*pairs))
    remapped = dict(params)
    axes = class_axes(params, state_dict, len(old_characters), len(new_characters))
    for name, axis in axes.items():
        old, new = (np.moveaxis(as_array(values[name]), axis, 0) for values in (params, state_dict))
        rows = np.array(new)
        rows[to] = old[source].astype(rows.dtype)
        remapped[name] = np.ascontiguousarray(np.moveaxis(rows, 0, axis))
    return remapped, len(pairs) if axes else 0
