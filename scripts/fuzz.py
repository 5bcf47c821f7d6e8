"""Feed the command with broken and hostile input, made from a seed, and count how it ends.

    python scripts/fuzz.py configs
    python scripts/fuzz.py files kills
    python scripts/fuzz.py configs --count 1000 --seed 8 --paddleocr CLONE --commands 40

Each case must end in a sentence: exit code 0, 1 or 2 within its time limit, no traceback, and no code of the input run.
Exits with 1 if one does not, and shows it.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from pathlib import Path

import click
from experiments.fuzz import format_table, is_wrong
from experiments.options import check_paddleocr

SUITES = {  # name: the module with its `run` and `COUNT`
    "configs": "experiments.fuzz.configs",
    "data": "experiments.fuzz.data",
    "files": "experiments.fuzz.files",
    "kills": "experiments.fuzz.kills",
}


@click.command()
@click.argument("names", nargs=-1, metavar="SUITE ...", type=click.Choice(list(SUITES)))
@click.option("--count", type=click.IntRange(1), help="Cases of each suite [default: what each suite says].")
@click.option("--seed", type=int, default=7, show_default=True, help="Other cases.")
@click.option(
    "--paddleocr",
    "clone",
    metavar="DIR",
    callback=check_paddleocr,
    help="A clone of PaddleOCR, whose configs are broken as well.",
)
@click.option("--commands", type=click.IntRange(0), default=0, show_default=True, help="Cases also run as commands.")
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where all inputs stay [default: those of a suite that found a fault stay].",
)
def main(
    names: tuple[str, ...], count: int | None, seed: int, clone: str | None, commands: int, keep: str | None
) -> None:
    """Run suites of broken and hostile input; all of them if none is named."""
    wrong = 0
    for name in names or SUITES:
        suite = importlib.import_module(SUITES[name])
        folder = Path(keep or tempfile.mkdtemp(prefix="fuzz-")) / name
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = []
        for outcome in suite.run(count or suite.COUNT, seed, folder, clone=clone, commands=commands):
            outcomes.append(outcome)
            if is_wrong(outcome):
                wrong += 1
                click.echo(f"{outcome.verdict}: {outcome.kind}: {outcome.case}\n  {outcome.said}", err=True)
        click.echo(f"{name}, seed {seed}")
        click.echo("\n".join(format_table(outcomes)))
        if any(map(is_wrong, outcomes)):
            click.echo(f"their inputs and logs are in {folder}", err=True)
        elif not keep:
            shutil.rmtree(folder.parent)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
