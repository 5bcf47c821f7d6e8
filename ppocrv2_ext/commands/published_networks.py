"""The networks of the published models: built, and fitted with the weights of exports and of trainings."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..data.dictionary import read_dictionary
from ..errors import UserError
from ..files import PathLike

if TYPE_CHECKING:
    from ..checkpoints.pdparams import Array
    from ..checkpoints.published import Published
    from ..host import Host


class Model(NamedTuple):
    """A published model with the network that its weights belong to."""

    kind: str  # "det", "rec" or "cls"
    version: str  # of PP-OCR
    published: Published
    architecture: dict[str, Any]  # as in a config
    dictionary: str | None  # of a recognizer, relative to the folder of PaddleOCR


class Fitted(NamedTuple):
    """Weights of an exported model under the names of a network's parameters."""

    params: Mapping[str, Array]
    notes: list[str]  # sentences about them
    options: list[str]  # settings of the config, without which they do not fit


def find(kind: str, version: str, directory: str | None) -> Model:
    from ..checkpoints import published
    from ..config import yaml_files
    from ..config.vocabulary import CLONE_NEEDED
    from ..host import find_host

    found = published.find(kind, version)
    if version != "v2" and find_host(directory).kind != "checkout":
        raise UserError(f"--model {version}: its network {CLONE_NEEDED}.")
    if found.config is None:
        return Model(kind, version, found, published.CLASSIFIER, None)
    config = yaml_files.read(yaml_files.locate(found.config))
    architecture = {**config["Architecture"], "freeze_norm": False, "restore_norm": False}
    dictionary = config["Global"]["character_dict_path"] if kind == "rec" else None
    return Model(kind, version, found, architecture, dictionary)


def build(model: Model, host: Host, classes: int | None = None) -> Any:
    """The network of a published model.

    Args:
        classes: how many a recognizer has; None for those of its dictionary.
    Raises:
        UserError: the clone is older than the network.
    """
    from ..host import build_network
    from ..host.components import catalog

    architecture = copy.deepcopy(model.architecture)
    backbone = architecture["Backbone"]["name"]
    if backbone not in catalog.names("backbone"):
        raise UserError(f"{model.published.checkpoint}: the clone {host.root} has no {backbone}; update it.")
    if model.dictionary:
        architecture["Head"]["out_channels"] = classes or len(read_dictionary(host.root / model.dictionary, space=True))
    return build_network(architecture)


def list_used(model: Model, net: Any) -> list[tuple[str, Any]]:
    """(name, tensor) of all that a network uses to read an image, in the order of use."""
    from ..host.networks.merging import IMAGE_SHAPES, list_parameters_in_order

    return list_parameters_in_order(net, IMAGE_SHAPES["det" if model.kind == "det" else "rec"])


def list_idle(model: Model, net: Any) -> set[str]:
    """The tensors of a network that it never uses. The files that are written from ONNX do not hold them."""
    from ..checkpoints import inference_graph

    used = {id(tensor) for _, tensor in list_used(model, net)}
    idle = {name for name, tensor in net.state_dict().items() if id(tensor) not in used}
    return {name for name in idle if not inference_graph.THRESHOLD_BRANCH.search(name)}


def fit_exported(
    model: Model, host: Host, tensors: Sequence[tuple[str, Any]], file: PathLike, classes: int | None = None
) -> Fitted:
    """The parameters of a published model from the weights of an exported network.

    Args:
        tensors: (name, array) in the order of use.
        file: for messages.
        classes: of a recognizer; None for those of the official dictionary.
    Raises:
        UserError: the file holds another network.
    """
    from ..checkpoints import inference_graph, norm_merging

    for form in _list_exported_forms(model.architecture):
        net = build(model._replace(architecture=form), host, classes)
        used = list_used(model, net)
        if len(used) == len(tensors):
            break
    try:
        params, notes = inference_graph.convert_to_parameters(tensors, used, net.state_dict())
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    click.echo(f"All {len(tensors)} weights of {file} fit {model.published.checkpoint}.")
    if form.get("restore_norm"):
        count, params = len(params), norm_merging.merge_norm(params)
        norms = (count - len(params)) // len(norm_merging.TENSORS)
        notes = [*notes, f"BatchNorm of {norms} convolutions is merged into them, as in the published file."]
    options = []
    if form.get("merged") != model.architecture.get("merged"):
        notes = [*notes, "BatchNorm of the head was merged by the export, and is not in the published file."]
        options.append("Architecture.merged=true")
    return Fitted(params, list(notes), options)


def _list_exported_forms(architecture: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The architectures whose tensors an export of a published model may hold, the published form last.

    Restored BatchNorm is exported as it is. The exporter of PaddleOCR merges the branches of all parts.
    """
    merged = architecture.get("merged")
    if not merged:
        return [dict(architecture)]
    switches = [(merged, False), (merged, True), *([] if merged is True else [(True, False), (True, True)])]
    return [{**architecture, "merged": parts, "restore_norm": norm} for parts, norm in (*switches, switches[0])]


def merge_branches(model: Model, params: dict[str, Array], host: Host, classes: int | None) -> dict[str, Array]:
    """The weights with their training branches merged as in the published file, if a training left them apart."""
    from ..checkpoints import loading
    from ..host.networks import merging

    if not model.architecture.get("merged"):
        return params
    apart = build(model._replace(architecture={**model.architecture, "merged": False}), host, classes)
    if loading.compare_parameters(params, apart.state_dict()).ratio < 1:
        return params
    apart.set_state_dict(params)
    apart.eval()
    merging.merge(apart, model.architecture)
    return dict(apart.state_dict())
