"""`check`: every sample of a config's data, judged."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..write_checks import require_writable_file, require_writable_folder
from . import requirements
from .inputs import list_config_inputs
from .prepare import check_samples, prepare_config
from .terminal import warn


def check(
    name: str,
    overrides: Sequence[str] = (),
    directory: str | None = None,
    report_file: str | None = None,
    fix_folder: str | None = None,
) -> int:
    """Check every sample of a config's data sets and print what is broken.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
        report_file: where the findings are written as JSON; None for nowhere.
        fix_folder: where label files without the broken samples are written; None for nowhere.
    Returns:
        The exit code: 1 if a training would leave samples out of what it learns or evaluates, keep doubtful ones, or
        have no text, else 0.
    Raises:
        UserError: a label file or a folder is missing, or a file cannot be written or is read.
    """
    from ..data import batches, check_report, clean, findings

    host, config = prepare_config(name, overrides, directory, "check")
    requirements.require_data(config, ("Train", "Eval"))
    if report_file:
        require_writable_file("--json", report_file, list_config_inputs(name, config))
    if fix_folder:
        require_writable_folder("--fix", fix_folder)
    report = check_samples(host, config, ("Train", "Eval"))
    check_report.print_report(report)
    for data_set in report.sets:
        if data_set.has_no_text:
            warn(findings.explain_no_text(data_set))
    sentences = batches.list_gaps(config, report.counts)
    for sentence in sentences:
        warn(sentence)
    if report_file:
        check_report.write_json(report, report_file)
    for line in clean.fix(report, fix_folder) if fix_folder else ():
        click.echo(line)
    return int(not report.is_sound or bool(sentences))
