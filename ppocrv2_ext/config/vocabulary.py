"""Does every word of a config mean something? Sections, component names and arguments, checked before anything runs.

PaddleOCR ignores what it does not know: with a misspelt argument it trains for a night on the default.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from ..data.reasons import CHOICES
from ..errors import UserError, did_you_mean, shorten
from .consistency import find_conflicts, find_doubts
from .expressions import find_expressions
from .names import MEMBER_OPTIONS, NETWORK_KEYS, NETWORK_OPTIONS, NETWORK_PARTS
from .stopping import read_early_stop
from .values import NETWORKS, find_unusable_numbers, find_wrong_settings, find_wrong_values, rules_of_component

REQUIRED_SECTIONS = {"Global", "Optimizer", "Architecture", "Loss", "PostProcess", "Metric", "Train", "Eval"}
SECTIONS = REQUIRED_SECTIONS | {"profiler_options"}
# What the scripts of PaddleOCR 2.8 to 3.7 read from Global; the last line is what this package adds.
GLOBAL_KEYS = {
    *CHOICES,
    *"""
    amp_custom_black_list amp_custom_white_list amp_dtype amp_level cal_metric_during_train
    calc_epoch_interval character_dict_path character_type checkpoints class_path d2s_train_image_shape debug
    distributed ema_decay ema_decay_type ema_filter_no_grad ema_gamma epoch_num eval_batch_epoch
    eval_batch_step export_with_pir find_unused_parameters infer_img infer_list infer_mode infer_visual_type
    load_static_weights log_ranks log_smooth_window max_text_length model_name pdx_model_name pretrained_model
    print_batch_step print_mem_info save_epoch_step save_inference_dir save_model_dir save_res_path
    save_visual scale_loss seed to_static uniform_output_enabled use_amp use_dynamic_loss_scaling use_ema
    use_gcu use_gpu use_iluvatar_gpu use_metax_gpu use_mlu use_npu use_space_char use_sync_bn use_visualdl
    use_wandb use_xpu
    allow_no_gradient early_stop max_minutes pretrained_min_matched rank_timeout
    check_images difficult_boxes max_image_pixels outside_images unicode_form
    """.split(),
}
PART_KINDS = {"Transform": "rectification", "Backbone": "backbone", "Neck": "neck", "Head": "head"}
SINGLE_NETWORK_KEYS = {*NETWORK_KEYS, *NETWORK_OPTIONS}
SEVERAL_NETWORKS_KEYS = {"name", "algorithm", "model_type", "Models"}
MEMBER_KEYS = {*NETWORK_KEYS, *MEMBER_OPTIONS}
OPTIMIZER_KEYS = {"name", "lr", "regularizer", "weight_decay", "clip_norm", "clip_norm_global"}
# Arguments that PaddleOCR's builders pass to components themselves; "did you mean" never proposes one.
BUILDER_ARGUMENTS = GLOBAL_KEYS | {"name", "in_channels", "out_channels", "step_each_epoch", "epochs"}
MULTI_HEAD_PARTS = ("CTCHead", "SARHead", "NRTRHead")
MULTI_LOSS_TERMS = ("CTCLoss", "SARLoss", "NRTRLoss")
DATA_KEYS = {"dataset", "loader", "sampler"}
DATASET_KEYS = {
    *("name", "data_dir", "label_file_list", "ratio_list"),
    *("transforms", "ext_op_transform_idx", "delimiter", "ds_width"),
}
CLONE_NEEDED = "needs a clone of PaddleOCR, named with --paddleocr DIR or PADDLEOCR_HOME"
REQUIRED_LOADER_KEYS = {"shuffle", "drop_last", "batch_size_per_card", "num_workers"}  # PaddleOCR has no defaults
LOADER_KEYS = REQUIRED_LOADER_KEYS | {"use_shared_memory", "collate_fn"}

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


class Catalog(Protocol):
    """The components that a PaddleOCR can build; :mod:`ppocrv2_ext.host.catalog` is one."""

    def names(self, kind: str) -> Collection[str]:
        """Names of the components of a kind, such as "backbone"."""

    def classes(self, kind: str, name: str) -> Collection[Any]:
        """The classes that a name may stand for."""

    def arguments(self, component: Any) -> Any:
        """What a class takes: ``names``, ``parameters``, and ``is_complete`` if it takes nothing else."""

    def reads_passed_on(self, component: Any, key: str) -> bool | None:
        """Whether something reads an argument to which a class passes it on; None if that cannot be told."""

    def refusal(self, kind: str, name: str, options: dict[str, Any]) -> str | None:
        """The sentence with which a component of this package refuses its arguments."""

    def is_complete(self) -> bool:
        """Whether this PaddleOCR is a clone, which has every part."""

    def names_in_clone(self, kind: str) -> Collection[str]:
        """Names that a clone has for a kind that the wheel lacks."""

    def arguments_in_clone(self, kind: str, name: str) -> Collection[str]:
        """Arguments that a component takes in a clone."""


class Problem(NamedTuple):
    """A sentence about a word of the config."""

    sentence: str
    fatal: bool = True  # False for a leftover that may do no harm
    late: bool = False  # it may follow from another problem, and is told if there is none
    of_stand_in: bool = False  # about an argument of a stand-in of the wheel, which a clone may take
    lacking: bool = False  # the sentence is what the wheel lacks and a clone of PaddleOCR has, such as "a head 'X'"


def check_settings(config: dict) -> None:
    """Refuse what no PaddleOCR would take. It needs none, so a mistake in a setting is told before Paddle starts.

    Raises:
        UserError: a sentence for each wrong section, setting or value, one a line.
    """
    malformed = list(_malformed(config))
    problems = [*_sections(config), *malformed, *([] if malformed else _wrong_settings(config))]
    fatal = [problem.sentence for problem in problems if problem.fatal]
    if fatal:
        raise UserError("\n".join(dict.fromkeys(fatal)))


def check(config: dict, catalog: Catalog) -> list[str]:
    """Find the words of ``config`` that nothing would read.

    Args:
        config: a config as :func:`~ppocrv2_ext.config.read` returns it.
        catalog: the components of the PaddleOCR in use.
    Returns:
        A sentence for each word that has no effect and looks like a leftover; PaddleOCR's own configs have some.
    Raises:
        UserError: a sentence for each word that is unknown or looks like a slip, one a line.
    """
    problems = list(_find_problems(config, catalog))
    if any(problem.fatal and not problem.late for problem in problems):
        problems = [problem for problem in problems if not problem.late]
    if not any(problem.fatal for problem in problems):  # parts are compared if each of them is sound
        problems += [
            *map(Problem, find_conflicts(config)),
            *(Problem(each, fatal=False) for each in find_doubts(config)),
        ]
    lacking = dict.fromkeys(problem.sentence for problem in problems if problem.lacking)
    problems = [problem for problem in problems if not problem.lacking and not (lacking and problem.of_stand_in)]
    fatal = [problem.sentence for problem in problems if problem.fatal]
    if lacking:
        fatal.insert(0, f"this config {CLONE_NEEDED}: the wheel has no {', no '.join(lacking)}.")
    if fatal:
        raise UserError("\n".join(dict.fromkeys(fatal)))
    return [problem.sentence for problem in problems]


def _find_problems(config: dict, catalog: Catalog) -> Iterator[Problem]:
    malformed = list(_malformed(config))
    yield from _sections(config)
    yield from malformed
    if malformed:
        return  # the checks below would fail on it
    yield from _wrong_settings(config)
    yield from map(Problem, find_unusable_numbers(config["Architecture"]))
    yield from _architecture(config["Architecture"], catalog)
    yield from _losses(config["Loss"], catalog)
    settings = config["Global"]
    yield from _component("PostProcess", "post-process", config["PostProcess"], catalog, settings=settings)
    yield from _component("Metric", "metric", config["Metric"], catalog)
    if "base_metric_name" in config["Metric"]:
        base = {"name": config["Metric"]["base_metric_name"]}
        yield from _component("Metric.base_metric_name", "metric", base, catalog)
    yield from _optimizer(config["Optimizer"], catalog)
    for mode in ("Train", "Eval"):
        yield from _data(mode, config[mode], settings, catalog)


def _malformed(config: dict) -> Iterator[Problem]:
    """Sections that are missing, and places that hold no mapping or no list where PaddleOCR reads one."""
    missing = sorted(section for section in REQUIRED_SECTIONS if not config.get(section))
    if missing:
        yield Problem(f"the config lacks the section {missing[0]}, or it is empty.")
        return
    yield from _wrong_shapes("", config, CONFIG_SHAPE)
    yield from _wrong_entries(config)


def _wrong_settings(config: dict) -> Iterator[Problem]:
    """Keys and values that are wrong in every PaddleOCR."""
    yield from _near_misses("Global", config["Global"], GLOBAL_KEYS)
    for key, (_, effects) in CHOICES.items():
        yield from _wrong_choice("Global", config["Global"], key, effects)
    yield from map(Problem, find_expressions(config))
    yield from map(Problem, find_wrong_settings(config))
    try:
        read_early_stop(config["Global"])
    except UserError as error:
        yield Problem(str(error))


def _sections(config: dict) -> Iterator[Problem]:
    """PaddleOCR ignores the sections that it does not know; one that looks misspelt is an error."""
    for key in config:
        close = difflib.get_close_matches(key, SECTIONS, n=1, cutoff=0.6)
        if key not in SECTIONS and close:
            yield Problem(f"the config has no section {key!r}; did you mean {close[0]!r}?")
        elif key not in SECTIONS:
            yield Problem(f"PaddleOCR does not read the section {key!r}; it has no effect.", fatal=False)


def _wrong_entries(config: dict) -> Iterator[Problem]:
    """An entry of a list of components is one name with its arguments."""
    places = [("Loss", "loss_config_list"), ("Train", "dataset", "transforms"), ("Eval", "dataset", "transforms")]
    for keys in places:
        entries: Any = config
        for key in keys:
            entries = entries.get(key) if isinstance(entries, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and len(entry) != 1:
                yield Problem(f"{'.'.join(keys)}.{index} must be one `name: {{key: value}}`, got {shorten(entry)}.")


def _wrong_shapes(where: str, value: Any, shape: Any) -> Iterator[Problem]:
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
            yield from _wrong_shapes(f"{where}.{key}".lstrip("."), item, expected)


def _architecture(architecture: dict, catalog: Catalog) -> Iterator[Problem]:
    if architecture.get("name") is not None:
        yield from _component("Architecture", "architecture", {"name": architecture["name"]}, catalog)
    sections = [("Architecture", architecture, SINGLE_NETWORK_KEYS)]
    if "Models" in architecture:
        members = architecture["Models"].items()
        sections = [
            ("Architecture", architecture, SEVERAL_NETWORKS_KEYS),
            *((f"Architecture.Models.{name}", member, MEMBER_KEYS) for name, member in members),
        ]
    for where, section, known in sections:
        yield from _unknown_keys(where, section, known)
        yield from map(Problem, find_wrong_values(where, section, NETWORKS))
        for part, kind in PART_KINDS.items():
            yield from _component(f"{where}.{part}", kind, section.get(part), catalog)
        yield from _heads_of_multi_head(f"{where}.Head", section.get("Head") or {})


def _heads_of_multi_head(where: str, head: dict) -> Iterator[Problem]:
    if head.get("name") != "MultiHead":
        return
    parts = head.get("head_list")
    if not isinstance(parts, list) or len(parts) < 2 or not all(isinstance(p, dict) and len(p) == 1 for p in parts):
        yield Problem(f"{where}.head_list must be a list of two heads or more, got {shorten(parts)}.")
        return
    for name in (name for part in parts for name in part):
        if name not in MULTI_HEAD_PARTS:
            yield Problem(
                f"{where}.head_list: a MultiHead has no {shorten(name)}{did_you_mean(name, MULTI_HEAD_PARTS)}"
            )


def _losses(loss: dict, catalog: Catalog) -> Iterator[Problem]:
    name = loss.get("name")
    yield from _component("Loss", "loss", loss, catalog)
    if name not in ("CombinedLoss", "MultiLoss"):
        return
    for index, entry in enumerate(loss.get("loss_config_list") or ()):
        for term, arguments in entry.items():
            where = f"Loss.loss_config_list.{index}"
            if name == "MultiLoss":
                if term not in MULTI_LOSS_TERMS:
                    yield Problem(f"{where}: a MultiLoss has no term {term!r}{did_you_mean(term, MULTI_LOSS_TERMS)}")
                continue
            options = {key: value for key, value in (arguments or {}).items() if key != "weight"}
            yield from _component(where, "term of a loss", {**options, "name": term}, catalog)


def _optimizer(optimizer: dict, catalog: Catalog) -> Iterator[Problem]:
    arguments = {key: value for key, value in optimizer.items() if key not in OPTIMIZER_KEYS - {"name"}}
    yield from _component("Optimizer", "optimizer", arguments, catalog, also=OPTIMIZER_KEYS)
    yield from _component("Optimizer.lr", "schedule", {"name": "Const", **(optimizer.get("lr") or {})}, catalog)
    regularizer = dict(optimizer.get("regularizer") or {})
    if regularizer:
        # PaddleOCR takes L2 for L2Decay.
        if str(regularizer.get("name")) not in catalog.names("regularizer"):
            regularizer["name"] = f"{regularizer.get('name')}Decay"
        yield from _component("Optimizer.regularizer", "regularizer", regularizer, catalog)


def _data(mode: str, section: dict, settings: dict, catalog: Catalog) -> Iterator[Problem]:
    if not section.get("dataset") or not section.get("loader"):
        yield Problem(f"{mode} must hold a dataset and a loader.")
        return
    yield from _unknown_keys(mode, section, DATA_KEYS)
    yield from _near_misses(f"{mode}.dataset", section["dataset"], DATASET_KEYS)
    yield from _near_misses(f"{mode}.loader", section["loader"], LOADER_KEYS)
    dataset = {"name": section["dataset"].get("name")}
    yield from _component(f"{mode}.dataset", "data set", dataset, catalog)
    if section.get("sampler"):
        yield from _component(f"{mode}.sampler", "sampler", section["sampler"], catalog)
    if section["loader"].get("collate_fn"):
        collate = {"name": section["loader"]["collate_fn"]}
        yield from _component(f"{mode}.loader.collate_fn", "collate function", collate, catalog)
    transforms = section["dataset"].get("transforms")
    if transforms is not None and not any("KeepKeys" in entry for entry in transforms):
        yield Problem(f"{mode}.dataset.transforms must end in KeepKeys, which makes the batch.")
    for key in sorted(REQUIRED_LOADER_KEYS - set(section["loader"])):
        yield Problem(f"{mode}.loader lacks {key!r}.")
    for entry in transforms or ():
        for name, arguments in entry.items():
            where = f"{mode}.dataset.transforms.{name}"
            yield from _component(where, "transform", {**(arguments or {}), "name": name}, catalog, settings=settings)


def _component(
    where: str,
    kind: str,
    component: dict | None,
    catalog: Catalog,
    also: Collection[str] = frozenset(),
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Problem]:
    """A component must exist and must take the arguments that its section gives it.

    Args:
        also: keys of the section that are read by something else than the component.
        settings: the section Global, if PaddleOCR gives it to the component too. Its keys win.
    """
    name = (component or {}).get("name")
    if not component or name == "None":
        return
    if name is None:
        yield Problem(f"{where} must say which {kind} by `name`.")
        return
    if not isinstance(name, str) or name not in catalog.names(kind):
        if isinstance(name, str) and name in catalog.names_in_clone(kind):
            yield Problem(f"{kind} {name!r}", lacking=True)
        else:
            yield Problem(f"{where}: there is no {kind} {shorten(name)}{did_you_mean(name, catalog.names(kind))}")
        return
    try:
        candidates = catalog.classes(kind, name)
        signatures = [catalog.arguments(candidate) for candidate in candidates]
    except (ImportError, OSError, RuntimeError):
        return  # an optional part of PaddleOCR that cannot be imported here says so itself when it is built
    if not candidates:
        return  # PaddleOCR imports it under another name than that of its definition
    known = {"name", *also}.union(*(signature.names for signature in signatures))
    closed = all(signature.is_complete for signature in signatures)
    unknown = set(component) - known
    for key in sorted(unknown):
        if not catalog.is_complete() and key in catalog.arguments_in_clone(kind, name):
            yield Problem(f"argument {key!r} of {kind} {name!r}", lacking=True)
            continue
        reads = [catalog.reads_passed_on(candidate, key) for candidate in candidates]
        if True in reads:
            continue
        close = difflib.get_close_matches(key, known - BUILDER_ARGUMENTS, n=1, cutoff=0.75)
        if closed or (close and not _adds_a_word(key, close[0])):
            hint = did_you_mean(key, known - BUILDER_ARGUMENTS)
            of_stand_in = not catalog.is_complete() and name in catalog.names_in_clone(kind)
            yield Problem(f"{where}: {kind} {name!r} takes no {key!r}{hint}", of_stand_in=of_stand_in)
        elif None not in reads:
            yield Problem(f"{where}: {kind} {name!r} does not read {key!r}; it has no effect.", fatal=False)
    wrong = list(_wrong_values(where, kind, component, signatures))
    yield from wrong
    if not wrong and not unknown:
        options = {**component, **settings}
        sentence = catalog.refusal(kind, name, {key: value for key, value in options.items() if key != "name"})
        if sentence:
            yield Problem(f"{where}: {sentence}", late=True)


def _adds_a_word(key: str, known: str) -> bool:
    """Whether ``key`` is ``known`` with more words, as det_box_type is box_type: another argument, and no slip."""
    return set(known.split("_")) < set(key.split("_"))


def _wrong_values(where: str, kind: str, component: dict, signatures: Collection[Any]) -> Iterator[Problem]:
    """Values of another type, or out of the range. Of several classes of one name, one has to take the value."""
    rules = [rules_of_component(kind, signature.names, signature.parameters) for signature in signatures]
    for key, value in component.items():
        own = [rule[key] for rule in rules if key in rule]
        if key != "name" and own and not any(rule.accepts(value) for rule in own):
            yield Problem(f"`{where}.{key}` must be {own[0].words}, got {shorten(value)}.")


def _wrong_choice(where: str, section: dict, key: str, values: Collection[str]) -> Iterator[Problem]:
    if key in section and section[key] not in list(values):
        yield Problem(f"{where}.{key} is {shorten(section[key])}{did_you_mean(section[key], values)}")


def _unknown_keys(where: str, section: dict, known: Collection[str]) -> Iterator[Problem]:
    for key in section:
        if key not in known:
            yield Problem(f"{where} has no {key!r}{did_you_mean(key, known)}")


def _near_misses(where: str, section: dict, known: Collection[str]) -> Iterator[Problem]:
    """Keys that look like a misspelt one. Other unknown keys pass: a component may read a key of its own there."""
    for key in section:
        close = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
        if key not in known and close:
            yield Problem(f"{where} has no {key!r}; did you mean {close[0]!r}?")
