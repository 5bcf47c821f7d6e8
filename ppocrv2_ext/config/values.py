"""The type and the range of every value of a config. Where its rule comes from, first match first:

* :data:`SETTINGS`, written by hand: the values that PaddleOCR's loops read, by their whole key;
* :data:`ARGUMENTS`, written by hand: arguments that mean the same in every component that has them, by their name;
* :func:`rule_of_parameter`: the type hint of an argument, or the type of its default.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..arguments import is_number, is_whole
from ..errors import shorten
from .rules import (
    ANY_PATH,
    FLAG,
    LIST,
    MAPPING,
    NAMES,
    NUMBER,
    NUMBERS,
    OPTIONAL_PATH,
    PATH,
    PROBABILITY,
    TEXT,
    Rule,
    above,
    either,
    list_of,
    nothing_or,
    one_of,
    real,
    whole,
)

LONGEST_SIDE = 16_384  # pixels of a picture
MOST_CHANNELS = 4_096  # of a layer: an LSTM of that size has 500 MB
LARGEST_COUNT = 200_000  # of anything else in a network, such as classes
STEPS = whole(1, 10**9)
SIDE = whole(1, LONGEST_SIDE)
SHAPE = list_of(SIDE, 2, 4)
CHANNELS = whole(1, MOST_CHANNELS)


def _is_interval(value: Any) -> bool:
    """Whether a value says when to evaluate: [first step, every so many steps], or every so many steps."""
    start, interval = value if isinstance(value, list) and len(value) == 2 else (0, value)
    return is_whole(start) and start >= 0 and is_whole(interval) and interval >= 1


SETTINGS: dict[str, Rule] = {
    "Global.epoch_num": whole(1, 10**6),
    "Global.log_smooth_window": whole(1, 10**6),
    "Global.print_batch_step": STEPS,
    "Global.save_epoch_step": STEPS,
    "Global.eval_batch_step": Rule("[first step, every so many], such as [0, 500]", _is_interval),
    "Global.eval_batch_epoch": nothing_or(whole(1, 10**6)),
    "Global.calc_epoch_interval": whole(1, 10**6),
    "Global.seed": nothing_or(whole(0, 2**32 - 1)),
    "Global.max_text_length": nothing_or(whole(1, 10_000)),
    "Global.max_image_pixels": nothing_or(whole(1, 10**12)),
    "Global.max_minutes": nothing_or(above(0)),
    "Global.check_images": one_of("header", "decode"),
    "Global.rank_timeout": above(0, 10**7),
    "Global.allow_no_gradient": nothing_or(NAMES),
    "Global.pretrained_min_matched": PROBABILITY,
    "Global.scale_loss": above(0),
    "Global.amp_level": one_of("O0", "O1", "O2"),
    "Global.amp_dtype": one_of("float16", "bfloat16", "float32"),
    "Global.amp_custom_black_list": nothing_or(NAMES),
    "Global.amp_custom_white_list": nothing_or(NAMES),
    "Global.d2s_train_image_shape": nothing_or(list_of(whole(-1, LONGEST_SIDE), 2, 4)),
    **{
        f"Global.{key}": Rule("a number in [0, 1)", lambda value: is_number(value) and 0 <= value < 1)
        for key in ("ema_decay", "ema_start_share")
    },
    "Global.ema_gamma": above(0),
    "Global.scale": either(NUMBER, TEXT),
    "Global.save_model_dir": PATH,
    **{
        f"Global.{key}": OPTIONAL_PATH
        for key in (
            *("pretrained_model", "checkpoints", "save_inference_dir", "infer_img", "infer_list"),
            *("character_dict_path", "save_res_path", "class_path"),
        )
    },
    **{
        f"Global.{key}": FLAG
        for key in (
            *("use_gpu", "use_xpu", "use_npu", "use_mlu", "use_gcu", "use_metax_gpu", "use_iluvatar_gpu", "use_amp"),
            *("use_sync_bn", "use_visualdl", "use_wandb", "use_space_char", "use_ema", "use_dynamic_loss_scaling"),
            *("debug", "distributed", "infer_mode", "cal_metric_during_train", "to_static", "find_unused_parameters"),
            *("print_mem_info", "log_ranks", "export_with_pir", "uniform_output_enabled", "ema_filter_no_grad"),
        )
    },
    "Loss.weight_1": real(0, 1e6),  # of the terms of a MultiLoss
    "Loss.weight_2": real(0, 1e6),
    "Optimizer.clip_norm": nothing_or(above(0)),
    "Optimizer.clip_norm_global": nothing_or(above(0)),
    "Optimizer.lr.learning_rate": above(0, 1e6),
    "Optimizer.lr.warmup_epoch": real(0, 10**6),
    "Optimizer.regularizer.factor": real(0, 1e6),
    "Optimizer.beta1": PROBABILITY,
    "Optimizer.beta2": PROBABILITY,
    "Optimizer.momentum": PROBABILITY,
    "Architecture.Backbone.in_channels": CHANNELS,
    **{
        f"{mode}.{key}": rule
        for mode in ("Train", "Eval")
        for key, rule in {
            "dataset.name": TEXT,
            "dataset.data_dir": nothing_or(ANY_PATH._replace(words="the path of one folder")),
            "dataset.label_file_list": either(ANY_PATH, nothing_or(list_of(ANY_PATH))),
            "dataset.ratio_list": either(real(0, 1), nothing_or(list_of(real(0, 1)))),
            "dataset.delimiter": Rule("one character or more", lambda value: isinstance(value, str) and value != ""),
            "dataset.ext_op_transform_idx": whole(0, 1000),
            "dataset.ds_width": FLAG,
            "loader.shuffle": FLAG,
            "loader.drop_last": FLAG,
            "loader.use_shared_memory": FLAG,
            "loader.batch_size_per_card": whole(1, 100_000),
            "loader.num_workers": whole(0, 256),
            "sampler.first_bs": whole(1, 100_000),
            "sampler.scales": list_of(either(SIDE, list_of(SIDE, 2, 2)), 1),
            "sampler.max_w": SIDE,
            "sampler.fix_bs": FLAG,
            "sampler.is_training": FLAG,
            "sampler.divided_factor": list_of(SIDE, 2, 2),
        }.items()
    },
}

ARGUMENTS: dict[str, Rule] = {
    "image_shape": SHAPE,
    "img_mode": one_of("BGR", "RGB", "GRAY"),
    "channel_first": FLAG,
    "keep_keys": list_of(TEXT, 1),
    "order": one_of("chw", "hwc", ""),
    "mean": nothing_or(list_of(real(-1e6, 1e6), 1, 4)),
    "std": nothing_or(list_of(above(0, 1e6), 1, 4)),
    "size": either(SIDE, list_of(SIDE, 1, 2)),
    "max_tries": whole(1, 10_000),
    "keep_ratio": FLAG,
    "shrink_ratio": above(0, 1),
    "thresh_min": PROBABILITY,
    "thresh_max": PROBABILITY,
    "min_text_size": real(0, LONGEST_SIDE),
    "limit_side_len": whole(1, LONGEST_SIDE),
    "limit_type": one_of("min", "max", "resize_long"),
    "resize_long": either(SIDE, FLAG),
    "max_side_limit": SIDE,
    "max_text_length": whole(1, 10_000),
    "label_list": list_of(either(TEXT, NUMBER, FLAG), 1),
    "thresh": PROBABILITY,
    "box_thresh": PROBABILITY,
    "unclip_ratio": above(0, 100),
    "max_candidates": whole(1, 10**6),
    "ohem_ratio": nothing_or(real(0, 10**6)),
    "main_indicator": TEXT,
    "base_metric_name": TEXT,
    "model_name": nothing_or(either(TEXT, NAMES)),
    "networks": nothing_or(NAMES),
    "hidden_size": CHANNELS,
    "hidden_dims": CHANNELS,
    "mid_channels": nothing_or(CHANNELS),
    "class_dim": whole(1, LARGEST_COUNT),
    "layers": either(whole(1, 1000), list_of(whole(1, 1000))),
    "disable_se": FLAG,
    "loss_config_list": LIST._replace(words="a list of `- name: {key: value}`"),
    "weight": NUMBERS,
}
NETWORK_SETTINGS: dict[str, Rule] = {  # the values of Architecture, or of each of its Models, that are no parts
    "model_type": one_of("det", "rec", "cls", "e2e", "kie", "table", "sr"),
    "algorithm": TEXT,
    "name": TEXT,
    "in_channels": CHANNELS,
    "return_all_feats": FLAG,
    "frames_by_width": FLAG,
    "freeze_norm": FLAG,
    "restore_norm": FLAG,
    "freeze_params": FLAG,
    "pretrained": OPTIONAL_PATH,
    "pretrained_min_matched": nothing_or(PROBABILITY),
    "perturbation": nothing_or(above(0, 100)),
}
PROBABILITIES = re.compile(r"(.*_)?prob")  # names of arguments
WIDTH_OF_BACKBONE = above(0, 16)  # the `scale` of a backbone


def rule_of_parameter(parameter: inspect.Parameter) -> Rule | None:
    """The rule that an argument's type hint or default gives; None if they say nothing certain."""
    hint = parameter.annotation
    if hint is not parameter.empty:
        return _rule_of_hint(hint if isinstance(hint, str) else inspect.formatannotation(hint))
    default = parameter.default
    if isinstance(default, bool):
        return None  # PaddleOCR has numbers and lists behind some of these
    if isinstance(default, (int, float)):
        return NUMBERS
    if isinstance(default, (list, tuple)):
        return nothing_or(either(LIST, NUMBER))
    return None


