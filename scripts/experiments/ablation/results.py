"""The files that an ablation writes, and what they hold together.

An ablation writes ``output/BUDGET/ROW/seedS``. A run leaves a result or a failure and its log; a row may have a file on
its averaged weights and one on its exported network.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ppocrv2_ext.files import PathLike

from ..records import read_json

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
            result, failure = read_json(run / RESULT), read_json(run / FAILURE)
            if result:
                results.runs.setdefault(row.name, []).append(result)
            elif failure:
                entry = (failure["seed"], failure["problem"], run / LOG)
                results.failures.setdefault(row.name, []).append(entry)
        for contents, file in ((results.deployments, DEPLOYMENT), (results.averages, AVERAGE)):
            content = read_json(row / file)
            if content:
                contents[row.name] = content
    return results


def find_budgets(output: PathLike) -> dict[str, Path]:
    """{title: folder} of the budgets in ``output``, equal images first."""
    files = Path(output).glob(f"*/{BUDGET}")
    return dict(sorted((read_json(file)["title"], file.parent) for file in files))
