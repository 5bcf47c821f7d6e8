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
from ppocrv2_ext.errors import UserError, reason_of, summarise
from ppocrv2_ext.write_checks import make_writable_folder

from ..processes import CommandError, Processes
from ..records import read_json, write_json
from . import average, deployment, run_one, smoke, trials
from .paper import Row, Task
from .results import BUDGET, DEPLOYMENT, LOG, PACE, START, find_budgets, read_results
from .trials import Budget, Inputs, Settings, Trial, count_steps, make_digest, make_trial


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[int]:
    """Keep a second ablation out of ``folder``: each would delete the other's unfinished runs.

    Yields:
        The descriptor of the lock. A process that holds it too keeps the folder locked as long as it lives.
    Raises:
        UserError: another ablation has the lock.
    """
    path = make_writable_folder(folder) / ".lock"
    try:
        file = path.open("w")
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason_of(error)}; remove it, or name another --output.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"another ablation is at work in {folder}; wait for it, or name another --output."
            ) from None
        yield file.fileno()


def make_all_settings(
    task: Task, rows: Sequence[Row], inputs: Inputs, seeds: Sequence[int], is_smoke: bool
) -> dict[str, Settings]:
    """{row key: settings} of the baseline and of ``rows``, checked as far as that needs no data.

    Args:
        is_smoke: narrow the networks, and let a frozen teacher start from noise.
    Raises:
        UserError: the settings of a row cannot be used.
    """
    settings = {}
    for row in dict.fromkeys((task.baseline, *rows)):
        own = trials.make_settings(task, row, inputs)
        configs = [trials.with_seed(row, own, seed) for seed in seeds]
        for config in configs if row in rows and not is_smoke else ():
            trials.require_teachers(row, config)
        settings[row.key] = own._replace(config=smoke.narrow_backbones(own.config)) if is_smoke else own
    return settings


