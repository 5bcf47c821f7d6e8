"""What the commands do, as functions: read a config, check it, hand it to PaddleOCR's script."""

import argparse
import os
import platform
import tempfile
from importlib import metadata
from pathlib import Path

import click

from . import __version__, config, networks, pipeline, preflight, resuming, schema
from .errors import UserError
from .registry import REGISTRIES


def train(name, overrides=(), directory=None, resume=None):
    """``tools/train.py`` on a config. The resolved config is left as ``resolved.yml`` in the output folder."""
    from .host.run import log_to

    if resume:
        overrides = [*resuming.overrides(resume), *overrides]
    host, settled = _settle(name, overrides, directory)
    rank, ranks = int(os.environ.get("PADDLE_TRAINER_ID", 0)), int(os.environ.get("PADDLE_TRAINERS_NUM", 1))
    lines = preflight.require_data(settled, ("Train", "Eval"))
    preflight.require_batch(settled, lines, ranks)
    pipeline.require_numpy(settled)
    preflight.require_weights(settled, training=True)
    preflight.require_centers(settled)
    folder = preflight.writable(settled["Global"]["save_model_dir"])
    settled, usable = _without_broken(host, settled, ("Train", "Eval"), folder / "labels", rank)
    preflight.require_batch(settled, usable, ranks)
    if resume and rank == 0:
        resuming.require_schedule(settled, Path(resume))
    if rank == 0:
        # Whoever takes this file up later names what it is to start from.
        plain = {**settled, "Global": {**settled["Global"], "checkpoints": None}}
        config.write(plain, folder / "resolved.yml", _provenance(name, overrides, host))
        log_to(folder / "train.log")
    try:
        _hand_over(host, "tools/train.py", settled)
    except FloatingPointError as error:
        raise UserError(f"training stopped: {error}; {resuming.after_a_stop(folder)}") from error


def evaluate(name, overrides=(), directory=None):
    """``tools/eval.py`` on a config; its metrics go to the log."""
    host, settled = _settle(name, overrides, directory)
    preflight.require_data(settled, ("Eval",))
    settled = preflight.trained(settled)
    with tempfile.TemporaryDirectory() as folder:
        settled, _ = _without_broken(host, networks.without_centers(settled), ("Eval",), folder)
        _hand_over(host, "tools/eval.py", settled)


def check(name, overrides=(), directory=None, report_file=None, fixed=None):
    """Look at every sample of a config's data sets and show what is broken.

    Args:
        report_file: where the findings go as JSON, if anywhere.
        fixed: a folder for label files without what is broken, if wanted.
    Returns:
        1 if anything of the data is dropped, or nothing of it can be learnt; else 0.
    """
    from .data import clean
    from .data.check import check as check_data
    from .report import findings

    host, settled = _settle(name, overrides, directory)
    preflight.require_data(settled, ("Train", "Eval"))
    report = check_data(settled, host)
    findings.show(report)
    for found in filter(lambda found: found.nothing_to_learn, report.sets):
        click.echo(f"ppocrv2: {clean.nothing_to_learn(found)}", err=True)
    if report_file:
        findings.write(report, preflight.writable(Path(report_file).parent) / Path(report_file).name)
    for line in clean.fix(report, preflight.writable(fixed)) if fixed else ():
        click.echo(line)
    return int(report.drops or any(found.nothing_to_learn for found in report.sets))


def export(name, overrides=(), directory=None, output=None, onnx=False, network=None):
    """``tools/export_model.py`` on a config, then ONNX with a parity check if asked.

    Args:
        output: the folder of the model; None for ``Global.save_inference_dir``.
        network: of a model of several networks, the one to export; None for the better of those that learned.
    """
    from .weights import checkpoint
    from .weights.dictionary import find_dictionary

    if output:
        overrides = [*overrides, config.assignment("Global.save_inference_dir", output)]
    host, settled = _settle(name, overrides, directory)
    settled = preflight.trained(networks.without_centers(settled))
    preflight.require_known_characters(settled)
    settings = settled["Global"]
    if not settings.get("save_inference_dir"):
        raise UserError("where to? Name a folder: --output DIR.")
    folder = preflight.writable(settings["save_inference_dir"])
    if "Models" not in settled["Architecture"]:
        networks.named(settled["Architecture"], network)
        _hand_over(host, "tools/export_model.py", settled)
    else:
        weights_file = settings.get("checkpoints") or settings["pretrained_model"]
        if network is None:
            network, why = networks.better(settled, checkpoint.recorded_metrics(weights_file))
            click.echo(f"Exporting {why}")
        settled = networks.alone(settled, network)
        with tempfile.TemporaryDirectory() as scratch:
            params, characters = checkpoint.read_training(weights_file, network), find_dictionary(weights_file)
            written = checkpoint.write_checkpoint(params, scratch, network, characters)
            settled["Global"] = {**settings, "checkpoints": None, "pretrained_model": str(written)}
            _hand_over(host, "tools/export_model.py", settled)
    if onnx:
        from .deploy.onnx import export_checked

        export_checked(folder)


