"""Time a training step of the recognizer on a CPU by the fast kernels, beside Paddle's operators.

    python scripts/bench_step.py

The same network and batch, in one process, taking turns. Each width and number of threads has a process of its own, and
so has each peak of memory. `PaddleOCR` is its CTCLoss over Paddle's operators, `plain` our CTC over Paddle's operators,
`fast` our CTC and network by the fast kernels. Times are seconds, median and quartiles. `MKL_DEBUG_CPU_TYPE=5` is set
where the environment does not say otherwise: it doubles the speed of Paddle's matrix products on an AMD CPU, in every
column. `--keep-memory` tells the C library to keep freed memory instead of giving it back to the system at every step.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import click
import numpy as np
from experiments.records import provenance
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.host import build_network, connect

WAYS = ("PaddleOCR", "plain", "fast")
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "500000000"}
CLASSES = 6625
RECOGNIZER = {
    "model_type": "rec",
    "algorithm": "CRNN",
    "Transform": None,
    "Backbone": {"name": "LCNet", "scale": 1.0},
    "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 64},
    "Head": {"name": "CTCHead", "mid_channels": 96, "fc_decay": 2e-5, "out_channels": CLASSES},
}


def make_runs(lines: int, width: int, freeze_norm: bool) -> dict[str, dict[str, Callable[[], float]]]:
    """Build the network.

    Returns:
        {"train" or "evaluate": {way: function that runs it once and returns a number to compare}}.
    """
    import paddle
    from ppocr.losses.rec_ctc_loss import CTCLoss

    from ppocrv2_ext.plugins.ctc.losses import FeasibleCTCLoss
    from ppocrv2_ext.plugins.fast_cpu.memory import has_numba, paddle_only

    if not has_numba():
        raise click.ClickException("numba is missing; install it with `pip install ppocrv2-ext[fast]`.")
    paddle.seed(0)
    network = build_network({**RECOGNIZER, "freeze_norm": freeze_norm})
    optimizer = paddle.optimizer.Adam(1e-6, parameters=network.parameters())
    images = paddle.randn([lines, 3, 32, width])
    batch = [images, paddle.randint(1, CLASSES, [lines, 25]), paddle.full([lines], min(8, width // 16), "int64")]
    losses = {"PaddleOCR": CTCLoss(), "plain": FeasibleCTCLoss(), "fast": FeasibleCTCLoss()}

    def train(way: str) -> float:
        network.train()
        loss = losses[way](network(images), batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        return float(loss)

    def evaluate(way: str) -> float:
        network.eval()
        with paddle.no_grad():
            return float(network(images).sum())

    def within(way: str, run: Callable[[str], float]) -> Callable[[], float]:
        def run_plain() -> float:
            with paddle_only():
                return run(way)

        return (lambda: run(way)) if way == "fast" else run_plain

    return {
        "train": {way: within(way, train) for way in WAYS},
        "evaluate": {way: within(way, evaluate) for way in WAYS[1:]},
    }


def measure(lines: int, width: int, freeze_norm: bool, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Time all ways, which take turns: {"train" or "evaluate": {way: seconds of each round}}."""
    times = {}
    for task, runs in make_runs(lines, width, freeze_norm).items():
        times[task] = {way: [] for way in runs}
        for turn in range(-1, rounds):  # the first round warms up
            for way in list(runs)[:: 1 if turn % 2 else -1]:
                start = time.perf_counter()
                runs[way]()
                if turn >= 0:
                    times[task][way].append(time.perf_counter() - start)
    return times


def run_child(arguments: list[str], threads: int, keep_memory: bool) -> dict:
    """What this script prints with ``--child`` in a process of its own with ``threads`` threads."""
    environment = {"MKL_DEBUG_CPU_TYPE": "5", **os.environ, "OMP_NUM_THREADS": str(threads)}
    environment.update(KEEP_MEMORY if keep_memory else {})
    command = [sys.executable, __file__, *arguments]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


@click.command()
@click.option("--widths", type=int, multiple=True, default=(320, 96), show_default=True, help="Pixels of a line.")
@click.option("--threads", type=int, multiple=True, default=(1, 2), show_default=True)
@click.option("--lines", type=click.IntRange(1), default=32, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--train-norm", is_flag=True, help="BatchNorm with statistics of the batch [default: freeze_norm].")
@click.option("--keep-memory", is_flag=True, help="Let the C library keep freed memory, in every column.")
@click.option("--child", type=click.Choice(["times", *WAYS]), hidden=True)
def main(
    widths: tuple[int, ...],
    threads: tuple[int, ...],
    lines: int,
    rounds: int,
    train_norm: bool,
    keep_memory: bool,
    child: str | None,
) -> None:
    """Time a training step and an evaluation of the recognizer on a CPU."""
    if child:
        connect()
        if child == "times":
            print(json.dumps(measure(lines, widths[0], not train_norm, rounds)))
        else:
            run = make_runs(lines, widths[0], not train_norm)["train"][child]
            for _ in range(3):
                run()
            print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
        return
    table = Table(
        "32 pixels by", "threads", "what", *WAYS, "faster than PaddleOCR", "than plain", "peak MB: " + ", ".join(WAYS)
    )
    for width in widths:
        shared = ["--widths", str(width), "--lines", str(lines), *(["--train-norm"] if train_norm else [])]
        for count in threads:
            times = run_child([*shared, "--rounds", str(rounds), "--child", "times"], count, keep_memory)
            peaks = [run_child([*shared, "--child", way], count, keep_memory) for way in WAYS]
            for task, ways in times.items():
                quartiles = {way: np.percentile(values, [25, 50, 75]) for way, values in ways.items()}
                cells = [
                    "{1:.2f} [{0:.2f}, {2:.2f}]".format(*quartiles[way]) if way in quartiles else "-" for way in WAYS
                ]
                faster = [
                    f"{quartiles[way][1] / quartiles['fast'][1]:.2f} x" if way in quartiles else "-" for way in WAYS[:2]
                ]
                memory = ", ".join(f"{peak:.0f}" for peak in peaks) if task == "train" else "-"
                table.add_row(str(width), str(count), task, *cells, *faster, memory)
    console = Console(highlight=False, width=160)
    console.print(table)
    console.print(
        f"{lines} lines, {CLASSES} classes, {rounds} rounds, {'batch statistics' if train_norm else 'freeze_norm'},"
        f" {'freed memory kept, ' if keep_memory else ''}commit {provenance()['commit'] or 'none'},"
        f" {platform.processor() or platform.machine()}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
