"""`check` and `preview`: the samples of a config, judged and drawn."""

import tempfile
from pathlib import Path

import click

from . import requirements
from .prepare import drop_broken_samples, prepare_config


def check(name, overrides=(), directory=None, report_file=None, fixed=None):
    """Look at every sample of a config's data sets and show what is broken.

    Args:
        report_file: where the findings go as JSON, if anywhere.
        fixed: a folder for label files without what is broken, if wanted.
    Returns:
        1 if anything of the data is dropped, or nothing of it can be learnt; else 0.
    """
    from ..data import clean, findings
    from ..data.check import check as check_data

    host, prepared = prepare_config(name, overrides, directory)
    requirements.require_data(prepared, ("Train", "Eval"))
    report = check_data(prepared, host)
    findings.print_report(report)
    for found in filter(lambda found: found.nothing_to_learn, report.sets):
        click.echo(f"ppocrv2: {clean.nothing_to_learn(found)}", err=True)
    if report_file:
        findings.write(report, requirements.writable(Path(report_file).parent) / Path(report_file).name)
    for line in clean.fix(report, requirements.writable(fixed)) if fixed else ():
        click.echo(line)
    return int(report.drops or any(found.nothing_to_learn for found in report.sets))


def preview(name, output, overrides=(), directory=None, count=12, seed=None):
    """A sheet of ``count`` training samples as the network gets them in ``output``, and what each transform costs.

    Args:
        seed: the same draws the same samples; None for ``Global.seed``, and where there is none for the trainer's 1024.
    """
    from rich.console import Console

    from ..host.draw_samples import draw
    from ..preview import sheet as report

    file = requirements.picture(output)
    # No network runs.
    host, prepared = prepare_config(name, [*overrides, "Global.use_gpu=false"], directory)
    requirements.require_data(prepared, ("Train",))
    requirements.require_numpy(prepared)
    seed = next(value for value in (seed, prepared["Global"].get("seed"), 1024) if value is not None)
    with tempfile.TemporaryDirectory() as folder:
        prepared, _ = drop_broken_samples(host, prepared, ("Train",), folder)  # as training gets them
        samples, costs = draw(prepared, count, seed)
    title = f"{name}: {count} training samples, seed {seed}"
    transforms = ", ".join(cost.transform for cost in costs[:-1])
    report.sheet(samples, title, f"as the network gets them, after {transforms}").save(file)
    note = report.missing_font(samples)
    if note:
        click.echo(f"ppocrv2: {note}", err=True)
    click.echo(f"{file}: {'; '.join(meaning for _, meaning in report.legend(samples))}")
    loader = prepared["Train"]["loader"]
    grid, sentence = report.costs_table(costs, loader["num_workers"], loader["batch_size_per_card"])
    Console().print(grid)
    click.echo(sentence)
