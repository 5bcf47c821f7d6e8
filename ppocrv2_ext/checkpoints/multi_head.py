"""The names of a recognizer with PaddleOCR's MultiHead, beside those of the same network with CTC alone.

PaddleOCR trains PP-OCRv3 to v6 with a MultiHead: CTC, and a second branch that runs in training only. The published
files, and our configs that start from them, hold CTC alone: the same tensors under other names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from .pdparams import Array

NAMES = {"neck.": "head.ctc_encoder.", "head.": "head.ctc_head."}  # {how names of CTC alone begin: those of MultiHead}
# Group 1: the network in a model of several, such as `Student.`
HEAD = re.compile(r"(.*?\.|)head\.(ctc_head\.)?")
TRAINING_BRANCH = re.compile(r"(.*?\.|)head\.(before_gtc|gtc_head|sar_head)(?=\.)")


def rename(params: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
    """The parameters of a file under the names of a model, for each network that has a MultiHead in one of the two.

    Args:
        params: {name in the file: value}.
        names: those of the model.
    """
    in_file, in_model = _find_heads(params), _find_heads(names)
    renamed = dict(params)
    for network in [each for each in in_file if in_model.get(each, in_file[each]) != in_file[each]]:
        changes = {network + alone: network + multi for alone, multi in NAMES.items()}
        if in_file[network]:
            changes = {multi: alone for alone, multi in changes.items()}
        renamed = {_replace_start(name, changes): value for name, value in renamed.items()}
    return renamed


def find_training_branches(names: Collection[str]) -> dict[str, str]:
    """{name: branch} of the tensors that only training uses. A branch is such as ``Student.head.gtc_head``."""
    matches = {name: TRAINING_BRANCH.match(name) for name in names}
    return {name: match[0] for name, match in matches.items() if match}


def _find_heads(names: Iterable[str]) -> dict[str, bool]:
    """{network: whether its head is a MultiHead}"""
    heads: dict[str, bool] = {}
    for match in filter(None, map(HEAD.match, names)):
        heads[match[1]] = heads.get(match[1], False) or match[2] is not None
    return heads


def _replace_start(name: str, changes: Mapping[str, str]) -> str:
    return next((new + name[len(old) :] for old, new in changes.items() if name.startswith(old)), name)
