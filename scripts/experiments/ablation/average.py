"""Average the weights of a row's seeds into one network, and evaluate it on the test images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..processes import Processes
from ..records import write_json
from . import run_one
from .paper import Task
from .results import AVERAGE

WEIGHTS, LOG = "averaged", "averaged.txt"  # of a row


def is_possible(runs: Sequence[dict]) -> bool:
    """Whether there are several runs, all of the same settings. Those have started from the same weights."""
    return len(runs) > 1 and len({run["digest"] for run in runs}) == 1


def is_current(content: dict | None, runs: Sequence[dict]) -> bool:
    """Whether these runs made ``content``, which is what averaged.json holds, or None without one."""
    if not content or not is_possible(runs):
        return False
    return (content.get("digest"), content.get("seeds")) == (runs[0]["digest"], sorted(_list_seeds(runs)))


def measure_average(folder: Path, runs: Sequence[dict], task: Task, config: dict, processes: Processes) -> None:
    """Average the runs of a row, evaluate the average, and write averaged.json.

    Args:
        folder: of the row.
        runs: results, in the order of their seeds.
        config: of the row.
    Raises:
        CommandError: averaging or evaluation failed.
    """
    log, seeds = folder / LOG, _list_seeds(runs)
    log.unlink(missing_ok=True)
    checkpoints = [folder / f"seed{seed}" / "latest" for seed in seeds]
    processes.run(["average", *checkpoints, "--output", folder / WEIGHTS], log)
    config_file = folder / f"seed{seeds[0]}" / "config.yml"
    networks = run_one.evaluate(config_file, folder / WEIGHTS, task, config, processes, log)
    write_json(folder / AVERAGE, {"digest": runs[0]["digest"], "seeds": seeds, "networks": networks})


def _list_seeds(runs: Sequence[dict]) -> list[int]:
    return [run["seed"] for run in runs]
