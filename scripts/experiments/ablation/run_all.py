"""An ablation from its first run to its last: what is left to do, in which order, and what there is to report."""

import contextlib
import fcntl
import statistics
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from ppocrv2_ext import config
from ppocrv2_ext.commands import requirements
from ppocrv2_ext.errors import UserError

from . import averaged, deployed, plan, runs
from .process import CommandError

START, BUDGET, PACE = "start.json", "budget.json", "pace.json"


@contextlib.contextmanager
def alone(folder):
    """Keep a second ablation out of ``folder``: each would delete the other's unfinished runs.

    Yields:
        The descriptor of the lock. A process that holds it too keeps the folder as long as it lives.
    """
    with (requirements.require_writable(folder) / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"another ablation is at work in {folder}; wait for it, or name another --output."
            ) from None
        yield file.fileno()


class Found(NamedTuple):
    """What a folder of one budget holds, by row key."""

    results: dict
    deployed: dict
    failures: dict  # [(seed, problem, log)]
    averaged: dict


class Ablation:
    """Rows x seeds under one budget, in ``output``/BUDGET/ROW/seedS.

    Args:
        task: one of :data:`experiments.ablation.rows.TASKS`.
        rows: of the task.
        inputs: plan.Inputs.
        budget: plan.Budget.
        seeds: list of int.
        output: folder of this ablation; other budgets may lie in it.
        adjust: function of a row's config, which it may change, to its config.
        say: function of a line of progress.
    Raises:
        UserError: the inputs cannot be run as they are.
    """

    def __init__(self, task, rows, inputs, budget, seeds, output, adjust, say):
        self.task, self.rows, self.inputs, self.budget, self.seeds = task, rows, inputs, budget, seeds
        self.output, self.folder, self.say = output, output / budget.name, say
        self.settings = {row.key: self._settings(row, adjust) for row in (task.baseline, *rows)}
        self.lines = plan.read_lines(inputs.data)
        for row in rows:
            requirements.require_data(self.settings[row.key].config, ("Train", "Eval"))
            requirements.require_weights(self.settings[row.key].config, training=True)

    def _settings(self, row, adjust):
        settled = plan.settings(self.task, row, self.inputs)
        return settled._replace(config=adjust(settled.config))

    def run(self, jobs, processes):
        """Everything that has not been done yet.

        Args:
            jobs: runs at once.
            processes: Processes.
        Returns:
            Whether all of it went well.
        """
        for row in self.rows:
            requirements.require_writable(self.folder / row.key)
        runs.write_json(self.folder / BUDGET, {"title": self.budget.title})
        self._measure_start(processes)
        trials = [trial for trial in self._trials(processes) if not runs.done(trial)]
        self.say(f"{len(trials)} runs to do in {self.folder}")
        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(runs.run, trial, self.task, self.lines, processes): trial for trial in trials}
            try:
                for number, future in enumerate(as_completed(futures), 1):
                    self._tell(f"{number}/{len(trials)}", futures[future], future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                processes.stop()
                raise
        well = [self._measure_averaged(processes), self._measure_deployed(processes)]
        return all(well) and not any(collect(self.folder).failures.values())

    def _tell(self, count, trial, result):
        what = f"{count} {trial.row.key}, seed {trial.seed}"
        if result is None:
            return self.say(f"{what}: failed, see {trial.folder / runs.LOG}")
        main = self.task.measures[0]
        reached = result["networks"][result["best"]][main]
        return self.say(f"{what}: {main} {reached:.3f} after {result['train_seconds'] / 60:.1f} min of training")

    def _trials(self, processes):
        """Seed by seed, so that an ablation cut short compares all rows on the seeds it has."""
        steps = {row.key: self._steps(row, processes) for row in self.rows}
        return [
            plan.trial(row, seed, steps[row.key], self.settings[row.key], self.folder / row.key)
            for seed in self.seeds
            for row in self.rows
        ]

    def _steps(self, row, processes):
        settled = self.settings[row.key]
        if self.budget.steps:
            return plan.steps_of(self.budget, settled.config, self.settings[self.task.baseline.key].config)
        settings, file = settled.digest, self.folder / row.key / PACE
        pace = runs.read_json(file)
        if not pace or pace["settings"] != settings:
            pace = {"settings": settings, **self._pace(row, settings, processes)}
            runs.write_json(file, pace)
        steps = max(1, int(60 * self.budget.minutes / pace["seconds"]))
        self.say(f"{row.key}: {pace['seconds']:.2f} s a step ({pace['source']}), so {steps} steps")
        return steps

    def _pace(self, row, settings, processes):
        """Seconds of a step: of the runs of another budget, which are many steps, else of a few steps made for this."""
        others = [run for folder in budgets(self.output).values() for run in collect(folder).results.get(row.key, [])]
        same = [run["train_seconds"] / run["steps"] for run in others if run.get("settings") == settings]
        if same:
            return {"seconds": statistics.fmean(same), "source": f"{len(same)} runs of another budget"}
        seconds = runs.calibrate(row, self.settings[row.key], self.lines, self.folder / row.key, processes)
        return {"seconds": seconds, "source": f"{runs.CALIBRATION_STEPS} steps"}

    def _measure_start(self, processes):
        """Evaluate the weights before training, by the baseline's config; remembered in start.json."""
        if self.inputs.weights is None:
            return
        settled, _, contents = self.settings[self.task.baseline.key]
        digest = plan.digest([settled["Architecture"], settled["Eval"], contents])
        known = runs.read_json(self.output / START)
        if known and known["digest"] == digest:
            return
        self.say("evaluate the weights before training")
        file, log = self.output / "start.yml", self.output / "start.txt"
        config.write(settled, file)
        log.unlink(missing_ok=True)
        measures = runs.evaluate(file, self.inputs.weights, self.task, settled, processes, log)
        runs.write_json(self.output / START, {"digest": digest, "measures": next(iter(measures.values()))})

    def _measure_averaged(self, processes):
        """Of rows with several seeds, where all began from one file. Returns whether all went well."""
        found, well = collect(self.folder), True
        for row in self.rows if self.inputs.weights else ():
            results = sorted(found.results.get(row.key, []), key=lambda run: run["seed"])
            if len(results) < 2 or averaged.is_of(found.averaged.get(row.key), results):
                continue
            self.say(f"{row.key}: average {len(results)} seeds")
            try:
                averaged.measure(self.folder / row.key, results, self.task, self.settings[row.key].config, processes)
            except CommandError as failure:
                self.say(f"{row.key}: not averaged, {failure}; see {failure.log}")
                well = False
        return well

    def _measure_deployed(self, processes):
        """After all runs, since a time measured beside a training is none. Returns whether all went well."""
        found = collect(self.folder)
        first = {key: min(results, key=lambda run: run["seed"]) for key, results in found.results.items()}
        costs = {k: cost for k, cost in found.deployed.items() if k in first and cost["digest"] == first[k]["digest"]}
        missing = sorted(set(first) - set(costs))
        for key in missing:
            try:
                self.say(f"{key}: export")
                costs[key] = deployed.export(self.folder / key, first[key], processes)
            except CommandError as failure:
                self.say(f"{key}: not exported, {failure}; see {failure.log}")
        if missing and costs:
            folders = {key: self.folder / key for key in costs}
            for key, time in deployed.milliseconds(folders, self.inputs.data).items():
                runs.write_json(folders[key] / deployed.FILE, {**costs[key], "milliseconds": time})
        return set(costs) == set(first)


def collect(folder):
    """What a budget's folder holds."""
    found = Found({}, {}, {}, {})
    for row in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        for run in sorted(row.glob("seed*")):
            result, failure = runs.read_json(run / runs.RESULT), runs.read_json(run / runs.FAILURE)
            if result:
                found.results.setdefault(row.name, []).append(result)
            elif failure:
                found.failures.setdefault(row.name, []).append((failure["seed"], failure["problem"], run / runs.LOG))
        for held, file in ((found.deployed, deployed.FILE), (found.averaged, averaged.FILE)):
            content = runs.read_json(row / file)
            if content:
                held[row.name] = content
    return found


def budgets(output):
    """{title: folder} of the budgets in ``output``, equal images first."""
    files = Path(output).glob(f"*/{BUDGET}")
    return dict(sorted((runs.read_json(file)["title"], file.parent) for file in files))
