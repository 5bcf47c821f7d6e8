"""Does every word of a config mean something? Sections, component names and arguments, checked before anything runs.

PaddleOCR drops what it does not know: a misspelt argument trains for a night with the default.
"""

import difflib
from typing import NamedTuple

from ..data.reasons import UNKNOWN_CHARACTERS
from ..errors import UserError, did_you_mean
from .consistency import conflicts
from .names import MEMBER_OPTIONS, NETWORK_KEYS, NETWORK_OPTIONS, NETWORK_PARTS

SECTIONS = {"Global", "Optimizer", "Architecture", "Loss", "PostProcess", "Metric", "Train", "Eval", "profiler_options"}
REQUIRED = SECTIONS - {"profiler_options"}
# What the scripts of PaddleOCR 2.8 to 3.7 read from Global, and what this package adds (last line).
GLOBAL = set(
    """
    amp_custom_black_list amp_custom_white_list amp_dtype amp_level cal_metric_during_train
    calc_epoch_interval character_dict_path character_type checkpoints class_path d2s_train_image_shape debug
    distributed ema_decay ema_decay_type ema_filter_no_grad ema_gamma epoch_num eval_batch_epoch
    eval_batch_step export_with_pir find_unused_parameters infer_img infer_list infer_mode infer_visual_type
    load_static_weights log_ranks log_smooth_window max_text_length model_name pdx_model_name pretrained_model
    print_batch_step print_mem_info save_epoch_step save_inference_dir save_model_dir save_res_path
    save_visual scale_loss seed to_static uniform_output_enabled use_amp use_dynamic_loss_scaling use_ema
    use_gcu use_gpu use_iluvatar_gpu use_metax_gpu use_mlu use_npu use_space_char use_sync_bn use_visualdl
    use_wandb use_xpu pretrained_min_matched unknown_characters
    """.split()
)
NETWORK = {*NETWORK_KEYS, *NETWORK_OPTIONS}
MEMBER = {*NETWORK_KEYS, *MEMBER_OPTIONS}
OPTIMIZER = {"name", "lr", "regularizer", "weight_decay", "clip_norm", "clip_norm_global"}
SUPPLIED = GLOBAL | {"name", "in_channels", "out_channels", "step_each_epoch", "epochs"}  # by PaddleOCR's builders
DATA = {"dataset", "loader", "sampler"}
DATASET = {"name", "data_dir", "label_file_list", "ratio_list", "transforms", "ext_op_transform_idx", "delimiter"} | {
    "ds_width",
}
LOADER = {"shuffle", "drop_last", "batch_size_per_card", "num_workers", "use_shared_memory", "collate_fn"}
LOADED = LOADER - {"use_shared_memory", "collate_fn"}  # what PaddleOCR reads of a loader without a default
# What is a mapping and what a list: {key: what it holds}, where "*" is any other key, and [what each entry is].
NAMED = [{"*": {}}]  # of components: [{name: arguments}]
PARTS = {part: {} for part in NETWORK_PARTS}
SET = {"dataset": {"transforms": NAMED}, "loader": {}, "sampler": {}}
SHAPE = {
    "Global": {},
    "Optimizer": {"lr": {}, "regularizer": {}},
    "Architecture": {**PARTS, "Models": {"*": PARTS}},
    "Loss": {"loss_config_list": NAMED},
    "PostProcess": {},
    "Metric": {},
    "Train": SET,
    "Eval": SET,
}


class Problem(NamedTuple):
    """A sentence about a word of the config; ``fatal`` unless it may be a leftover that does no harm."""

    sentence: str
    fatal: bool = True


def check(config, catalog):
    """Find the words of ``config`` that nothing would read.

    Args:
        config: a config as read.
        catalog: ``names(kind)``, ``classes(kind, name)`` and ``arguments(class)`` of the PaddleOCR in use
            (:mod:`ppocrv2_ext.host.catalog`).
    Returns:
        Sentences about words without effect that look like leftovers; PaddleOCR's own configs have some.
    Raises:
        UserError: a sentence for every word that is unknown or looks like a slip.
    """
    problems = list(_problems(config, catalog))
    fatal = [problem.sentence for problem in problems if problem.fatal]
    if fatal:
        raise UserError("\n".join(fatal))
    return [problem.sentence for problem in problems]


def _problems(config, catalog):
    yield from _unknown("the config", config, SECTIONS)
    missing = sorted(section for section in REQUIRED if not config.get(section))
    if missing:
        yield Problem(f"the config lacks the section {missing[0]}, or it is empty.")
        return
    misshapen = list(_misshapen("", config, SHAPE))
    if misshapen:
        yield from misshapen
        return  # what lies below cannot be looked at
    yield from _near_misses("Global", config["Global"], GLOBAL)
    yield from _choice("Global", config["Global"], "unknown_characters", UNKNOWN_CHARACTERS)
    yield from _choice("Architecture", config["Architecture"], "name", catalog.names("architecture"))
    for where, network, known in _networks(config["Architecture"]):
        yield from _unknown(where, network, known)
        for part in ("Backbone", "Neck", "Head"):
            yield from _component(f"{where}.{part}", part.lower(), network.get(part), catalog)
    yield from _losses(config["Loss"], catalog)
    yield from _component("PostProcess", "post-process", config["PostProcess"], catalog)
    yield from _component("Metric", "metric", config["Metric"], catalog)
    yield from _optimizer(config["Optimizer"], catalog)
    for mode in ("Train", "Eval"):
        yield from _data(mode, config[mode], catalog)
    yield from map(Problem, conflicts(config))


