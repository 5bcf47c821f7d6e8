"""Does every word of a config mean something? Sections, component names and arguments, checked before anything runs.

PaddleOCR ignores what it does not know: with a misspelt argument it trains for a night on the default.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..data.reasons import CHOICES
from ..data.transforms import list_transforms
from ..errors import UserError, did_you_mean, shorten
from .components import (
    LACKING,
    LEFTOVER,
    OF_STAND_IN,
    OPTIMIZER_KEYS,
    REFUSED,
    WRONG,
    Catalog,
    Problem,
    check_component,
    list_components,
    list_sections,
)
from .consistency import find_conflicts, find_doubts
from .expressions import find_expressions
from .misplaced_keys import find_place, suggest_key
from .names import (
    CTC_HEADS,
    CTC_TERMS,
    GLOBAL_KEYS,
    LOADER_KEYS,
    MEMBER_KEYS,
    NETWORK_PARTS,
    REQUIRED_LOADER_KEYS,
    SINGLE_NETWORK_KEYS,
    list_dataset_keys,
)
from .stopping import read_early_stop
from .unread import find_unread_keys
from .values import NETWORK_SETTINGS, find_unusable_numbers, find_wrong_settings, find_wrong_values

REQUIRED_SECTIONS = {"Global", "Optimizer", "Architecture", "Loss", "PostProcess", "Metric", "Train", "Eval"}
SECTIONS = REQUIRED_SECTIONS | {"profiler_options"}
SEVERAL_NETWORKS_KEYS = {"name", "algorithm", "model_type", "Models"}
MULTI_HEAD_PARTS = (*CTC_HEADS, "SARHead", "NRTRHead")
MULTI_LOSS_TERMS = (*CTC_TERMS, "SARLoss", "NRTRLoss")
DATA_KEYS = {"dataset", "loader", "sampler"}
CLONE_NEEDED = "needs a clone of PaddleOCR, named with --paddleocr DIR or PADDLEOCR_HOME"

# Where a config must hold a mapping and where a list. A mapping is {key: shape below it}, "*" stands for any other key;
# a list is [shape of each entry].
COMPONENT_LIST_SHAPE = [{"*": {}}]  # [{name: arguments}]
NETWORK_SHAPE = {part: {} for part in NETWORK_PARTS}
DATA_SHAPE = {"dataset": {"transforms": COMPONENT_LIST_SHAPE}, "loader": {}, "sampler": {}}
CONFIG_SHAPE = {
    "Global": {},
    "Optimizer": {"lr": {}, "regularizer": {}},
    "Architecture": {**NETWORK_SHAPE, "Models": {"*": NETWORK_SHAPE}},
    "Loss": {"loss_config_list": COMPONENT_LIST_SHAPE},
    "PostProcess": {},
    "Metric": {},
    "Train": DATA_SHAPE,
    "Eval": DATA_SHAPE,
}


def check_settings(config: dict) -> list[str]:
    """Find what is wrong in every PaddleOCR. It needs none, so a mistake in a setting is told before Paddle starts.

    Args:
        config: a config as :func:`~ppocrv2_ext.config.read` returns it.
    Returns:
        A sentence for each section that has no effect and looks like a leftover.
    Raises:
        UserError: a sentence for each wrong section, setting or value, one a line.
    """
    problems = [*_check_sections(config), *_check_shapes(config)]
    if not any(problem.kind == WRONG for problem in problems):  # what follows would fail on a wrong shape
        problems += [*_check_keys(config), *_check_values(config)]
    return _raise_fatal(problems)


def check(config: dict, catalog: Catalog, root: Path | None = None, unbuilt: Collection[str] = ()) -> list[str]:
    """Find the words of ``config`` that nothing would read, and the parts that do not fit together.

    Args:
        config: a config as :func:`~ppocrv2_ext.config.read` returns it.
        catalog: the components of the PaddleOCR in use.
        root: its folder. What its scripts name is not called unread there, for a clone may have been changed.
        unbuilt: sections whose components nothing builds. This PaddleOCR may lack these.
    Returns:
        A sentence for each word that has no effect and looks like a leftover; PaddleOCR's own configs have some.
    Raises:
        UserError: a sentence for each word that is unknown or looks like a slip, one a line.
    """
    leftovers = check_settings(config)
    unread = list(find_unread_keys(config, catalog, root))
    problems = [
        problem
        for component in list_components(config)
        for problem in check_component(component, config["Global"], catalog)
        if component.where.partition(".")[0] not in unbuilt or problem.kind not in (LACKING, OF_STAND_IN)
    ]
    problems += map(Problem, find_unusable_numbers(config["Architecture"]))
    kinds = {problem.kind for problem in problems} - {LEFTOVER}
    if kinds - {REFUSED}:
        problems = [problem for problem in problems if problem.kind != REFUSED]
    if not kinds:  # parts are compared if each of them is sound
        problems += [*map(Problem, find_conflicts(config)), *(Problem(each, LEFTOVER) for each in find_doubts(config))]
    lacking = dict.fromkeys(problem.sentence for problem in problems if problem.kind == LACKING)
    if lacking:
        clone_needed = f"this config {CLONE_NEEDED}: the wheel has no {', no '.join(lacking)}."
        if catalog.is_complete():
            clone_needed = f"the clone of PaddleOCR in use has no {', no '.join(lacking)}; update it."
        problems = [Problem(clone_needed), *(each for each in problems if each.kind not in (LACKING, OF_STAND_IN))]
    return [*leftovers, *unread, *_raise_fatal(problems)]


def _raise_fatal(problems: Sequence[Problem]) -> list[str]:
    """Raise all problems that are no leftovers.

    Returns:
        The sentences about leftovers, if there are no other problems.
    Raises:
        UserError: the sentences about the other problems, one a line.
    """
    fatal = dict.fromkeys(problem.sentence for problem in problems if problem.kind != LEFTOVER)
    if fatal:
        raise UserError("\n".join(fatal))
    return [problem.sentence for problem in problems]


def _check_sections(config: dict) -> Iterator[Problem]:
    """PaddleOCR ignores the sections that it does not know; one that looks misspelt or misplaced is an error."""
    for key in config:
        close = difflib.get_close_matches(key, SECTIONS, n=1, cutoff=0.6)
        if key not in SECTIONS and close:
            yield Problem(f"the config has no section {key!r}; did you mean {close[0]!r}?")
        elif key not in SECTIONS and (place := find_place(key, "", config)):
            yield Problem(f"the config has no section {key!r}; its place is {place}.")
        elif key not in SECTIONS:
            yield Problem(f"PaddleOCR does not read the section {key!r}; it has no effect.", LEFTOVER)


def _check_shapes(config: dict) -> Iterator[Problem]:
    """Sections that are missing, and places that hold no mapping or no list where PaddleOCR reads one."""
    missing = sorted(section for section in REQUIRED_SECTIONS if not config.get(section))
    if missing:
        yield Problem(f"the config lacks the section {missing[0]}, or it is empty.")
        return
    wrong = list(_compare_shapes("", config, CONFIG_SHAPE))
    yield from wrong
    if wrong:
        return
    places = {"Loss.loss_config_list": config["Loss"].get("loss_config_list")}
    for mode in ("Train", "Eval"):
        if not config[mode].get("dataset") or not config[mode].get("loader"):
            yield Problem(f"{mode} must hold a dataset and a loader.")
            continue
        places[f"{mode}.dataset.transforms"] = config[mode]["dataset"].get("transforms")
    for where, entries in places.items():
        for index, entry in enumerate(entries or ()):
            if len(entry) != 1:
                yield Problem(f"{where}.{index} must be one `name: {{key: value}}`, got {shorten(entry)}.")


def _compare_shapes(where: str, value: Any, shape: Any) -> Iterator[Problem]:
    """Places below ``where`` that hold no mapping, or no list, where ``shape`` has one."""
    if not isinstance(value, type(shape)):
        kind = "a mapping of `key: value`" if isinstance(shape, dict) else "a list of `- name: {key: value}`"
        yield Problem(f"{where or 'the config'} must be {kind}, got {shorten(value)}.")
        return
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in below:
        expected = shape.get(key, shape.get("*")) if isinstance(shape, dict) else shape[0]
        # A component may come without arguments, as `- ToCHWImage:` does.
        if expected or (item is not None and expected is not None):
            yield from _compare_shapes(f"{where}.{key}".lstrip("."), item, expected)


def _check_keys(config: dict) -> Iterator[Problem]:
    """Keys that no PaddleOCR reads, and keys that PaddleOCR needs."""
    yield from _find_wrong_keys("Global", config["Global"], GLOBAL_KEYS, config)
    for key in config["Optimizer"]:  # a key of its own is an argument of the component
        place = None if key in OPTIMIZER_KEYS else find_place(key, "Optimizer", config)
        if place:
            yield Problem(f"Optimizer has no {key!r}; its place is {place}.")
    yield from _check_network_keys(config)
    if config["Loss"].get("name") == "MultiLoss":
        terms = config["Loss"].get("loss_config_list") or ()
        yield from _check_branches("Loss.loss_config_list", "MultiLoss", terms, MULTI_LOSS_TERMS, CTC_TERMS, config)
    for mode in ("Train", "Eval"):
        yield from _check_data_keys(mode, config)


def _check_network_keys(config: dict) -> Iterator[Problem]:
    architecture, network_keys = config["Architecture"], SINGLE_NETWORK_KEYS
    if "Models" in architecture:
        yield from _find_unknown_keys("Architecture", architecture, SEVERAL_NETWORKS_KEYS, config)
        network_keys = MEMBER_KEYS
    for where, network in list_sections(architecture).items():
        yield from _find_unknown_keys(where, network, network_keys, config)
        yield from _check_multi_head(f"{where}.Head", network.get("Head") or {}, config)


def _check_data_keys(mode: str, config: dict) -> Iterator[Problem]:
    dataset, loader = config[mode]["dataset"], config[mode]["loader"]
    yield from _find_unknown_keys(mode, config[mode], DATA_KEYS, config)
    yield from _find_wrong_keys(f"{mode}.dataset", dataset, list_dataset_keys(dataset), config)
    yield from _find_wrong_keys(f"{mode}.loader", loader, LOADER_KEYS, config)
    for key in sorted(REQUIRED_LOADER_KEYS - set(loader)):
        yield Problem(f"{mode}.loader lacks {key!r}.")
    if "transforms" in dataset and "KeepKeys" not in dict(list_transforms(dataset)):
        yield Problem(f"{mode}.dataset.transforms must end in KeepKeys, which makes the batch.")


def _check_multi_head(where: str, head: dict, config: dict) -> Iterator[Problem]:
    if head.get("name") != "MultiHead":
        return
    parts = head.get("head_list")
    if not isinstance(parts, list) or len(parts) < 2 or not all(isinstance(p, dict) and len(p) == 1 for p in parts):
        yield Problem(f"{where}.head_list must be a list of two heads or more, got {shorten(parts)}.")
        return
    yield from _check_branches(f"{where}.head_list", "MultiHead", parts, MULTI_HEAD_PARTS, CTC_HEADS, config)
    for index, part in enumerate(parts):
        for name in part:
            if name in CTC_HEADS and not _is_ctc_branch(part[name]):
                rule = "must have a `Neck: {name: ...}` and a `Head: {...}`"
                yield Problem(f"{where}.head_list.{index}.{name} {rule}, got {shorten(part[name])}.")


def _check_branches(
    where: str, owner: str, branches: Sequence[dict], known: Sequence[str], for_ctc: Sequence[str], config: dict
) -> Iterator[Problem]:
    """Branches, or terms, that PaddleOCR does not know, and any number of them but one for CTC."""
    for index, branch in enumerate(branches):
        yield from _find_unknown_keys(f"{where}.{index}: a {owner}", branch, known, config)
    names = [name for branch in branches for name in branch]
    if set(names) <= set(known) and sum(name in for_ctc for name in names) != 1:
        yield Problem(f"{where}: a {owner} needs one {' or '.join(for_ctc)}, got {', '.join(names)}.")


def _is_ctc_branch(branch: Any) -> bool:
    """Whether a branch for CTC has its two parts. PaddleOCR fails on another with a KeyError or a TypeError."""
    neck, head = (branch.get(part) for part in ("Neck", "Head")) if isinstance(branch, dict) else (None, None)
    return isinstance(neck, dict) and "name" in neck and isinstance(head, dict)


def _find_unknown_keys(where: str, section: dict, known: Collection[str], config: dict) -> Iterator[Problem]:
    """Keys of a section in which every other key is an error."""
    for key in section:
        if key not in known:
            yield Problem(f"{where} has no {key!r}{suggest_key(key, where, known, config) or did_you_mean(key, known)}")


def _find_wrong_keys(where: str, section: dict, known: Collection[str], config: dict) -> Iterator[Problem]:
    """Keys that look misspelt or misplaced. Other unknown keys pass: a component may read a key of its own there."""
    for key in section:
        suggestion = suggest_key(key, where, known, config)
        if key not in known and suggestion:
            yield Problem(f"{where} has no {key!r}{suggestion}")


def _check_values(config: dict) -> Iterator[Problem]:
    """Values that no PaddleOCR takes, whatever the components are."""
    for key, (_, effects) in CHOICES.items():
        value = config["Global"].get(key, next(iter(effects)))
        if value not in list(effects):  # a list, since a value may have no hash
            yield Problem(f"Global.{key} is {shorten(value)}{did_you_mean(value, effects)}")
    yield from map(Problem, find_expressions(config))
    yield from map(Problem, find_wrong_settings(config))
    for where, network in {"Architecture": config["Architecture"], **list_sections(config["Architecture"])}.items():
        yield from map(Problem, find_wrong_values(where, network, NETWORK_SETTINGS))
    try:
        read_early_stop(config["Global"])
    except UserError as error:
        yield Problem(str(error))
