"""What the commands share: a config made ready for the host, its broken samples dropped, a script of the host run."""

import tempfile
from pathlib import Path

import click

from .. import config
from ..config import vocabulary
from ..config.resolve import resolve


def prepare_config(name, overrides, directory):
    """(host, config): the config read, overridden, checked against the connected host and resolved for it."""
    from ..host import catalog, connect

    path = config.locate(name)
    chosen = config.override(config.read(path), overrides)
    named = {assignment.partition("=")[0] for assignment in overrides}
    if "Global.pretrained_model" in named and "Global.checkpoints" not in named:
        chosen["Global"]["checkpoints"] = None  # PaddleOCR would prefer those that the file names
    host = connect(directory)
    warnings = vocabulary.check(chosen, catalog)
    prepared, notes = resolve(chosen, host)
    for line in [*warnings, *notes]:
        click.echo(f"ppocrv2: {line}", err=True)
    return host, prepared


def drop_broken_samples(host, prepared, modes, folder, rank=0):
    """(config, {mode: usable lines of each file}): broken lines are told, and label files without them named."""
    from ..data import clean, findings
    from ..data.check import check as check_data

    report = check_data(prepared, host, modes)
    clean.require_usable(report)
    if rank == 0:
        findings.warn(report)
    return clean.with_clean_label_files(prepared, report, folder), {
        found.mode: [sum(sample.line is not None for sample in samples) for _, samples in found.files]
        for found in report.sets
    }


def run_host_script(host, script, prepared, arguments=()):
    """Run ``script`` with ``-c`` a file that holds ``prepared``; the script reads it once, at its start."""
    from ..host.run import run_script

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "resolved.yml"
        config.write(prepared, file)
        run_script(host, script, ["-c", str(file), *arguments])