def centers(name, overrides=(), directory=None, output="centers.npz", network=None, assignment="alignment"):
    """Class means of a trained recognizer over its training set, as a file for ``Head.centers``; and what they cover.

    Args:
        output: the file, written by the first process of a distributed run.
        network: which of ``Architecture.Models``; None for the first student.
        assignment: which frames belong to a class, a key of :data:`~ppocrv2_ext.plugins.means.RULES`.
    """
    import paddle
    from rich.console import Console
    from rich.progress import track

    from .host import evaluation
    from .plugins import means
    from .report import coverage
    from .weights.centers import write_centers

    if Path(output).is_dir():
        raise UserError(f"--output {output}: it is a folder; name a file, such as {output}/centers.npz.")
    _, settled = _settle(name, overrides, directory)
    settled = preflight.trained(networks.without_centers(settled))
    preflight.require_data(settled, ("Train",))
    chosen, characters = networks.named(settled["Architecture"], network), preflight.characters(settled)
    preflight.writable(Path(output).parent)
    rank, ranks = evaluation.start(settled["Global"])
    trained = evaluation.trained_network(settled, len(characters), chosen)
    lines = evaluation.TrainingLines(settled, rank, ranks)
    batches = track(lines, "reading", console=Console(stderr=True), disable=rank > 0)
    totals = means.gather(trained, batches, len(characters), means.RULES[assignment])
    found = means.class_means(means.over_processes(totals))
    (skipped,) = means.over_processes([paddle.to_tensor(len(lines.skipped))])
    if rank > 0:
        return
    coverage.require_some(found)
    write_centers(output, found.centers, found.counts, characters)
    rows = coverage.coverage(found, characters, coverage.UNUSED[assignment], lines.skipped, int(skipped))
    click.echo(coverage.render(rows, f"Centers of {chosen or 'the network'} in {output}"))
    head = f"Architecture.Models.{chosen}.Head" if chosen else "Architecture.Head"
    click.echo(f"Train a CenterCTCHead from them with -o {head}.centers={output}")


def preview(name, output, overrides=(), directory=None, count=12, seed=None):
    """A sheet of ``count`` training samples as the network gets them in ``output``, and what each transform costs.

    Args:
        seed: the same draws the same samples; None for ``Global.seed``, and where there is none for the trainer's 1024.
    """
    from rich.console import Console

    from .host.samples import draw
    from .report import preview as report

    file = preflight.picture(output)
    # No network runs.
    host, settled = _settle(name, [*overrides, "Global.use_gpu=false"], directory)
    preflight.require_data(settled, ("Train",))
    pipeline.require_numpy(settled)
    seed = next(value for value in (seed, settled["Global"].get("seed"), 1024) if value is not None)
    with tempfile.TemporaryDirectory() as folder:
        settled, _ = _without_broken(host, settled, ("Train",), folder)  # as training gets them
        samples, costs = draw(settled, count, seed)
    title = f"{name}: {count} training samples, seed {seed}"
    transforms = ", ".join(cost.transform for cost in costs[:-1])
    report.sheet(samples, title, f"as the network gets them, after {transforms}").save(file)
    note = report.missing_font(samples)
    if note:
        click.echo(f"ppocrv2: {note}", err=True)
    click.echo(f"{file}: {'; '.join(meaning for _, meaning in report.legend(samples))}")
    loader = settled["Train"]["loader"]
    grid, sentence = report.costs_table(costs, loader["num_workers"], loader["batch_size_per_card"])
    Console().print(grid)
    click.echo(sentence)


def run(script, arguments, directory=None):
    """Any script of PaddleOCR with the plugins in place; a config among its arguments is settled first."""
    from .host import connect
    from .host.run import run_script

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-c", "--config")
    parser.add_argument("-o", "--opt", nargs="+", action="extend", default=[])
    given, others = parser.parse_known_args(arguments)
    if given.config is None:
        run_script(connect(directory), script, arguments)
        return
    host, settled = _settle(given.config, given.opt, directory)
    _hand_over(host, script, settled, others)


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
    named = {assignment.partition("=")[0] for assignment in overrides}
    if "Global.pretrained_model" in named and "Global.checkpoints" not in named:
        chosen["Global"]["checkpoints"] = None  # PaddleOCR would prefer those that the file names
    host = connect(directory)
    warnings = schema.check(chosen, catalog)
    settled, notes = preflight.resolve(chosen, host)
    for line in [*warnings, *notes]:
        click.echo(f"ppocrv2: {line}", err=True)
    return host, settled


def _without_broken(host, settled, modes, folder, rank=0):
    """(config, {mode: usable lines of each file}): broken lines are told, and label files without them named."""
    from .data import clean
    from .data.check import check as check_data
    from .report import findings

    report = check_data(settled, host, modes)
    clean.require_usable(report)
    if rank == 0:
        findings.tell(report)
    return clean.handed_on(settled, report, folder), {
        found.mode: [sum(sample.line is not None for sample in samples) for _, samples in found.files]
        for found in report.sets
    }


def _hand_over(host, script, settled, arguments=()):
    """Run ``script`` with ``-c`` a file that holds ``settled``; the script reads it once, at its start."""
    from .host.run import run_script

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "resolved.yml"
        config.write(settled, file)
        run_script(host, script, ["-c", str(file), *arguments])


def _provenance(name, overrides, host):
    changed = " ".join(overrides) or "nothing"
    return f"ppocrv2-ext {__version__} on PaddleOCR {host.kind} {host.version}\nfrom {name}\nchanged by -o: {changed}"