def _misshapen(where, value, shape):
    """Places below ``where`` that hold no mapping, or no list, where ``shape`` has one."""
    if not isinstance(value, type(shape)):
        kind = "a mapping of `key: value`" if isinstance(shape, dict) else "a list of `- name: {key: value}`"
        yield Problem(f"{where} must be {kind}, got {value!r}.")
        return
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in below:
        expected = shape.get(key, shape.get("*")) if isinstance(shape, dict) else shape[0]
        # A component may come without arguments, as `- ToCHWImage:` does.
        if expected or (held is not None and expected is not None):
            yield from _misshapen(f"{where}.{key}".lstrip("."), held, expected)


def _networks(architecture):
    if "Models" not in architecture:
        return [("Architecture", architecture, NETWORK)]
    members = [(f"Architecture.Models.{name}", member, MEMBER) for name, member in architecture["Models"].items()]
    return [("Architecture", architecture, {"name", "algorithm", "model_type", "Models"}), *members]


def _losses(loss, catalog):
    if loss.get("name") != "CombinedLoss":
        yield from _component("Loss", "loss", loss, catalog)
        return
    for index, entry in enumerate(loss.get("loss_config_list") or ()):
        for name, arguments in entry.items():
            term = {key: value for key, value in (arguments or {}).items() if key != "weight"}
            yield from _component(f"Loss.loss_config_list.{index}", "loss", {**term, "name": name}, catalog)


def _optimizer(optimizer, catalog):
    named = {key: value for key, value in optimizer.items() if key not in OPTIMIZER - {"name"}}
    yield from _component("Optimizer", "optimizer", named, catalog, also=OPTIMIZER)
    yield from _component("Optimizer.lr", "schedule", {"name": "Const", **(optimizer.get("lr") or {})}, catalog)
    regularizer = dict(optimizer.get("regularizer") or {})
    if regularizer:
        # PaddleOCR takes L2 for L2Decay.
        if regularizer.get("name") not in catalog.names("regularizer"):
            regularizer["name"] = f"{regularizer.get('name')}Decay"
        yield from _component("Optimizer.regularizer", "regularizer", regularizer, catalog)


def _data(mode, section, catalog):
    if not section.get("dataset") or not section.get("loader"):
        yield Problem(f"{mode} must hold a dataset and a loader.")
        return
    yield from _unknown(mode, section, DATA)
    yield from _near_misses(f"{mode}.dataset", section["dataset"], DATASET)
    yield from _near_misses(f"{mode}.loader", section["loader"], LOADER)
    transforms = section["dataset"].get("transforms")
    if transforms is not None and not any("KeepKeys" in entry for entry in transforms):
        yield Problem(f"{mode}.dataset.transforms must end in KeepKeys, which makes the batch.")
    for key in sorted(LOADED - set(section["loader"])):
        yield Problem(f"{mode}.loader lacks {key!r}.")
    for entry in transforms or ():
        for name, arguments in entry.items():
            where = f"{mode}.dataset.transforms.{name}"
            yield from _component(where, "transform", {**(arguments or {}), "name": name}, catalog)


def _component(where, kind, component, catalog, also=frozenset()):
    name = (component or {}).get("name")
    if not component or name == "None":
        return
    if name is None:
        yield Problem(f"{where} must say which {kind} by `name`.")
        return
    if name not in catalog.names(kind):
        yield Problem(f"{where}: there is no {kind} {name!r}{did_you_mean(name, catalog.names(kind))}")
        return
    try:
        found = [catalog.arguments(component) for component in catalog.classes(kind, name)]
    except (ImportError, OSError, RuntimeError):
        return  # an optional part of PaddleOCR that cannot be imported here says so itself when it is built
    known = also.union({"name"}, *(arguments.names for arguments in found))
    closed = all(arguments.closed for arguments in found)
    for key in set(component) - known:
        near = difflib.get_close_matches(key, known - SUPPLIED, n=1, cutoff=0.75)
        if closed or near:
            yield Problem(f"{where}: {kind} {name!r} takes no {key!r}{did_you_mean(key, known - SUPPLIED)}")
        else:
            yield Problem(f"{where}: {kind} {name!r} does not read {key!r}; it has no effect.", fatal=False)


def _choice(where, section, key, values):
    if key in section and section[key] not in list(values):
        yield Problem(f"{where}.{key} is {section[key]!r}{did_you_mean(section[key], values)}")


def _unknown(where, section, known):
    for key in section:
        if key not in known:
            yield Problem(f"{where} has no {key!r}{did_you_mean(key, known)}")


def _near_misses(where, section, known):
    """Sections in which a component may look for a key of its own: only what looks like a slip is an error."""
    for key in section:
        close = difflib.get_close_matches(key, known, n=1, cutoff=0.8)
        if key not in known and close:
            yield Problem(f"{where} has no {key!r}; did you mean {close[0]!r}?")
