"""The processes that load data end with the loop over them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import multiprocessing, time
import numpy as np, paddle
from ppocrv2_ext.host.samples.loader import Loader

class Zeros(paddle.io.Dataset):
    def __len__(self): return 400
    def __getitem__(self, index): return np.zeros((3, 8, 8), "float32")

class Numbers(paddle.io.Dataset):
    def __len__(self): return 64
    def __getitem__(self, index): return [np.full((3, 48, 320), index, "float32")]

def wait_for(count):
    end = time.monotonic() + 30
    while len(multiprocessing.active_children()) != count and time.monotonic() < end:
        time.sleep(0.05)
    return len(multiprocessing.active_children())

for leave in ("batches.close()", "del batches"):
    loader = Loader(Zeros(), batch_size=4, num_workers=2)
    batches = iter(loader)
    next(batches)
    counts = [wait_for(2)]
    exec(leave)
    print(leave, *counts, wait_for(0), sum(1 for _ in loader), sep=",")

loader = Loader(Numbers(), batch_size=4, num_workers=2, persistent_workers=True)
for batch in loader:
    break
whole = [[int(batch[0][0, 0, 0, 0]) for batch in loader] for epoch in range(2)] == [list(range(0, 64, 4))] * 2
print("persistent", whole, sep=",")
"""


@pytest.fixture(scope="module")
def said():
    """What the script says, by the first word of a line."""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    lines = (line.split(",") for line in run.stdout.splitlines())
    return {first: rest for first, *rest in lines}


@pytest.mark.parametrize("leave", ["batches.close()", "del batches"])
def test_workers_end_when_the_loop_is_left_in_the_middle_of_an_epoch_and_the_next_epoch_is_whole(said, leave):
    assert said[leave] == ["2", "0", "100"]


def test_an_epoch_is_whole_after_a_loop_over_persistent_workers_was_left(said):
    # PaddleOCR's main lets workers persist, and restored BatchNorm is measured on the first batch of the training.
    assert said["persistent"] == ["True"]