HINTS = (  # the first pattern that fits a hint, with Optional and None taken off
    (r"bool", FLAG),
    (r"int", whole(-(10**9), 10**9)),
    (r"float", NUMBER),
    (r"str", TEXT),
    (r"(collections\.abc\.)?(Sequence|Iterable)\[int\]|list\[int\]", list_of(whole(-(10**9), 10**9))),
    (r"(collections\.abc\.)?(Sequence|Iterable)\[float\]|list\[float\]", list_of(NUMBER)),
    (r"(collections\.abc\.)?(Sequence|Iterable)\[str\]|list\[str\]", NAMES),
    (r"((collections\.abc\.)?Mapping|dict)\b.*", MAPPING),
)


def _rule_of_hint(hint: str) -> Rule | None:
    optional = re.fullmatch(r"(?:typing\.)?Optional\[(.*)\]|(.*?) \| None", hint)
    hint = (optional[1] or optional[2]) if optional else hint
    rule = next((rule for pattern, rule in HINTS if re.fullmatch(pattern, hint)), None)
    return nothing_or(rule) if rule and optional else rule


def find_wrong_values(where: str, section: Mapping[str, Any], rules: Mapping[str, Rule]) -> Iterator[str]:
    """A sentence for each value of ``section`` that its rule refuses. Values without a rule pass."""
    for key, value in section.items():
        rule = rules.get(key)
        if rule and not rule.accepts(value):
            yield f"`{where}.{key}` must be {rule.words}, got {shorten(value)}."


