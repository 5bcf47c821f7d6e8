"""`weights`: official, trained and ImageNet weights turned into checkpoints to train from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..checkpoints.paths import (
    DICTIONARY_SUFFIX,
    SAFE_SUFFIX,
    find_dictionary,
    require_file,
    with_suffix,
    without_any_suffix,
    without_suffix,
)
from ..config.yaml_files import shell_option
from ..data.dictionary import read_dictionary
from ..errors import UserError
from ..files import identify
from ..write_checks import make_writable_folder, require_apart
from . import published_networks
from .published_networks import Model
from .weights_sources import read_resolved, warn_of_other_training

if TYPE_CHECKING:
    from ..checkpoints.pdparams import Array

# Global.pretrained_min_matched for a backbone alone. An LCNet has 143 of a recognizer's 179 tensors, 181 with centers.
BACKBONE_SHARE = 0.75

# What decides which of several networks is the best, where no config beside the weights says it.
INDICATORS = {"det": "hmean", "rec": "acc", "cls": "acc"}


def weights(
    kind: str,
    output: str,
    source: str | None = None,
    network: str | None = None,
    directory: str | None = None,
    version: str = "v2",
) -> None:
    """Write official or trained weights as a checkpoint to fine-tune from, and print how they match the network.

    Args:
        kind: "det", "rec" or "cls".
        output: the folder of the checkpoint, or a .safetensors file.
        source: an exported model of the same network, whoever trained it: an ONNX file, an inference model or its
            folder. Or the weights of a training: a .tar, a .safetensors, or a .pdparams with or without its suffix.
            None for the official ONNX in the package that carries it.
        network: which of several networks in the weights of a training. None for the one with the best metric in the
            record beside the file, of those that the config there trains; without a record, Student.
        directory: a clone of PaddleOCR; None to look for one (:func:`ppocrv2_ext.host.find_host`).
        version: of PP-OCR, as in :data:`ppocrv2_ext.checkpoints.published.PUBLISHED`.
    Raises:
        UserError: the file is of another kind, or does not hold the whole network; or the folder cannot be written to.
    """
    trained = source if source and (source.endswith(".tar") or with_suffix(source).is_file()) else None
    if network and not trained:
        holder = "an exported model holds" if source else "the official files hold"
        raise UserError(f"--network {network}: {holder} one network; name a training's with --from.")
    model = published_networks.find(kind, version, directory)
    _refuse_source(output, model.published.checkpoint, source)
    if trained:
        _write_trained(model, trained, network, output, directory)
    elif source:
        _write_exported(model, source, output, directory)
    else:
        _write_published(model, output, directory)


def lcnet(
    output: str,
    source: str | None = None,
    network: str | None = None,
    directory: str | None = None,
    version: str | None = None,
) -> None:
    """Write ImageNet weights of PaddleClas as a checkpoint from which the backbone LCNet can start.

    Args:
        output: the folder of the checkpoint, or a .safetensors file.
        source: the .pdparams file of a PPLCNet, with or without its suffix.
        network, version: refused. Such a file holds one network, which belongs to no PP-OCR.
        directory: a clone of PaddleOCR; None to look for one (:func:`ppocrv2_ext.host.find_host`).
    Raises:
        UserError: the file is not named, or is none of PPLCNet; or the folder cannot be written to.
    """
    if version:
        raise UserError(f"--model {version}: the ImageNet weights of LCNet belong to no PP-OCR; leave --model out.")
    if source is None:
        raise UserError(
            "no package holds the ImageNet weights of LCNet: download a PPLCNet_x*_pretrained.pdparams that PaddleClas"
            " publishes, and name it with --from FILE."
        )
    if network:
        raise UserError(f"--network {network}: a PPLCNet file holds one network; leave --network out.")
    file = require_file("--from", source)
    from ..checkpoints import loading, pdparams, pplcnet
    from ..host import build_network, connect

    theirs = pdparams.read_arrays(file)
    scale = pplcnet.find_scale(theirs, file)
    params = pplcnet.convert(theirs)
    _refuse_source(output, pplcnet.name_checkpoint(scale), source)
    connect(directory)
    report = loading.compare_parameters(params, build_network(pplcnet.describe_network(theirs, scale)).state_dict())
    if report.mismatched:
        name, wanted, other = report.mismatched[0]
        raise UserError(
            f"{file} is not a PPLCNet of PaddleClas: at scale {scale}, {name} should have shape {wanted}, got {other};"
            " name another file."
        )
    click.echo(loading.render_report(report, file))
    written = pdparams.write_checkpoint(params, *_find_target(output, pplcnet.name_checkpoint(scale)))
    start = f"Architecture.Backbone.scale={scale} {shell_option('Global.pretrained_model', without_suffix(written))}"
    click.echo(f"Written to {written}. The scale is {scale}.")
    click.echo(f"A classifier with LCNet and LCNetClsHead starts from it with -o {start}")
    click.echo(
        f"A recognizer starts its backbone from it with -o {start} Global.pretrained_min_matched={BACKBONE_SHARE}"
    )


def _write_published(model: Model, output: str, directory: str | None) -> None:
    from ..checkpoints import inference_graph, published
    from ..host import connect

    file = published.require(model.published)
    host = connect(directory)
    fitted = published_networks.fit_exported(model, host, inference_graph.read_in_order(file), file)
    _write(model, fitted.params, host.root / model.dictionary if model.dictionary else None, output, fitted.notes)


def _write_exported(model: Model, source: str, output: str, directory: str | None) -> None:
    from ..deploy import stored_weights
    from ..host import connect

    files = stored_weights.find_files(source)
    host = connect(directory)
    tensors = stored_weights.read_tensors(files)
    if not model.dictionary:
        params, notes, options = published_networks.fit_exported(model, host, tensors, files.network)
        _write(model, params, None, output, notes, options)
        return
    last = tensors[-1][1].shape if tensors else ()
    classes = last[-1] if last else 1  # a recognizer ends in the bias of the layer of classes
    params, notes, options = published_networks.fit_exported(model, host, tensors, files.network, classes)
    dictionary, stored = host.root / model.dictionary, stored_weights.read_dictionary(files)
    official = read_dictionary(dictionary, space=False)[1:]
    own = stored_weights.choose_characters(stored, files.network, classes, official)
    if stored is None:
        notes.append(f"{files.network} has no dictionary; the official one makes as many classes, and is written.")
    with tempfile.TemporaryDirectory() as folder:
        if own is not None:
            dictionary = Path(folder) / "dictionary.txt"
            dictionary.write_bytes("".join(f"{character}\n" for character in own).encode("utf-8"))
            notes.append(f"Its own dictionary of {len(own)} characters is written beside the weights.")
            options.append(shell_option("Global.character_dict_path", _find_dictionary_target(model, output)))
        if classes == len(own or official) + 1:
            options.append("Global.use_space_char=false")
        _write(model, params, dictionary, output, notes, options)


def _write_trained(model: Model, file: str, network: str | None, output: str, directory: str | None) -> None:
    from ..checkpoints import character_rows, loading, multi_head, pdparams
    from ..host import connect

    warn_of_other_training(file)
    params = pdparams.read_network(file, best_network(file, model.kind) if network is None else network)
    host = connect(directory)
    dictionary = (find_dictionary(file) or host.root / model.dictionary) if model.dictionary else None
    classes = len(character_rows.read_trained_characters(params, dictionary)) if dictionary else None
    net = published_networks.build(model, host, classes)
    state = net.state_dict()
    params = published_networks.merge_branches(model, loading.fit_form(params, state), host, classes)
    branches = multi_head.find_training_branches(params)
    params = {name: value for name, value in params.items() if name not in branches}
    idle = published_networks.list_idle(model, net) - params.keys()
    report = loading.compare_parameters(params, {name: state[name] for name in state if name not in idle})
    click.echo(loading.render_report(report, file))
    loading.require_match(report, 1.0, f"it is of another network than that of PP-OCR{model.version}; name its --model")
    _write(model, params, dictionary, output)


def _write(
    model: Model,
    params: Mapping[str, Array],
    dictionary: Path | None,
    output: str,
    notes: Sequence[str] = (),
    options: Sequence[str] = (),
) -> None:
    """Write a checkpoint, and print what there is to say about it.

    Args:
        options: further settings of a config that fine-tunes from it, as ``-o`` takes them.
    """
    from ..checkpoints import pdparams

    written = pdparams.write_checkpoint(params, *_find_target(output, model.published.checkpoint), dictionary)
    for note in notes:
        click.echo(note)
    config = f"-c {model.published.config} " if model.published.config else ""
    options = [shell_option("Global.pretrained_model", without_suffix(written)), *options]
    click.echo(f"Written to {written}; fine-tune from it with {config}-o {' '.join(options)}")


def _find_dictionary_target(model: Model, output: str) -> str:
    """Where :func:`_write` puts a dictionary."""
    folder, name = _split(output, model.published.checkpoint)
    return without_any_suffix(folder / name) + DICTIONARY_SUFFIX


def _find_target(output: str, name: str) -> tuple[Path, str]:
    """The folder to write into, and the name of the checkpoint there: ``name``, or that of a .safetensors file."""
    folder, name = _split(output, name)
    return make_writable_folder(folder), name


def _split(output: str, name: str) -> tuple[Path, str]:
    path = Path(output)
    return (path.parent, path.name) if output.endswith(SAFE_SUFFIX) else (path, name)


def _refuse_source(output: str, name: str, source: str | None) -> None:
    """Refuse to write a checkpoint in place of the file that it is made of, which may hold more networks."""
    folder, name = _split(output, name)
    target = with_suffix(folder / name)
    if source:
        sources = identify([source, with_suffix(source)])
        require_apart(target, sources, "name another place", f"--output {output}: {target}")


def best_network(file: str | Path, kind: str) -> str | None:
    """The best network of several by the record beside ``file``, announced; None without a record of several.

    The config beside the file says which of them are trained.

    Raises:
        UserError: there is no such config, and two networks are the best by the record.
    """
    from ..checkpoints import states
    from ..config import networks

    recorded, config = states.read_best_metrics(file), _read_config_of_several(Path(file).parent)
    indicator = config["Metric"].get("main_indicator") if config else INDICATORS[kind]
    ending = f"_{indicator}"
    of_each = {name[: -len(ending)]: value for name, value in recorded.items() if name.endswith(ending)}
    if config and of_each:
        name, reason = networks.best_network(config, recorded)
        click.echo(f"Taking {reason}")
        return name
    best = [name for name, value in of_each.items() if value == recorded.get(indicator)]
    if len(best) > 1:
        raise UserError(
            f"{' and '.join(best)} are equal by the metrics beside {file}; name one of them with --network."
        )
    if best:
        click.echo(f"Taking {best[0]}, the better by the metrics beside {file}.")
    return best[0] if best else None


def _read_config_of_several(folder: Path) -> dict | None:
    """The config of the training in a folder; None if there is none, or one of a single network or of no training."""
    from ..config.vocabulary import check_settings

    config = read_resolved(folder)
    try:
        if config:
            check_settings(config)
    except UserError:
        return None
    return config if config and "Models" in config["Architecture"] else None
