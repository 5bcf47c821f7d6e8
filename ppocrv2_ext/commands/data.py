"""`check` and `preview`: the samples of a config, judged and drawn."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import pluralize
from ..files import atomic_write
from . import requirements
from .inputs import list_config_inputs
from .prepare import check_samples, drop_broken_samples, prepare_config
from .terminal import warn

if TYPE_CHECKING:
    from ..host import Host


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
    from ..deploy.places import require_file_place, require_folder_place

    host, config = prepare_config(name, overrides, directory, "check")
    requirements.require_data(config, ("Train", "Eval"))
    if report_file:
        require_file_place("--json", report_file, list_config_inputs(name, config))
    if fix_folder:
        require_folder_place("--fix", fix_folder)
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


def preview(
    name: str,
    output: str,
    overrides: Sequence[str] = (),
    directory: str | None = None,
    count: int = 12,
    seed: int | None = None,
) -> None:
    """Draw training samples as the network gets them, and print what each transform costs.

    Args:
        name, overrides, directory: as :func:`.prepare.prepare_config` takes them.
        output: the picture of the samples, a PNG or JPEG file.
        count: how many samples, at least 1.
        seed: the same seed draws the same samples. None stands for that of the training.
    Raises:
        UserError: there is no data, or the picture cannot be written or is read.
    """
    from rich.console import Console

    from ..deploy.places import require_file_place
    from ..preview.costs import tabulate_costs
    from ..preview.sheet import choose_legend, draw_sheet, find_missing_font

    file = requirements.require_picture(output)
    host, config = prepare_config(name, [*overrides, "Global.use_gpu=false"], directory, "preview")  # no network runs
    requirements.require_data(config, ("Train",))
    require_file_place("--output", file, list_config_inputs(name, config))
    requirements.require_numpy(config)
    # Only now: it imports Paddle, which takes seconds, and a config that is not there is refused without it.
    from ..host.samples.steps import DEFAULT_SEED

    seed = next(value for value in (seed, config["Global"].get("seed"), DEFAULT_SEED) if value is not None)
    samples, costs = _draw(host, config, count, seed)
    title = f"{name}: {pluralize(count, 'training sample')}, seed {seed}"
    transforms = ", ".join(cost.transform for cost in costs[:-1])
    sheet = draw_sheet(samples, title, f"as the network gets them, after {transforms}")
    with atomic_write(file) as part:
        sheet.save(part)
    note = find_missing_font(samples)
    if note:
        warn(note)
    click.echo(f"{file}: {'; '.join(meaning for _, meaning in choose_legend(samples))}")
    loader = config["Train"]["loader"]
    table, sentence = tabulate_costs(costs, loader["num_workers"], loader["batch_size_per_card"])
    Console().print(table)
    click.echo(sentence)


def _draw(host: Host, config: dict, count: int, seed: int) -> tuple[list, list]:
    """(samples, costs) of the transforms, from the samples that a training would not drop."""
    from ..host.samples.draw_samples import draw

    with tempfile.TemporaryDirectory() as folder:
        config, *_ = drop_broken_samples(host, config, ("Train",), folder)
        return draw(config, count, seed)
