"""Run one trial: train, evaluate, and write a result that appears whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

from ppocrv2_ext.config.networks import trainable_networks
from ppocrv2_ext.config.yaml_files import assignment
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import PathLike

from .. import records
from ..processes import CommandError, Processes, Usage
from .paper import Row, Task
from .results import FAILURE, LOG, RESULT
from .trials import Settings, Trial, make_trial, write_trial

CALIBRATION_STEPS, WARM_UP = 12, 3
STEP = re.compile(r"global_step: (\d+),.*avg_batch_cost: ([0-9.]+) s")
MEASURE = re.compile(r"ppocr INFO: (\w+):([-+0-9.eE]+|nan)\s*$", re.MULTILINE)


def read_result(trial: Trial) -> dict | None:
    """The result of an earlier run of ``trial``, None if there is none.

    Raises:
        UserError: the folder holds a result of other settings. Rows of different settings cannot be compared.
    """
    result = records.read_json(trial.folder / RESULT)
    if result and result["digest"] != trial.digest:
        raise UserError(
            f"{trial.folder} holds a run of other settings (config, overrides, data, weights or steps): "
            "delete it, or name another --output."
        )
    return result


def run_trial(trial: Trial, task: Task, lines: Sequence[str], processes: Processes) -> dict | None:
    """Train and evaluate ``trial``; write result.json, or failed.json, into its folder.

    Args:
        lines: of the training label file.
    Returns:
        The result, None after a failure.
    """
    shutil.rmtree(trial.folder, ignore_errors=True)  # what an interrupted or failed run left
    write_trial(trial, lines)
    log = trial.folder / LOG
    try:
        usage, seconds = _train(trial, processes, log)
        measures = evaluate(trial.folder / "config.yml", trial.folder / "latest", task, trial.config, processes, log)
    except CommandError as failure:
        content = {"row": trial.row.key, "seed": trial.seed, "problem": failure.problem}
        records.write_json(trial.folder / FAILURE, content)
        return None
    best = max(measures, key=lambda name: measures[name][task.measures[0]])
    result = {
        "row": trial.row.key,
        "seed": trial.seed,
        "config": trial.row.config,
        "overrides": list(trial.changes),
        "settings": trial.settings,
        "digest": trial.digest,
        "starts": {_name_network(name): digest for name, digest in trial.starts.items()},
        "steps": trial.steps,
        "batch": trial.batch,
        "images": trial.images,
        "networks": measures,
        "best": best,
        "train_seconds": round(sum(seconds), 2),
        "process_seconds": round(usage.wall, 2),
        "cpu_seconds": round(usage.cpu, 2),
        **records.provenance(),
    }
    (trial.folder / "latest.pdopt").unlink(missing_ok=True)  # nobody reads it, and it is twice as large as the network
    records.write_json(trial.folder / RESULT, result)
    return result


def _require_whole_data(trial: Trial, processes: Processes, log: Path) -> None:
    """Refuse data of which the training leaves lines out: it would end early, and see other images than other rows.

    Raises:
        CommandError: a training would leave lines out, or it cannot use the data at all.
    """
    findings = trial.folder / "check.json"
    processes.run(["check", "-c", trial.folder / "config.yml", "--json", findings], log, fine=(0, 1))
    counts = json.loads(findings.read_text(encoding="utf-8"))["Train"]
    if counts["usable"] < counts["lines"]:
        raise CommandError(
            f"a training leaves out {counts['lines'] - counts['usable']} of its {counts['lines']} lines, and all rows "
            "must see the same; take them out of train.txt: `ppocrv2 check --fix` writes one without them",
            log,
        )


def _train(trial: Trial, processes: Processes, log: Path) -> tuple[Usage, list[float]]:
    """Train, and return the seconds of each stretch of steps that the log has a line for.

    Raises:
        CommandError: lines would be left out, the trainer failed, or it stopped early, whatever its exit code.
    """
    _require_whole_data(trial, processes, log)
    usage = processes.run(["train", "-c", trial.folder / "config.yml"], log)
    steps = STEP.findall(log.read_text(encoding="utf-8", errors="replace"))
    reached = int(steps[-1][0]) if steps else 0
    if reached != trial.steps:
        raise CommandError(f"training ended after {reached} of {trial.steps} steps", log)
    stretch = trial.config["Global"]["print_batch_step"]
    return usage, [stretch * float(cost) for _, cost in steps]


def evaluate(
    config_file: PathLike, weights: PathLike, task: Task, config: dict, processes: Processes, log: Path
) -> dict[str, dict[str, float]]:
    """Run PaddleOCR's evaluation and read the measures from its log.

    Args:
        config_file: the config of the evaluation.
        weights: the checkpoint, without .pdparams.
        config: the content of ``config_file``, or one with the same networks and metric.
        log: the output is appended to this file.
    Returns:
        {network: {measure: value}}. A single network has the name "network".
    Raises:
        CommandError: the evaluation failed, or it printed no such measure.
    """
    processes.run(["eval", "-c", config_file, "-o", assignment("Global.pretrained_model", weights)], log)
    text = log.read_text(encoding="utf-8", errors="replace").rpartition("metric eval")[2]
    values = {name: float(value) for name, value in MEASURE.findall(text)}
    measures = {}
    for name in trainable_networks(config["Architecture"]):
        # PaddleOCR's metric of several networks prints the network that decides without its name.
        bare = name in (None, config["Metric"].get("key"))
        names = {measure: measure if bare else f"{name}_{measure}" for measure in task.measures}
        missing = [each for each in names.values() if each not in values]
        if missing:
            raise CommandError(f"the evaluation printed no {missing[0]}", log)
        measures[_name_network(name)] = {measure: values[each] for measure, each in names.items()}
    return measures


def _name_network(name: str | None) -> str:
    return name or "network"


def measure_step(
    row: Row, seed: int, settings: Settings, lines: Sequence[str], folder: Path, processes: Processes
) -> float:
    """Seconds of a training step of ``row``: the median of a short run, which leaves nothing in ``folder``.

    Raises:
        CommandError: the training failed.
    """
    trial = make_trial(row, seed, CALIBRATION_STEPS, settings, folder / "calibration")
    trial.config["Global"]["print_batch_step"] = 1
    shutil.rmtree(trial.folder, ignore_errors=True)
    write_trial(trial, lines)
    _, seconds = _train(trial, processes, trial.folder / LOG)
    shutil.rmtree(folder / "calibration")
    return statistics.median(seconds[WARM_UP:])
