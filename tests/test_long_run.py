"""A training of 500 steps takes no more of the machine at its end than soon after its beginning."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss_finetune"
STEPS = 510
SETTLED = 150  # steps, after which caches are full
PAGE = os.sysconf("SC_PAGE_SIZE")


def measure(process: int) -> tuple[int, int, int]:
    """(resident bytes, open files, threads) of a process, by /proc."""
    folder = Path(f"/proc/{process}")
    resident = int((folder / "statm").read_text().split()[1]) * PAGE
    return resident, len(os.listdir(folder / "fd")), len(os.listdir(folder / "task"))


@pytest.mark.slow
def test_memory_open_files_and_threads_stay_flat_over_500_steps(samples, tmp_path):
    folder = samples / "icdar2015_words"
    lines = len((folder / "train.txt").read_text().splitlines())
    options = [
        *(f"{mode}.dataset.data_dir={folder}" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.label_file_list=[{folder / 'train.txt'}]" for mode in ("Train", "Eval")),
        *(f"{mode}.loader.{key}" for mode in ("Train", "Eval") for key in ("num_workers=1", "batch_size_per_card=2")),
        *("Architecture.Backbone.scale=0.25", "Global.pretrained_model=", "Global.use_gpu=false"),
        f"Global.epoch_num={-(-STEPS // (lines // 2))}",
        *("Global.eval_batch_step=[0,50]", "Global.print_batch_step=1", "Global.save_model_dir=out"),
    ]
    command = [
        sys.executable,
        "-m",
        "ppocrv2_ext",
        "train",
        "-c",
        CONFIG,
        "-o",
    ]
    training = subprocess.Popen(
        [*command, *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    measured = {}
    for line in training.stdout:
        found = re.search(r"global_step: (\d+),", line)
        if found:
            measured[int(found[1])] = measure(training.pid)
    assert training.wait() == 0
    assert max(measured) >= 500
    early, late = (
        np.array([values for step, values in measured.items() if low < step <= high])
        for low, high in ((SETTLED, 325), (325, 500))
    )
    assert np.median(late[:, 0]) < 1.02 * np.median(early[:, 0])
    # Every epoch starts its loader anew, so what is open goes up and down. A leak in each of 60 epochs would show.
    assert (late[:, 1:].max(axis=0) <= early[:, 1:].max(axis=0) + 15).all()
