"""Run an ablation from its first trial to its last: what is left to do, in which order, and the costs at the end."""

from __future__ import annotations

import contextlib
import fcntl
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ppocrv2_ext.commands import requirements
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.data.sources import require_sources
from ppocrv2_ext.errors import UserError

from ..processes import CommandError, Processes
from ..records import read_json, write_json
from . import average, deployment, run_one, trials
from .paper import Row, Task
from .results import BUDGET, DEPLOYMENT, LOG, PACE, START, find_budgets, read_results
from .trials import Budget, Inputs, Settings, Trial, count_steps, make_digest, make_settings, make_trial


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[int]:
    """Keep a second ablation out of ``folder``: each would delete the other's unfinished runs.

    Yields:
        The descriptor of the lock. A process that holds it too keeps the folder locked as long as it lives.
    Raises:
        UserError: another ablation has the lock.
    """
    with (requirements.require_writable(folder) / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"another ablation is at work in {folder}; wait for it, or name another --output."
            ) from None
        yield file.fileno()


class Ablation:
    """Rows x seeds under one budget, in ``output``/BUDGET/ROW/seedS.

    Args:
        task: the table, of :data:`.paper.TASKS`.
        rows: of the task.
        inputs: what all rows share.
        budget: what every row may spend.
        seeds: of every row.
        output: folder of this ablation; other budgets may lie in it.
        adjust: takes the config of a row and returns the one to use. It may change its argument.
        say: takes a line of progress.
    Raises:
        UserError: the inputs cannot be run as they are.
    """

    def __init__(
        self,
        task: Task,
        rows: Sequence[Row],
        inputs: Inputs,
        budget: Budget,
        seeds: Sequence[int],
        output: Path,
        adjust: Callable[[dict], dict],
        say: Callable[[str], None],
    ) -> None:
        self.task, self.rows, self.inputs, self.budget, self.seeds = task, rows, inputs, budget, seeds
        self.output, self.folder, self.say = output, output / budget.name, say
        self.settings = {row.key: self._make_settings(row, adjust) for row in (task.baseline, *rows)}
        self.lines = trials.read_training_lines(inputs.data)
        for row in rows:
            require_sources(self.settings[row.key].config, ("Train", "Eval"))
            for seed in seeds:
                requirements.require_weights(trials.with_seed(self.settings[row.key].config, seed), training=True)

    def _make_settings(self, row: Row, adjust: Callable[[dict], dict]) -> Settings:
        settings = make_settings(self.task, row, self.inputs)
        return settings._replace(config=adjust(settings.config))

    def run(self, jobs: int, processes: Processes) -> bool:
        """Do everything that has not been done yet.

        Args:
            jobs: how many runs at once.
        Returns:
            Whether all of it succeeded.
        """
        for row in self.rows:
            requirements.require_writable(self.folder / row.key)
        write_json(self.folder / BUDGET, {"title": self.budget.title})
        self._measure_start(processes)
        trials = [trial for trial in self._make_trials(processes) if not run_one.read_result(trial)]
        self.say(f"{len(trials)} runs to do in {self.folder}")
        with ThreadPoolExecutor(jobs) as pool:
            futures = {
                pool.submit(run_one.run_trial, trial, self.task, self.lines, processes): trial for trial in trials
            }
            try:
                for number, future in enumerate(as_completed(futures), 1):
                    self._say_result(f"{number}/{len(trials)}", futures[future], future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                processes.stop()
                raise
        successes = [self._measure_averages(processes), self._measure_deployments(processes)]
        return all(successes) and not any(read_results(self.folder).failures.values())

    def _say_result(self, count: str, trial: Trial, result: dict | None) -> None:
        name = f"{count} {trial.row.key}, seed {trial.seed}"
        if result is None:
            return self.say(f"{name}: failed, see {trial.folder / LOG}")
        main = self.task.measures[0]
        value = result["networks"][result["best"]][main]
        return self.say(f"{name}: {main} {value:.3f} after {result['train_seconds'] / 60:.1f} min of training")

    def _make_trials(self, processes: Processes) -> list[Trial]:
        """Seed by seed: an ablation that is cut short then compares all rows on the seeds it has."""
        steps = {row.key: self._count_steps(row, processes) for row in self.rows}
        return [
            make_trial(row, seed, steps[row.key], self.settings[row.key], self.folder / row.key)
            for seed in self.seeds
            for row in self.rows
        ]

    def _count_steps(self, row: Row, processes: Processes) -> int:
        settings = self.settings[row.key]
        if self.budget.steps:
            return count_steps(self.budget.steps, settings.config, self.settings[self.task.baseline.key].config)
        digest, file = settings.digest, self.folder / row.key / PACE
        pace = read_json(file)
        if not pace or pace["settings"] != digest:
            pace = {"settings": digest, **self._measure_pace(row, digest, processes)}
            write_json(file, pace)
        steps = max(1, int(60 * self.budget.minutes / pace["seconds"]))
        self.say(f"{row.key}: {pace['seconds']:.2f} s a step ({pace['source']}), so {steps} steps")
        return steps

    def _measure_pace(self, row: Row, digest: str, processes: Processes) -> dict:
        """Seconds of a step. The runs of another budget tell it best, since they are long; else a short run does."""
        runs = [
            run for folder in find_budgets(self.output).values() for run in read_results(folder).runs.get(row.key, [])
        ]
        paces = [run["train_seconds"] / run["steps"] for run in runs if run.get("settings") == digest]
        if paces:
            return {"seconds": statistics.fmean(paces), "source": f"{len(paces)} runs of another budget"}
        seconds = run_one.measure_step(row, self.settings[row.key], self.lines, self.folder / row.key, processes)
        return {"seconds": seconds, "source": f"{run_one.CALIBRATION_STEPS} steps"}

    def _measure_start(self, processes: Processes) -> None:
        """Evaluate the weights before training, with the config of the baseline, and write start.json."""
        if self.inputs.weights is None:
            return
        config, _, contents = self.settings[self.task.baseline.key]
        digest = make_digest([config["Architecture"], config["Eval"], contents])
        content = read_json(self.output / START)
        if content and content["digest"] == digest:
            return
        self.say("evaluate the weights before training")
        file, log = self.output / "start.yml", self.output / "start.txt"
        yaml_files.write(config, file)
        log.unlink(missing_ok=True)
        measures = run_one.evaluate(file, self.inputs.weights, self.task, config, processes, log)
        write_json(self.output / START, {"digest": digest, "measures": next(iter(measures.values()))})

    def _measure_averages(self, processes: Processes) -> bool:
        """Average the rows of several seeds, if all seeds started from one file. Returns whether all succeeded."""
        results, success = read_results(self.folder), True
        for row in self.rows if self.inputs.weights else ():
            runs = sorted(results.runs.get(row.key, []), key=lambda run: run["seed"])
            if len(runs) < 2 or average.is_current(results.averages.get(row.key), runs):
                continue
            self.say(f"{row.key}: average {len(runs)} seeds")
            try:
                average.measure_average(
                    self.folder / row.key, runs, self.task, self.settings[row.key].config, processes
                )
            except CommandError as failure:
                self.say(f"{row.key}: not averaged, {failure}; see {failure.log}")
                success = False
        return success

    def _measure_deployments(self, processes: Processes) -> bool:
        """Export and time the rows after all runs: beside a training, no time means anything.

        When one row is new, all rows are timed again, because only rows that take turns can be compared.

        Returns:
            Whether all rows were exported.
        """
        results = read_results(self.folder)
        first = {key: min(runs, key=lambda run: run["seed"]) for key, runs in results.runs.items()}
        costs = {
            key: cost
            for key, cost in results.deployments.items()
            if key in first and cost["digest"] == first[key]["digest"]
        }
        missing = sorted(set(first) - set(costs))
        for key in missing:
            try:
                self.say(f"{key}: export")
                costs[key] = deployment.export_network(self.folder / key, first[key], processes)
            except CommandError as failure:
                self.say(f"{key}: not exported, {failure}; see {failure.log}")
        if missing and costs:
            folders = {key: self.folder / key for key in costs}
            for key, time in deployment.measure_milliseconds(folders, self.inputs.data).items():
                write_json(folders[key] / DEPLOYMENT, {**costs[key], "milliseconds": time})
        return set(costs) == set(first)
