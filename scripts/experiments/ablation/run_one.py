"""One run: train, evaluate, and a result.json that appears whole or not at all."""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
from importlib import metadata
from pathlib import Path

from ppocrv2_ext import config
from ppocrv2_ext.config.networks import trainable_networks
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write

from . import plan
from .process import CommandError

RESULT, FAILURE, LOG = "result.json", "failed.json", "log.txt"
CALIBRATION_STEPS, WARM_UP = 12, 3
STEP = re.compile(r"global_step: (\d+),.*avg_batch_cost: ([0-9.]+) s")
MEASURE = re.compile(r"ppocr INFO: (\w+):([-+0-9.eE]+|nan)\s*$", re.MULTILINE)


def write_json(path, content):
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path):
    """The content of a JSON file, None if there is none."""
    path = Path(path)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def done(trial):
    """The result of an earlier run of ``trial``, None if there is none.

    Raises:
        UserError: the folder holds the result of other settings; mixing the two would compare the incomparable.
    """
    result = read_json(trial.folder / RESULT)
    if result and result["digest"] != trial.digest:
        raise UserError(
            f"{trial.folder} holds a run of other settings (config, overrides, data, weights or steps): "
            "delete it, or name another --output."
        )
    return result


def run(trial, task, lines, processes):
    """Train and evaluate ``trial``; write result.json, or failed.json, into its folder.

    Returns:
        The result as a dict, None after a failure.
    """
    shutil.rmtree(trial.folder, ignore_errors=True)  # what an interrupted or failed run left
    plan.prepare(trial, lines)
    log = trial.folder / LOG
    try:
        used, seconds = _train(trial, processes, log)
        measures = evaluate(trial.folder / "config.yml", trial.folder / "latest", task, trial.config, processes, log)
    except CommandError as failure:
        write_json(trial.folder / FAILURE, {"row": trial.row.key, "seed": trial.seed, "problem": failure.problem})
        return None
    best = max(
        trainable_networks(trial.config["Architecture"]), key=lambda name: measures[_label(name)][task.measures[0]]
    )
    result = {
        "row": trial.row.key,
        "seed": trial.seed,
        "config": trial.row.config,
        "overrides": list(trial.changes),
        "settings": trial.settings,
        "digest": trial.digest,
        "steps": trial.steps,
        "batch": trial.batch,
        "images": trial.images,
        "networks": measures,
        "best": _label(best),
        "train_seconds": round(sum(seconds), 2),
        "process_seconds": round(used.wall, 2),
        "cpu_seconds": round(used.cpu, 2),
        **provenance(),
    }
    (trial.folder / "latest.pdopt").unlink(missing_ok=True)  # twice the size of the network, and of no more use
    write_json(trial.folder / RESULT, result)
    return result


def _train(trial, processes, log):
    """(Used, seconds of each logged stretch of steps). A trainer that stopped early has failed, whatever it says."""
    used = processes.run(["train", "-c", trial.folder / "config.yml"], log)
    logged = STEP.findall(log.read_text(encoding="utf-8"))
    reached = int(logged[-1][0]) if logged else 0
    if reached != trial.steps:
        raise CommandError(f"training ended after {reached} of {trial.steps} steps", log)
    stretch = trial.config["Global"]["print_batch_step"]
    return used, [stretch * float(cost) for _, cost in logged]


def evaluate(config_file, weights, task, settled, processes, log):
    """{network: {measure: value}} of PaddleOCR's evaluation; a single network goes by the name "network"."""
    processes.run(["eval", "-c", config_file, "-o", config.assignment("Global.pretrained_model", weights)], log)
    said = log.read_text(encoding="utf-8").rpartition("metric eval")[2]
    values = {name: float(value) for name, value in MEASURE.findall(said)}
    found = {}
    for name in trainable_networks(settled["Architecture"]):
        # PaddleOCR's metric of several networks prints the one it goes by without its name.
        bare = name in (None, settled["Metric"].get("key"))
        names = {measure: measure if bare else f"{name}_{measure}" for measure in task.measures}
        missing = [printed for printed in names.values() if printed not in values]
        if missing:
            raise CommandError(f"the evaluation printed no {missing[0]}", log)
        found[_label(name)] = {measure: values[printed] for measure, printed in names.items()}
    return found


def _label(name):
    return name or "network"


def calibrate(row, settled, lines, folder, processes):
    """Seconds of a training step of ``row``, the median of a short run, which leaves nothing in ``folder``."""
    trial = plan.trial(row, 0, CALIBRATION_STEPS, settled, folder / "calibration")
    trial.config["Global"]["print_batch_step"] = 1
    shutil.rmtree(trial.folder, ignore_errors=True)
    plan.prepare(trial, lines)
    _, seconds = _train(trial, processes, trial.folder / LOG)
    shutil.rmtree(folder / "calibration")
    return statistics.median(seconds[WARM_UP:])


def provenance():
    """Commit, versions and machine of a run."""
    here = Path(__file__).resolve().parent
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=here, capture_output=True, text=True)
    versions = {name: _version(name) for name in ("paddlepaddle", "paddlepaddle-gpu", "paddleocr")}
    return {
        "commit": commit.stdout.strip() + ("+changes" if changed.stdout.strip() else ""),
        "versions": {name: version for name, version in versions.items() if version},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
