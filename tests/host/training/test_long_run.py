"""A training of 600 steps takes no more memory, files, threads and processes at its end than after its warm-up."""

import contextlib
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from drawn_words import draw_words

ROOT = Path(__file__).resolve().parents[3]
STEPS = 600
# Of these steps the means are compared. Before them, kernels and buffers are made and the C library's heap finds its
# size. A loader process and a reader thread may live on for 5 seconds, so a single number says little.
EARLY, LATE = range(150, 300), range(450, STEPS + 1)
MOST_GROWTH = {  # from the early steps to the late ones
    "memory": 300 * 12e3,  # bytes: 12 kB a step, half of one sample
    "files": 24,  # one an epoch would be 37
    "threads": 12,
    "processes": 1,
    "shared": 12,  # segments of shared memory: what two loader processes read ahead
}

pytestmark = pytest.mark.slow


class Usage(NamedTuple):
    """What a training takes, with the processes that it has started."""

    memory: int  # bytes, of the training process
    files: int
    threads: int
    processes: int
    shared: int  # segments in /dev/shm


def children(process):
    """The process ids of a process and of all that descend from it."""
    found = [process]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                found += map(int, task.read_text().split())
    return found


def measure(process, seen):
    """The :class:`Usage` of a process. ``seen`` collects all process ids that it has had."""
    seen.update(children(process))
    folder = Path(f"/proc/{process}")
    return Usage(
        int(re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())[1]) << 10,
        len(os.listdir(folder / "fd")),
        len(os.listdir(folder / "task")),
        len(children(process)),
        len(left_in_shared_memory(seen)),
    )


def left_in_shared_memory(processes):
    """Names of what Paddle has put into /dev/shm for these processes."""
    return [
        name
        for name in os.listdir("/dev/shm")
        if re.match(r"paddle_(\d+)_", name) and int(name.split("_")[1]) in processes
    ]


def recognizer(folder, samples):
    changes = [change for change in draw_words(folder) if "Models.Teacher" not in change and ".RecAug." not in change]
    return "rec/ch_PP-OCRv2_rec_finetune", [c.replace("Architecture.Models.Student.", "Architecture.") for c in changes]


def detector(folder, samples):
    scenes = samples / "icdar2015_scenes"
    lines = (scenes / "train.txt").read_text(encoding="utf-8-sig").splitlines()[:8]
    (folder / "scenes.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return "det/ch_PP-OCRv2_det_student_finetune", [
        *(f"{mode}.dataset.data_dir={scenes}" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.label_file_list=[scenes.txt]" for mode in ("Train", "Eval")),
        "Train.dataset.transforms.RandomTextWindow.size=[64,64]",
        "Eval.dataset.transforms.DetResizeForTest.image_shape=[64,64]",
        "Architecture.Backbone.scale=0.35",
    ]


@pytest.mark.parametrize("host", ["wheel", pytest.param("clone", marks=pytest.mark.checkout)])
@pytest.mark.parametrize("kind", [recognizer, detector])
def test_a_long_training_does_not_grow(kind, host, request, samples, tmp_path):
    name, changes = kind(tmp_path, samples)
    changes += [
        *("Global.pretrained_model=", "Global.use_gpu=false", "Global.save_model_dir=out", "Train.loader.shuffle=true"),
        *("Global.epoch_num=1000", "Global.save_epoch_step=10", "Global.eval_batch_step=[0,40]"),
        *("Global.print_batch_step=5", "Train.loader.batch_size_per_card=1"),
        *("Train.loader.num_workers=2", "Eval.loader.num_workers=1"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    if host == "clone":
        environment["PADDLEOCR_HOME"] = str(request.getfixturevalue("checkout"))
    command = [sys.executable, "-m", "ppocrv2_ext", "train", "-c", name, "-o", *changes]
    options = {"cwd": tmp_path, "env": environment, "text": True, "start_new_session": True}
    usages, seen, said = {}, set(), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as training:
        for line in training.stdout:
            said.append(line)
            step = re.search(r"epoch: .*global_step: (\d+),", line)
            if step and int(step[1]) <= STEPS:
                usages[int(step[1])] = measure(training.pid, seen)
            elif step:
                training.terminate()
    assert training.returncode == 143, "".join(said[-20:])
    assert left_in_shared_memory(seen) == []
    for field, most in MOST_GROWTH.items():
        early, late = (
            statistics.mean(getattr(usage, field) for step, usage in usages.items() if step in steps)
            for steps in (EARLY, LATE)
        )
        assert late - early <= most, f"{field}: {early:.6g} in the early steps, {late:.6g} in the late ones"
