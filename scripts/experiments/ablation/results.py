"""The files that an ablation writes, and what they hold together.

An ablation writes ``output/BUDGET/ROW/seedS``. A run leaves a result or a failure and its log; a row may have a file on
its averaged weights and one on its exported network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import PathLike

from ..records import read_json
from .paper import Task

TASK = "task.json"  # of the ablation: the key of its table
START, BUDGET, PACE = "start.json", "budget.json", "pace.json"  # of the ablation, of a budget, of a row
AVERAGE, DEPLOYMENT = "averaged.json", "deployed.json"  # of a row
RESULT, FAILURE, LOG = "result.json", "failed.json", "log.txt"  # of a run


class Results(NamedTuple):
    """What the folder of one budget holds, by row key."""

    runs: dict[str, list[dict]]  # a result for each seed, as `run_one.run_trial` returns it
    deployments: dict[str, dict]  # as `deployment.export_network` returns it, with milliseconds
    failures: dict[str, list[tuple[int, str, Path]]]  # (seed, problem, log) of each run without a result
    averages: dict[str, dict]  # digest, seeds and networks


def read_results(folder: PathLike) -> Results:
    """Read what the folder of a budget holds."""
    results = Results({}, {}, {}, {})
    for row in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        for run in sorted(row.glob("seed*")):
            result, failure = _read(run / RESULT), _read(run / FAILURE)
            if result:
                results.runs.setdefault(row.name, []).append(result)
            elif failure:
                entry = (failure["seed"], failure["problem"], run / LOG)
                results.failures.setdefault(row.name, []).append(entry)
        for contents, file in ((results.deployments, DEPLOYMENT), (results.averages, AVERAGE)):
            content = _read(row / file)
            if content:
                contents[row.name] = content
    return results


def find_budgets(output: PathLike) -> dict[str, Path]:
    """{title: folder} of the budgets in ``output``, equal images first."""
    files = Path(output).glob(f"*/{BUDGET}")
    return dict(sorted((_read(file)["title"], file.parent) for file in files))


def require_task(output: PathLike, name: str, task: Task) -> None:
    """Refuse a folder with the runs of another task, since a report of both would mean nothing.

    Args:
        output: of an ablation. A folder of an older version does not name its task; there the rows must fit.
        name: of ``task``.
    Raises:
        UserError: the sentence says whose runs they are.
    """
    mark = _read(Path(output) / TASK)
    if mark is not None:
        if mark.get("task") != name:
            raise UserError(f"{output} holds the runs of {mark.get('task')}, not of {name}; name another --output.")
        return
    every = [read_results(folder) for folder in find_budgets(output).values()]
    strangers = {key for results in every for key in (*results.runs, *results.failures)} - {r.key for r in task.rows}
    if strangers:
        raise UserError(f"{output} holds runs of {min(strangers)}, which is no row of {name}; name another --output.")


def read_start(output: PathLike, budgets: Iterable[Results], measures: Sequence[str]) -> dict[str, float] | None:
    """{measure: value} of the weights before training; None if they were not measured, or a run started elsewhere.

    Args:
        output: of an ablation.
        budgets: what its budgets hold.
        measures: of the task.
    """
    content = _read(Path(output) / START) or {}
    values = content.get("measures", {})
    runs = [run for results in budgets for own in results.runs.values() for run in own]
    started_there = all(set(run["starts"].values()) == {content.get("weights")} for run in runs if "starts" in run)
    return values if started_there and set(measures) <= set(values) else None


def _read(file: Path) -> Any:
    try:
        return read_json(file)
    except ValueError:
        raise UserError(f"{file} is not JSON, so no ablation wrote it; move it away.") from None
