"""Trainings killed again and again in one folder, half of them while they save; each goes on from what the last left.

A training takes a narrow recognizer and six real words, so that it saves several times a second. It runs in a process
that is forked from this one, where Paddle is imported already, and is killed with SIGKILL. After each kill

- the newest checkpoint must be whole, and no older than the last one that the log announced;
- the next training must begin at the step after it.

What ends otherwise is "damage".
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ppocrv2_ext.checkpoints import records, sets
from ppocrv2_ext.errors import UserError

from . import ROOT, Outcome

COUNT = 60
CONFIG = "rec/ch_PP-OCRv2_rec_finetune"
WORDS = ROOT / "tests" / "samples" / "icdar2015_words"
LIMIT = 120  # seconds until a training has to take its first step
OVERRIDES = [
    *(f"{mode}.dataset.data_dir={WORDS}" for mode in ("Train", "Eval")),
    *(f"{mode}.dataset.label_file_list=[{WORDS / 'train.txt'}]" for mode in ("Train", "Eval")),
    *(f"{mode}.loader.{key}" for mode in ("Train", "Eval") for key in ("num_workers=0", "batch_size_per_card=2")),
    *("Architecture.Backbone.scale=0.25", "Global.pretrained_model=", "Global.use_gpu=false"),
    *("Global.epoch_num=100000", "Global.save_epoch_step=100000", "Global.eval_batch_step=[0,4]"),
    *("Global.print_batch_step=1", "Global.save_model_dir=out", "Global.cal_metric_during_train=false"),
]
AIMED, RANDOM = "killed while it saves", "killed at a random time"


def run(count: int, seed: int, folder: Path, clone: str | None = None, commands: int = 0) -> Iterator[Outcome]:
    """``count`` kills in ``folder``. ``commands`` is not used: each training is one."""
    # `train` and `recording` are imported here, so that no training imports anything of ours, which somebody may edit.
    from ppocrv2_ext.commands import train  # noqa: F401
    from ppocrv2_ext.host import connect
    from ppocrv2_ext.host.observers import recording  # noqa: F401

    connect(clone)
    output = folder / "out"
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        aimed = number % 2 == 0
        last = records.read_position(output / "latest") if output.is_dir() else None
        start, log = time.monotonic(), folder / f"{number:03}.log"
        training = multiprocessing.get_context("fork").Process(
            target=_train, args=(folder, log, clone, last is not None)
        )
        training.start()
        problem = _wait_for_first_step(training, log, last.global_step if last else 0)
        if problem is None:
            _wait_for_kill(output, rng, aimed)
        training.join(0)
        if training.exitcode is not None:  # no kill was needed
            problem = f"it ended by itself with exit code {training.exitcode}: {_read_end(log)}"
        training.kill()
        training.join()
        kind = f"{AIMED if aimed else RANDOM}: {_describe_rest(output)}"
        problem = problem or _find_damage(output, log)
        seconds = time.monotonic() - start
        verdict = "works" if problem is None else "damage"
        kept = records.read_position(output / "latest")
        said = problem or f"step {kept.global_step if kept else 0} is kept"
        yield Outcome(kind, verdict, seconds, f"kill {number} of seed {seed}, {log}", said)
        if problem and output.is_dir():  # the next one begins anew
            output.rename(folder / f"{number:03}-out")


def _train(folder: Path, log: Path, clone: str | None, resume: bool) -> None:
    from ppocrv2_ext.commands.train import train

    os.chdir(folder)
    with log.open("wb") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    # Whoever started the fuzz may have put other objects in their places, as pytest does.
    sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", buffering=1, closefd=False) for descriptor in (1, 2))
    try:
        train(CONFIG, OVERRIDES, clone, "out" if resume else None)
    except UserError as error:
        os.write(2, f"ppocrv2: {error}\n".encode())
        os._exit(2)


def _read_steps(log: Path) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(step) for step in re.findall(r"global_step: (\d+),", log.read_text(errors="replace"))]
    return []


def _read_end(log: Path) -> str:
    """The last lines of a log."""
    return "\n  ".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else "there is no log"


def _wait_for_first_step(training: multiprocessing.Process, log: Path, last: int) -> str | None:
    """Why there was none, or not the one after ``last``; None if there was."""
    end = time.monotonic() + LIMIT
    while not _read_steps(log):
        if not training.is_alive() or time.monotonic() > end:
            return f"it took no step in {LIMIT} s: {_read_end(log)}"
        time.sleep(0.02)
    first = _read_steps(log)[0]
    return None if first == last + 1 else f"it began at step {first}, after a checkpoint of step {last}"


def _wait_for_kill(output: Path, rng: random.Random, aimed: bool) -> None:
    if aimed:
        end = time.monotonic() + LIMIT
        prefix = rng.choice((sets.PART, sets.WHOLE, sets.PART, sets.PART))
        while not any(output.glob(f"{prefix}*")) and time.monotonic() < end:
            pass
        time.sleep(rng.choice((0, 0.001, 0.01, 0.03, 0.1)))
    else:
        time.sleep(rng.uniform(0, 1.5))


def _describe_rest(output: Path) -> str:
    """What a killed training left of a checkpoint that it was saving."""
    if any(output.glob(f"{sets.WHOLE}*")):
        return "a whole checkpoint was not in its place yet"
    return "a part was left" if any(output.glob(f"{sets.PART}*")) else "no checkpoint was begun"


def _find_announced(log: Path) -> int:
    """The step of the last checkpoint that a log says was saved as `latest`."""
    announced = step = 0
    for line in log.read_text(errors="replace").splitlines():
        found = re.search(r"global_step: (\d+),", line)
        step = int(found[1]) if found else step
        announced = step if line.endswith("save model in out/latest") else announced
    return announced


def _find_damage(output: Path, log: Path) -> str | None:
    """What is wrong with the checkpoints that a killed training has left; None if nothing is."""
    announced = _find_announced(log)
    try:
        sets.tidy(output)
        name, left_out = sets.find_last_good(output)
    except UserError as error:
        return str(error)
    position = records.read_position(output / name)
    if left_out:
        return "; ".join(left_out)
    if (position.global_step if position else 0) < announced:
        return f"step {announced} was announced, {name} is of {position}"
    for path in output.glob("*.pdparams"):
        problem = records.find_problem(str(path)[: -len(".pdparams")])
        if problem:
            return f"{path.name}: {problem}"
    return None