def find_wrong_settings(config: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each value that a rule of :data:`SETTINGS` refuses."""
    for path, rule in SETTINGS.items():
        *steps, key = path.split(".")
        node: Any = config
        for step in steps:
            node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict) and key in node:
            yield from find_wrong_values(".".join(steps), {key: node[key]}, {key: rule})


def rules_of_component(
    kind: str, names: Collection[str], parameters: Mapping[str, inspect.Parameter]
) -> dict[str, Rule]:
    """{argument: rule} of a component.

    Args:
        kind: such as "backbone".
        names: the arguments that it reads.
        parameters: those of them that are in its signature.
    """
    rules = {}
    for name in names:
        parameter = parameters.get(name)
        rule = PROBABILITY if PROBABILITIES.fullmatch(name) else ARGUMENTS.get(name)
        if name == "scale" and kind == "backbone" and not (parameter and isinstance(parameter.default, str)):
            rule = WIDTH_OF_BACKBONE
        if rule is None and parameter is not None:
            rule = rule_of_parameter(parameter)
        if rule is not None:
            rules[name] = rule
    return rules


def find_unusable_numbers(architecture: Any, where: str = "Architecture") -> Iterator[str]:
    """A sentence for each number in a network that no memory could hold."""
    if isinstance(architecture, dict):
        for key, value in architecture.items():
            yield from find_unusable_numbers(value, f"{where}.{key}")
    elif isinstance(architecture, list):
        for index, value in enumerate(architecture):
            yield from find_unusable_numbers(value, f"{where}.{index}")
    elif is_number(architecture) and abs(architecture) > LARGEST_COUNT:
        yield f"`{where}` must be a number up to {LARGEST_COUNT}, got {shorten(architecture)}."
