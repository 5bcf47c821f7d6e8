"""Repeat the paper's ablation on your own data: all rows under one budget, several seeds, the paper's column beside.

    python scripts/ablate.py rec --data DIR --weights pretrain/ch_PP-OCRv2_rec --steps 276 --output output/ablation

The same command goes on where it stopped, because finished runs are kept. Runs of another budget in the same --output
become a second table of the same report.
"""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import click
from experiments.ablation import report, smoke
from experiments.ablation.paper import TASKS, Row, Task
from experiments.ablation.plot import draw_picture
from experiments.ablation.results import TASK, find_budgets, read_results, read_start, require_task
from experiments.ablation.run_all import Ablation, lock_folder, make_all_settings
from experiments.ablation.trials import Budget, Inputs
from experiments.processes import CommandError, Processes
from experiments.records import write_json
from rich import box
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write

# Paddle warns on import, but only people who compile operators need to know.
warnings.filterwarnings("ignore", message="No ccache found")
console = Console(highlight=False, soft_wrap=True)
FOLDER = click.Path(path_type=Path, file_okay=False)
LARGEST_SEED, MOST_MINUTES = 2**32 - 1, 525_600  # the seed that NumPy takes; a year
TITLES = {
    "rec": "Ablation of the recognizer",
    "scratch": "Ablation of the recognizer, from noise",
    "det": "Ablation of the detector",
    "det_scratch": "Ablation of the detector, from noise",
    "v6_rec": "Ablation of the recognizer of PP-OCRv6 tiny",
    "v6_det": "Ablation of the detector of PP-OCRv6 tiny",
}


def parse_seeds(_: click.Context, __: click.Parameter, text: str) -> list[int]:
    """The whole numbers of an option such as 1,2,3."""
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"whole numbers with commas between, got {text!r}.") from None
    if not all(0 <= seed <= LARGEST_SEED for seed in seeds):
        raise click.BadParameter(f"a seed must be from 0 to {LARGEST_SEED}, got {text!r}.")
    if len(set(seeds)) < len(seeds):
        raise click.BadParameter(f"each seed must be there once, got {text!r}.")
    return seeds


def parse_minutes(_: click.Context, __: click.Parameter, minutes: float | None) -> float | None:
    """A number of minutes; None without one."""
    if minutes is not None and not 0 < minutes <= MOST_MINUTES:  # a NaN is in no range
        raise click.BadParameter(f"a number above 0 and up to {MOST_MINUTES}, got {minutes}.")
    return minutes


