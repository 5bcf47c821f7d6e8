"""Settings that have no effect because of the value of another one. They do no harm, but a user may count on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..data.line_shapes import FIRST_BATCH, SAMPLER
from .components import list_components
from .names import LINE_BACKBONES
from .networks import name_section, networks


class Rule(NamedTuple):
    """Keys of a section that do nothing."""

    # "Global", "network", "network of" an architecture, "loader beside" a sampler, or the name of a component
    place: str
    keys: tuple[str, ...]
    applies: Callable[[Mapping[str, Any]], Any]  # from the section: whether they do nothing
    reason: str


def _has_no_teacher(loss: Mapping[str, Any]) -> bool:
    return loss.get("distill_weight") == 0 or loss.get("teacher", "Teacher") is None


def _has_one_student(loss: Mapping[str, Any]) -> bool:
    students = loss.get("students")
    return isinstance(students, list) and len(students) == 1


RULES = (
    Rule(
        "Global",
        ("ema_decay", "ema_decay_type", "ema_gamma", "ema_filter_no_grad", "ema_start_share"),
        lambda settings: not settings.get("use_ema"),
        "Global.use_ema is not true",
    ),
    Rule(
        "UDMLLoss",
        ("temperature", "detach_targets", "mutual_mean_over"),
        lambda loss: loss.get("mutual_weight") == 0,
        "mutual_weight is 0",
    ),
    Rule("CMLLoss", ("alpha", "beta"), lambda loss: loss.get("gt_weight") == 0, "gt_weight is 0"),
    Rule(
        "CMLLoss",
        ("main_loss", "ohem_ratio"),
        lambda loss: loss.get("gt_weight") == 0 and _has_no_teacher(loss),
        "nothing is learnt from labels or a teacher",
    ),
    Rule(
        "CMLLoss",
        ("mutual", "mutual_weight"),
        lambda loss: loss.get("mutual_weight") == 0 or _has_one_student(loss),
        "no student learns from another",
    ),
    Rule(
        "CMLLoss",
        ("gamma", "threshold", "dilation", "distill_weight"),
        _has_no_teacher,
        "nothing is learnt from a teacher",
    ),
    Rule(
        "network of CollaborativeModel",
        ("freeze_norm", "frames_by_width"),
        lambda network: network.get("freeze_params"),
        "a frozen network computes what it computes in evaluation",
    ),
    Rule(
        "network",
        ("frames_by_width",),
        lambda network: (network.get("Backbone") or {}).get("name") in LINE_BACKBONES,
        "this backbone makes the same frames in training as in evaluation",
    ),
    Rule(
        f"loader beside {SAMPLER}",
        ("batch_size_per_card",),
        lambda loader: loader.get("batch_size_per_card") != loader["first_bs"],
        "Train.sampler.first_bs decides",
    ),
)


def find_settings_without_effect(config: dict) -> Iterator[str]:
    """A sentence for each setting of a config that a rule finds."""
    for (place, where, section), rule in itertools.product(_list_places(config), RULES):
        if place == rule.place and rule.applies(section):
            for key in rule.keys:
                if section.get(key) not in (None, False):
                    yield f"{where}.{key} has no effect: {rule.reason}."


def _list_places(config: dict) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(place, where in the config, section) of every section that a rule can be about."""
    architecture = config["Architecture"]
    yield "Global", "Global", config["Global"]
    for name, network in networks(architecture).items():
        yield "network", name_section(name), network
        yield f"network of {architecture.get('name')}", name_section(name), network
    sampler = config["Train"].get("sampler") or {}
    loader = {**config["Train"]["loader"], "first_bs": sampler.get("first_bs", FIRST_BATCH)}
    yield f"loader beside {sampler.get('name')}", "Train.loader", loader
    for component in list_components(config):
        if component.section:
            yield str(component.section.get("name")), component.where, component.section
