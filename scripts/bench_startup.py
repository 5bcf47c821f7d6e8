"""Measure the CPU time until `ppocrv2` has done its first useful thing, of one checkout or several beside each other.

    python scripts/bench_startup.py
    python scripts/bench_startup.py ../before . --weights pretrain/ch_PP-OCRv2_rec --rounds 9

"check" checks the words of `tests/samples` for fine-tuning, "train" fine-tunes on them until the log names the first
step, and ends there. Every run is a process of its own, with one thread and without workers. The checkouts take turns
in each round. Python keeps what it compiles, as it does for a user, and a first round that does not count fills that
cache. Seconds of CPU time, median and quartiles; "change" is that of the pairs of a round, to the first checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from experiments.options import FOLDER
from experiments.timing import describe_machine, spread, take_turns
from rich.console import Console
from rich.table import Table

WORDS = Path(__file__).resolve().parents[1] / "tests" / "samples" / "icdar2015_words"
CONFIG = "rec/ch_PP-OCRv2_rec_finetune"
FIRST_STEP = "global_step: 1,"  # in PaddleOCR's log
ONE_STEP = {
    "Global.epoch_num": 1,
    "Global.print_batch_step": 1,
    "Global.save_model_dir": "output",
    "Global.use_gpu": False,
    "Train.loader.batch_size_per_card": 4,
    "Train.loader.num_workers": 0,
    "Eval.loader.num_workers": 0,
}


def list_commands(weights: Path | None) -> dict[str, tuple[list[str], str | None]]:
    """{row: (arguments of ppocrv2, the text on its standard output that ends the measurement)}."""
    settings = {"Global.pretrained_model": "" if weights is None else weights.resolve()}
    for mode, labels in (("Train", "train.txt"), ("Eval", "test.txt")):
        settings[f"{mode}.dataset.data_dir"] = WORDS
        settings[f"{mode}.dataset.label_file_list"] = f"[{WORDS / labels}]"
    return {
        "--help": (["--help"], None),
        "configs": (["configs"], None),
        "check": (["check", "-c", CONFIG, *_override(settings)], None),
        "train": (["train", "-c", CONFIG, *_override({**settings, **ONE_STEP})], FIRST_STEP),
    }


def _override(settings: dict) -> list[str]:
    return ["-o", *(f"{key}={value}" for key, value in settings.items())]


def measure(checkout: Path, arguments: list[str], end: str | None, cache: Path) -> float:
    """Seconds of CPU time of ``ppocrv2 ARGUMENTS``, of the package in ``checkout``.

    Args:
        end: the process is killed at the line that has this text; None to let it end.
        cache: where Python keeps compiled modules.
    Raises:
        click.ClickException: it failed, or ended before that line.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONPYCACHEPREFIX": str(cache), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "ppocrv2_ext", *arguments]
    with tempfile.TemporaryDirectory() as folder:  # no package lies there that would come before the checkout's
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if end and end in line:
                process.kill()
                break
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status  # it has been waited for
    reached_end = end in lines[-1] if end and lines else os.waitstatus_to_exitcode(status) == 0
    if not reached_end:
        raise click.ClickException(f"{checkout}: ppocrv2 {arguments[0]} failed.\n{''.join(lines[-20:])}")
    return usage.ru_utime + usage.ru_stime


def name_commit(checkout: Path) -> str:
    """The name of the folder and its commit."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty=+changes"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return f"{checkout.name} {commit}".strip()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("checkouts", nargs=-1, metavar="[DIR]...", type=FOLDER)
@click.option("--weights", type=Path, metavar="DIR/PREFIX", help="To fine-tune, `ppocrv2 weights rec`. [default: none]")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
def main(checkouts: tuple[Path, ...], weights: Path | None, rounds: int) -> None:
    """Measure the start of the package in each DIR, by default in the checkout that this script is in."""
    folders = [folder.resolve() for folder in checkouts or (Path(__file__).parents[1],)]
    seconds: dict[tuple[str, Path], list[float]] = {}
    with tempfile.TemporaryDirectory() as cache:
        commands = list_commands(weights)
        # The first round fills the cache.
        for (name, folder), counts in take_turns([(name, folder) for name in commands for folder in folders], rounds):
            lap = measure(folder, *commands[name], Path(cache))
            if counts:
                seconds.setdefault((name, folder), []).append(lap)
    table = Table("command", "checkout", "CPU seconds", "change", box=None, pad_edge=False)
    for name in commands:
        first = np.array(seconds[name, folders[0]])
        for folder in folders:
            laps = np.array(seconds[name, folder])
            change = spread(laps - first, sign="+") if folder != folders[0] else ""
            table.add_row(name, name_commit(folder), spread(laps), change)
    Console(highlight=False, width=120).print(table)
    click.echo(f"{rounds} rounds, {describe_machine()}")


if __name__ == "__main__":
    main()