class Ablation:
    """Rows x seeds under one budget, in ``output``/BUDGET/ROW/seedS.

    Args:
        task: the table, of :data:`.paper.TASKS`.
        rows: of the task.
        inputs: what all rows share.
        budget: what every row may spend.
        seeds: of every row.
        output: folder of this ablation; other budgets may lie in it.
        is_smoke: as for :func:`make_all_settings`.
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
        is_smoke: bool,
        say: Callable[[str], None],
    ) -> None:
        self.task, self.rows, self.inputs, self.budget, self.seeds = task, rows, inputs, budget, seeds
        self.output, self.folder, self.say = output, output / budget.name, say
        self.lines = trials.read_training_lines(inputs.data)
        self.settings = make_all_settings(task, rows, inputs, seeds, is_smoke)
        for row in rows:
            for seed in seeds:
                config = trials.with_seed(row, self.settings[row.key], seed)
                require_sources(config, ("Train", "Eval"))
                requirements.require_weights(config, training=True)

    def _config(self, row: Row) -> dict:
        """The config of a row. That of another seed has the same networks, metric and test images."""
        return trials.with_seed(row, self.settings[row.key], self.seeds[0])

    def run(self, jobs: int, processes: Processes) -> bool:
        """Do everything that has not been done yet.

        Args:
            jobs: how many runs at once.
        Returns:
            Whether all of it succeeded.
        """
        for row in self.rows:
            make_writable_folder(self.folder / row.key)
        write_json(self.folder / BUDGET, {"title": self.budget.title})
        trials = self._make_trials(processes)
        self._measure_start(trials, processes)
        missing = [trial for trial in trials if not run_one.read_result(trial)]
        self.say(f"{len(missing)} runs to do in {self.folder}")
        with ThreadPoolExecutor(jobs) as pool:
            futures = {
                pool.submit(run_one.run_trial, trial, self.task, self.lines, processes): trial for trial in missing
            }
            try:
                for number, future in enumerate(as_completed(futures), 1):
                    self._say_result(f"{number}/{len(missing)}", futures[future], future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                processes.stop()
                raise
        successes = [self._measure_averages(trials, processes), self._measure_deployments(processes)]
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
            return count_steps(self.budget.steps, self._config(row), self._config(self.task.baseline))
        digest, file = settings.digest, self.folder / row.key / PACE
        pace = read_json(file)
        if not pace or pace.get("settings") != digest:
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
        seconds = run_one.measure_step(
            row, self.seeds[0], self.settings[row.key], self.lines, self.folder / row.key, processes
        )
        return {"seconds": seconds, "source": f"{run_one.CALIBRATION_STEPS} steps"}

    def _measure_start(self, trials: Sequence[Trial], processes: Processes) -> None:
        """Evaluate the weights that all networks start from, with the config of the baseline; write start.json."""
        config, contents = self._config(self.task.baseline), self.settings[self.task.baseline.key].contents
        weights = contents.get("weights")
        if weights is None or any(set(trial.starts.values()) != {weights} for trial in trials):
            return
        digest = make_digest([config["Architecture"], config["Eval"], contents])
        content = read_json(self.output / START) or {}
        if content.get("digest") != digest:
            self.say("evaluate the weights before training")
            file, log = self.output / "start.yml", self.output / "start.txt"
            yaml_files.write(config, file)
            log.unlink(missing_ok=True)
            networks = run_one.evaluate(file, self.inputs.weights, self.task, config, processes, log)
            content = {"digest": digest, "measures": next(iter(networks.values()))}
        write_json(self.output / START, {**content, "weights": weights})

    def _measure_averages(self, trials: Sequence[Trial], processes: Processes) -> bool:
        """Average the rows of several seeds, if all seeds started from one file. Returns whether all succeeded."""
        results, success = read_results(self.folder), True
        from_noise = {trial.row.key for trial in trials if None in trial.starts.values()}
        for row in self.rows:
            runs = sorted(results.runs.get(row.key, []), key=lambda run: run["seed"])
            if row.key in from_noise or not average.is_possible(runs):
                continue
            if average.is_current(results.averages.get(row.key), runs):
                continue
            self.say(f"{row.key}: average {len(runs)} seeds")
            try:
                average.measure_average(self.folder / row.key, runs, self.task, self._config(row), processes)
            except CommandError as failure:
                self.say(f"{row.key}: not averaged, {failure}; see {failure.log}")
                success = False
        return success

    def _measure_deployments(self, processes: Processes) -> bool:
        """Export and time the rows after all runs: beside a training, no time means anything.

        When one row is new, all rows are timed again, because only rows that take turns can be compared.

        Returns:
            Whether all rows were exported and timed.
        """
        results = read_results(self.folder)
        first = {key: min(runs, key=lambda run: run["seed"]) for key, runs in results.runs.items()}
        costs = {
            key: cost
            for key, cost in results.deployments.items()
            if key in first and cost["digest"] == first[key]["digest"] and "problem" not in cost
        }
        missing = sorted(set(first) - set(costs))
        for key in missing:
            try:
                self.say(f"{key}: export")
                costs[key] = deployment.export_network(self.folder / key, first[key], processes)
            except Exception as failure:  # Paddle fails in many ways, and the report of all runs is still to come
                self.say(f"{key}: not exported, {_explain(failure)}")
        new = [key for key in missing if key in costs]
        if not new:
            return not missing
        folders = {key: self.folder / key for key in costs}
        try:
            times = deployment.measure_milliseconds(folders, self.inputs.data)
        except Exception as failure:  # as above
            self.say(f"{', '.join(new)}: not timed, {_explain(failure)}")
            for key in new:
                write_json(folders[key] / DEPLOYMENT, {**costs[key], "problem": _explain(failure)})
            return False
        for key, time in times.items():
            write_json(folders[key] / DEPLOYMENT, {**costs[key], "milliseconds": time})
        return set(costs) == set(first)


def _explain(failure: Exception) -> str:
    """Why something failed, as the end of a sentence."""
    if isinstance(failure, CommandError):
        return f"{failure}; see {failure.log}"
    return str(failure) if isinstance(failure, UserError) else summarise(failure)