def parse_keys(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    """The names of an option such as ctc,udml; None without one."""
    return text.split(",") if text else None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("kind", type=click.Choice(sorted(TASKS)))
@click.option("--data", type=FOLDER, metavar="DIR", help="Holds train.txt, test.txt and the images they name.")
@click.option("--weights", type=Path, metavar="DIR/PREFIX", help="Where all networks start, see `ppocrv2 weights`.")
@click.option("--teacher", type=Path, metavar="DIR/PREFIX", help="Checkpoint of the frozen teacher of CML.")
@click.option("--steps", type=click.IntRange(1), help="Training steps of the baseline; all rows see as many images.")
@click.option("--minutes", type=float, callback=parse_minutes, help="Instead of steps: training time of each row.")
@click.option("--seeds", default="1,2,3", show_default=True, callback=parse_seeds)
@click.option(
    "--rows", callback=parse_keys, metavar="KEY,KEY", help="Only these rows; differences are taken from the first."
)
@click.option(
    "-o",
    "overrides",
    multiple=True,
    metavar="[ROW:]KEY=VALUE",
    help="Change the config of all rows or of one; {seed} in a value stands for the seed of the run.",
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Runs at once.")
@click.option("--output", type=FOLDER, required=True, metavar="DIR", help="Runs, table.md, table.json and table.png.")
@click.option("--smoke", "is_smoke", is_flag=True, help="Two steps of narrow networks on drawn images.")
@click.option("--only-report", is_flag=True, help="Run nothing; report the runs that are finished.")
def main(
    kind: str,
    data: Path | None,
    weights: Path | None,
    teacher: Path | None,
    steps: int | None,
    minutes: float | None,
    seeds: list[int],
    rows: list[str] | None,
    overrides: tuple[str, ...],
    jobs: int,
    output: Path,
    is_smoke: bool,
    only_report: bool,
) -> None:
    """Run the ablation of the recognizer or the detector.

    The rows of rec and det start from official weights, those of scratch and det_scratch from noise. v6_rec and v6_det
    are PP-OCRv6 tiny on a clone of PaddleOCR.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    task = TASKS[kind]
    try:
        selection = task.select_rows(rows)
        success = True
        if only_report:
            require_task(output, kind, task)
        else:
            is_drawn = is_smoke and data is None
            if is_smoke:
                data = data or output / smoke.FOLDER
                steps, minutes, seeds, weights, teacher = smoke.STEPS, None, seeds[:1], None, None
                overrides = (*smoke.OVERRIDES[kind], *overrides)
            if data is None:
                raise UserError("--data is missing: a folder with train.txt, test.txt and the images they name.")
            if bool(steps) == bool(minutes):
                raise UserError("give one budget, --steps N or --minutes M.")
            if task.needs_clone:
                require_clone(kind)
            inputs, budget = Inputs(data, weights, teacher, overrides), Budget(steps, minutes)
            with lock_folder(output) as lock, Processes([lock]) as processes:
                require_task(output, kind, task)
                if is_drawn:
                    make_all_settings(task, selection, inputs, seeds, is_smoke)  # a mistake is told before we draw
                    smoke.draw_data(kind, inputs.data)
                ablation = Ablation(task, selection, inputs, budget, seeds, output, is_smoke, console.print)
                write_json(output / TASK, {"task": kind})
                success = ablation.run(jobs, processes)
        success = write_report(TITLES[kind], task, selection, output, only_report) and success
    except UserError as error:
        console.print(f"ablate: {error}", markup=False)
        sys.exit(2)
    except CommandError as error:
        console.print(f"ablate: {error}; see {error.log}", markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        console.print("Stopped. The finished runs are kept, and the same command goes on with the rest.")
        sys.exit(130)
    sys.exit(0 if success else 1)


def require_clone(kind: str) -> None:
    """Refuse a table whose networks the PaddleOCR in use does not have.

    Raises:
        UserError: the PaddleOCR in use is the wheel, or there is none.
    """
    from ppocrv2_ext.host.find import find_host  # it imports Paddle, and most runs of this script need none

    if find_host().kind != "checkout":
        raise UserError(f"the networks of {kind} are not in the wheel: set PADDLEOCR_HOME to a clone.")


def write_report(title: str, task: Task, selection: Sequence[Row], output: Path, only_selection: bool) -> bool:
    """Write the report of all budgets in ``output`` and show its tables.

    Args:
        title: of the report.
        selection: the rows that the user asked for.
        only_selection: leave out the rows that have runs but are not in ``selection``.
    Returns:
        Whether no run has failed.
    Raises:
        UserError: there are no runs.
    """
    budgets = {title: read_results(folder) for title, folder in find_budgets(output).items()}
    if not budgets:
        raise UserError(f"{output} holds no runs; run some first, without --only-report.")
    known = {key for results in budgets.values() for key in (*results.runs, *results.failures)}
    rows = [row for row in task.rows if row in selection or (row.key in known and not only_selection)]
    sections = [report.Section.of(budget, rows, results, task.measures) for budget, results in budgets.items()]
    for section in sections:
        header, cells = report.make_cells(section.lines, task.measures)
        split = header.index(report.FIRST_COST)
        console.print(make_table(f"{title}, {section.title}", header[:split], [row[:split] for row in cells]))
        costs = [row[:1] + row[split:] for row in cells]
        console.print(make_table("what it costs", header[:1] + header[split:], costs))
        header, cells = report.make_average_cells(section.lines, task.measures)
        if cells:
            console.print(make_table("one network of all seeds", header, cells))
    start = read_start(output, budgets.values(), task.measures)
    write_json(output / "table.json", report.to_json(sections, start, task.measures))
    with atomic_write(output / "table.md") as file:
        file.write_text(report.to_markdown(title, sections, start, task.measures), encoding="utf-8")
    with atomic_write(output / "table.png") as file:
        draw_picture(title, sections, start, task.measures, file)
    console.print("  ".join(str(output / f"table.{suffix}") for suffix in ("md", "json", "png")))
    return not any(results.failures for results in budgets.values())


def make_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for the terminal; the first column is text, the others are numbers."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left", no_wrap=not index)
    for row in rows:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    main()
