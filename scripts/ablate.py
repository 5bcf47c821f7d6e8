"""The paper's ablation on your own data: every row under one budget, several seeds, the paper's column beside ours.

    python scripts/ablate.py rec --data DIR --weights pretrain/ch_PP-OCRv2_rec --steps 276 --output output/ablation

Runs are kept: start it again, and it goes on where it stopped. Runs of another budget in the same --output become a
second table of the same report.
"""

import signal
import sys
import warnings
from pathlib import Path

import click
from experiments.ablation import plan, smoke
from experiments.ablation import report as report
from experiments.ablation.plot import picture
from experiments.ablation.process import CommandError, Processes
from experiments.ablation.rows import TASKS
from experiments.ablation.runs import read_json, write_json
from experiments.ablation.schedule import START, Ablation, alone, budgets, collect
from rich import box
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write

# Said by Paddle on import; it concerns people who compile operators.
warnings.filterwarnings("ignore", message="No ccache found")
console = Console(highlight=False, soft_wrap=True)
FOLDER = click.Path(path_type=Path, file_okay=False)
TITLES = {"rec": "Ablation of the recognizer", "det": "Ablation of the detector"}


def numbers(_, __, text):
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"whole numbers with commas between, got {text!r}.") from None


def names(_, __, text):
    return text.split(",") if text else None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("kind", type=click.Choice(sorted(TASKS)))
@click.option("--data", type=FOLDER, metavar="DIR", help="Holds train.txt, test.txt and the images they name.")
@click.option("--weights", type=Path, metavar="DIR/PREFIX", help="Where all networks start, see `ppocrv2 weights`.")
@click.option("--teacher", type=Path, metavar="DIR/PREFIX", help="Checkpoint of the frozen teacher of CML.")
@click.option("--steps", type=click.IntRange(1), help="Training steps of the baseline; all rows see as many images.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Training time of every row instead.")
@click.option("--seeds", default="1,2,3", show_default=True, callback=numbers)
@click.option("--rows", callback=names, metavar="KEY,KEY", help="Only these rows; differences are from the first.")
@click.option(
    "-o", "overrides", multiple=True, metavar="[ROW:]KEY=VALUE", help="Change the config of all rows or of one."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Runs at once.")
@click.option("--output", type=FOLDER, required=True, metavar="DIR", help="Runs, table.md, table.json and table.png.")
@click.option("--smoke", "is_smoke", is_flag=True, help="Two steps of narrow networks on drawn images.")
@click.option("--only-report", is_flag=True, help="Run nothing; write the tables of the runs there are.")
def main(kind, data, weights, teacher, steps, minutes, seeds, rows, overrides, jobs, output, is_smoke, only_report):
    """Run the ablation of the recognizer or the detector."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    task = TASKS[kind]
    try:
        chosen = task.chosen(rows)
        well = True
        if not only_report:
            if is_smoke:
                data = data or smoke.draw_data(kind, output / "data")
                steps, minutes, seeds, weights, teacher = smoke.STEPS, None, seeds[:1], None, None
                overrides = (*smoke.OVERRIDES[kind], *overrides)
            if data is None:
                raise UserError("--data is missing: a folder with train.txt, test.txt and the images they name.")
            if bool(steps) == bool(minutes):
                raise UserError("give one budget, --steps N or --minutes M.")
            inputs, budget = plan.Inputs(data, weights, teacher, overrides), plan.Budget(steps, minutes)
            adjust = smoke.narrowed if is_smoke else lambda settled: settled
            with alone(output) as lock, Processes([lock]) as processes:
                ablation = Ablation(task, chosen, inputs, budget, seeds, output, adjust, console.print)
                well = ablation.run(jobs, processes)
        well = present(TITLES[kind], task, chosen, output, only_report) and well
    except (UserError, CommandError) as error:
        console.print(f"ablate: {error}", markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        console.print("Stopped; the finished runs are kept, the same command goes on with the rest.")
        sys.exit(130)
    sys.exit(0 if well else 1)


def present(title, task, chosen, output, only_report):
    """Write the report of all budgets in ``output`` and show its tables. Returns whether no run has failed."""
    found = {budget: collect(folder) for budget, folder in budgets(output).items()}
    if not found:
        raise UserError(f"{output} holds no runs; run some first, without --only-report.")
    known = {key for each in found.values() for key in (*each.results, *each.failures)}
    rows = [row for row in task.rows if row in chosen or (row.key in known and not only_report)]
    sections = [report.Section.of(budget, rows, each, task.measures) for budget, each in found.items()]
    for section in sections:
        header, text = report.cells(section.lines, task.measures)
        split = header.index(report.COSTS)
        console.print(grid(f"{title}, {section.title}", header[:split], [row[:split] for row in text]))
        console.print(grid("what it costs", header[:1] + header[split:], [row[:1] + row[split:] for row in text]))
        header, text = report.averaged_cells(section.lines, task.measures)
        if text:
            console.print(grid("one network of all seeds", header, text))
    start = (read_json(output / START) or {}).get("measures")
    write_json(output / "table.json", report.as_json(sections, start, task.measures))
    with atomic_write(output / "table.md") as file:
        file.write_text(report.markdown(title, sections, start, task.measures), encoding="utf-8")
    with atomic_write(output / "table.png") as file:
        picture(title, sections, start, task.measures, file)
    console.print("  ".join(str(output / f"table.{kind}") for kind in ("md", "json", "png")))
    return not any(each.failures for each in found.values())


def grid(title, header, rows):
    """A table for the terminal; the first column is text, the others numbers."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left", no_wrap=not index)
    for row in rows:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    main()
