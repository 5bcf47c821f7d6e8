"""Components of a config: is there one of this name, and does it take what its section gives it?"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ..data.transforms import list_originals, list_transforms
from ..errors import did_you_mean, shorten
from .names import CENTER_HEAD, CENTER_LOSS, GLOBAL_KEYS
from .networks import find_center_head, name_section, networks
from .values import rules_of_component

PART_KINDS = {"Transform": "rectification", "Backbone": "backbone", "Neck": "neck", "Head": "head"}
OPTIMIZER_KEYS = {"name", "lr", "regularizer", "weight_decay", "clip_norm", "clip_norm_global"}
# Arguments that PaddleOCR's builders pass to components themselves; "did you mean" never proposes one.
BUILDER_ARGUMENTS = GLOBAL_KEYS | {"name", "in_channels", "out_channels", "step_each_epoch", "epochs"}

# Kinds of problems. All but a leftover stop a command.
WRONG = "wrong"
LEFTOVER = "leftover"  # a word that has no effect and may do no harm
REFUSED = "refused"  # by the component itself. It may follow from another problem, and is told if there is none
LACKING = (
    "lacking"  # in the wheel or an old clone, and not in a new one. The sentence is only a name: "head 'MultiHead'"
)
OF_STAND_IN = "of a stand-in"  # an argument that a stand-in of the wheel does not take; the clone's own may


class Problem(NamedTuple):
    """A sentence about a word of the config."""

    sentence: str
    kind: str = WRONG  # one of the constants above


class Catalog(Protocol):
    """The components that a PaddleOCR can build; :mod:`ppocrv2_ext.host.components.catalog` is one."""

    def names(self, kind: str) -> Collection[str]:
        """Names of the components of a kind, such as "backbone"."""

    def classes(self, kind: str, name: str) -> Collection[Any]:
        """The classes that a name may stand for."""

    def arguments(self, component: Any) -> Any:
        """What a class takes: ``names`` and ``parameters``.

        ``is_complete`` if it takes nothing else, ``passes_on`` if nobody can tell what else is read.
        """

    def refusal(self, kind: str, name: str, options: dict[str, Any]) -> str | None:
        """The sentence with which a component of this package refuses its arguments."""

    def is_complete(self) -> bool:
        """Whether this PaddleOCR is a clone, which has every part."""

    def names_in_clone(self, kind: str) -> Collection[str]:
        """Names that a clone has for a kind that the wheel lacks."""

    def arguments_in_clone(self, kind: str, name: str) -> Collection[str]:
        """Arguments that a component takes in a clone."""


class Component(NamedTuple):
    """A place of a config that holds a component."""

    where: str  # as -o takes it
    kind: str  # such as "backbone"
    section: Mapping[str, Any] | None  # name and arguments; None or empty where the config leaves the component out
    reads_global: bool = False  # whether PaddleOCR gives it the section Global too, whose keys win
    other_keys: Collection[str] = ()  # keys of the section that something else than the component reads


def list_sections(architecture: dict) -> dict[str, dict]:
    """{place: section} of each network."""
    return {name_section(name): network for name, network in networks(architecture).items()}


def list_components(config: Mapping[str, Any]) -> Iterator[Component]:
    """Every component of a config whose sections have the right form."""
    architecture, loss, metric, optimizer = (config[key] for key in ("Architecture", "Loss", "Metric", "Optimizer"))
    if architecture.get("name") is not None:
        yield Component("Architecture", "architecture", {"name": architecture["name"]})
    for where, network in list_sections(architecture).items():
        for part, kind in PART_KINDS.items():
            yield Component(f"{where}.{part}", kind, network.get(part))
        place, section = find_center_head(network) or ("Head", {})
        if place != "Head":
            yield Component(f"{where}.{place}", "head", {**section, "name": CENTER_HEAD})
    yield Component("Loss", "loss", loss)
    yield from _list_loss_terms(loss)
    yield Component("PostProcess", "post-process", config["PostProcess"], reads_global=True)
    yield Component("Metric", "metric", metric)
    if "base_metric_name" in metric:
        yield Component("Metric.base_metric_name", "metric", {"name": metric["base_metric_name"]})
    own = {key: value for key, value in optimizer.items() if key == "name" or key not in OPTIMIZER_KEYS}
    yield Component("Optimizer", "optimizer", own, other_keys=OPTIMIZER_KEYS)
    yield Component("Optimizer.lr", "schedule", {"name": "Const", **(optimizer.get("lr") or {})})
    yield Component("Optimizer.regularizer", "regularizer", optimizer.get("regularizer"))
    for mode in ("Train", "Eval"):
        yield from _list_data_components(mode, config[mode])


def _list_loss_terms(loss: Mapping[str, Any]) -> Iterator[Component]:
    """The terms of a CombinedLoss, each with a weight, and ours in a MultiLoss, which has weights of its own."""
    is_combined, is_multi = (loss.get("name") == name for name in ("CombinedLoss", "MultiLoss"))
    for index, entry in enumerate(loss.get("loss_config_list") or ()):
        for name, given in entry.items():
            arguments = {**(given or {}), "name": name}
            where = f"Loss.loss_config_list.{index}.{name}"
            if is_combined:
                arguments.pop("weight", None)
                yield Component(where, "term of a loss", arguments)
            elif is_multi and name == CENTER_LOSS:
                yield Component(where, "loss", arguments)


def _list_data_components(mode: str, section: Mapping[str, Any]) -> Iterator[Component]:
    dataset, loader = section["dataset"], section["loader"]
    yield Component(f"{mode}.dataset", "data set", {"name": dataset.get("name")})
    yield Component(f"{mode}.sampler", "sampler", section.get("sampler"))
    if loader.get("collate_fn"):
        yield Component(f"{mode}.loader.collate_fn", "collate function", {"name": loader["collate_fn"]})
    for name, arguments in list_transforms(dataset):
        where = f"{mode}.dataset.transforms.{name}"
        yield Component(where, "transform", {**arguments, "name": name}, reads_global=True)


def check_component(component: Component, settings: Mapping[str, Any], catalog: Catalog) -> Iterator[Problem]:
    """The problems of one component.

    Args:
        settings: the section Global.
    """
    kind, section = component.kind, component.section
    name: Any = (section or {}).get("name")
    if not section or name == "None":
        return
    if kind == "regularizer" and str(name) not in catalog.names(kind):
        name = f"{name}Decay"  # PaddleOCR takes L2 for L2Decay
    problem = _check_name(component, name, catalog)
    if problem:
        yield problem
        return
    try:
        candidates = catalog.classes(kind, name)
        signatures = [catalog.arguments(candidate) for candidate in candidates]
    except (ImportError, OSError, RuntimeError):
        return  # an optional part of PaddleOCR that cannot be imported here says so itself when it is built
    if not candidates:
        return  # PaddleOCR imports it under another name than that of its definition
    problems = [
        *_check_arguments(component, name, catalog, signatures),
        *_check_values(component, signatures),
    ]
    yield from problems
    if not problems:
        given = {**section, **(settings if component.reads_global else {})}
        sentence = catalog.refusal(kind, name, {key: value for key, value in given.items() if key != "name"})
        if sentence:
            yield Problem(f"{component.where}: {sentence}", REFUSED)


def _check_name(component: Component, name: Any, catalog: Catalog) -> Problem | None:
    """What is wrong with the name of a component; None if there is one of this name."""
    where, kind = component.where, component.kind
    if name is None:
        return Problem(f"{where} must name its {kind} by the key `name`.")
    known = catalog.names(kind)
    if isinstance(name, str) and name in known:
        return None
    if isinstance(name, str) and name in catalog.names_in_clone(kind):
        return Problem(f"{kind} {name!r}", LACKING)
    return Problem(f"{where}: there is no {kind} {shorten(name)}{did_you_mean(name, known)}")


def _check_arguments(
    component: Component, name: str, catalog: Catalog, signatures: Collection[Any]
) -> Iterator[Problem]:
    """Keys of the section that no class of this name takes."""
    kind, on_wheel = component.kind, not catalog.is_complete()
    known = {"name", *component.other_keys}.union(*(signature.names for signature in signatures))
    proposed = known - BUILDER_ARGUMENTS
    for key in sorted(set(component.section or ()) - known):
        if on_wheel and key in catalog.arguments_in_clone(kind, name):
            yield Problem(f"argument {key!r} of {kind} {name!r}", LACKING)
            continue
        close = difflib.get_close_matches(key, proposed, n=1, cutoff=0.75)
        is_slip = close and not _adds_a_word(key, close[0])
        if is_slip or all(signature.is_complete for signature in signatures):
            originals = list_originals(name)  # `-o` may have named one
            stands = f", which stands for {' and '.join(originals)}," if originals != (name,) else ""
            sentence = f"{component.where}: {kind} {name!r}{stands} takes no {key!r}{did_you_mean(key, proposed)}"
            yield Problem(sentence, OF_STAND_IN if on_wheel and name in catalog.names_in_clone(kind) else WRONG)
        elif not any(signature.passes_on for signature in signatures):
            yield Problem(f"{component.where}: {kind} {name!r} does not read {key!r}; it has no effect.", LEFTOVER)


def _adds_a_word(key: str, known: str) -> bool:
    """Whether ``key`` is ``known`` with more words, as det_box_type is box_type: another argument, and no slip."""
    return set(known.split("_")) < set(key.split("_"))


def _check_values(component: Component, signatures: Collection[Any]) -> Iterator[Problem]:
    """Values of another type, or out of range. One class has to take the value, if a name stands for several."""
    rules = [rules_of_component(component.kind, signature.names, signature.parameters) for signature in signatures]
    for key, value in (component.section or {}).items():
        own = [rule[key] for rule in rules if key in rule]
        if key != "name" and own and not any(rule.accepts(value) for rule in own):
            yield Problem(f"`{component.where}.{key}` must be {own[0].words}, got {shorten(value)}.")
