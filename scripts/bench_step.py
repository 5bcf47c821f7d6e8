"""Time a training step of the recognizer, or of collaborative mutual learning, on a CPU by the fast kernels.

    python scripts/bench_step.py
    python scripts/bench_step.py --cml --lines 4 --widths 640 --paddleocr DIR

The same network and batch, in one process, taking turns. Each width and number of threads has a process of its own, and
so has each peak of memory, over three steps; `--memory` measures these alone. `PaddleOCR` is its CTCLoss over Paddle's
operators, `plain` our CTC over Paddle's operators, `fast` our CTC and network by the fast kernels. With `--cml` the
networks are two students and a teacher, `--lines` counts square scenes, and `PaddleOCR` is the model and the loss of
its own CML config, which only a clone has.

Times are seconds, median and quartiles. `MKL_DEBUG_CPU_TYPE=5` is set where the environment does not say otherwise: it
doubles the speed of Paddle's matrix products on an AMD CPU, in every column. `--keep-memory` tells the C library to
keep freed memory instead of giving it back to the system at every step.
"""

from __future__ import annotations

import contextlib
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
from experiments.options import check_paddleocr
from experiments.timing import describe_machine, spread, take_turns
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.host import build_network, connect

WAYS = ("PaddleOCR", "plain", "fast")
STOCK_CML = "configs/det/ch_PP-OCRv2/ch_PP-OCRv2_det_cml.yml"
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


def bind_way(run: Callable[[str], float], way: str) -> Callable[[], float]:
    """``run`` of one way, by Paddle's operators unless it is the fast one."""
    from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only

    def run_way() -> float:
        with contextlib.nullcontext() if way == "fast" else paddle_only():
            return run(way)

    return run_way


def make_runs(lines: int, width: int, freeze_norm: bool) -> dict[str, dict[str, Callable[[], float]]]:
    """Build the network.

    Returns:
        {"train" or "evaluate": {way: function that runs it once and returns a number to compare}}.
    """
    import paddle
    from ppocr.losses.rec_ctc_loss import CTCLoss

    from ppocrv2_ext.plugins.ctc.losses import FeasibleCTCLoss
    from ppocrv2_ext.plugins.fast_cpu.memory import has_numba

    if not has_numba():
        raise click.ClickException(
            "numba is missing; install it with `pip install '.[fast]'` in a clone of this repository."
        )
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

    return {
        "train": {way: bind_way(train, way) for way in WAYS},
        "evaluate": {way: bind_way(evaluate, way) for way in WAYS[1:]},
    }


def make_cml_runs(scenes: int, side: int, stock: str | None) -> dict[str, dict[str, Callable[[], float]]]:
    """As :func:`make_runs`, for two students and a teacher on square scenes.

    Args:
        stock: PaddleOCR's CML config; None leaves ``PaddleOCR`` out.
    """
    import paddle

    from ppocrv2_ext import config
    from ppocrv2_ext.host.components.construct import construct
    from ppocrv2_ext.plugins.cml.loss import CMLLoss

    def build(architecture: dict) -> paddle.nn.Layer:
        from ppocr.modeling.architectures import build_model

        paddle.seed(0)
        architecture = json.loads(json.dumps(architecture))  # an alias in YAML would make two students one
        for network in architecture["Models"].values():
            network["pretrained"] = None
        return build_model(architecture)

    ours = config.read(config.locate("det/ch_PP-OCRv2_det_cml"))
    options = {key: value for key, value in ours["Loss"].items() if key != "name"}
    learners = {"fast": (build(ours["Architecture"]), construct("loss", CMLLoss, "CMLLoss", options))}
    learners["plain"] = learners["fast"]
    if stock:
        from ppocr.losses import build_loss

        theirs = config.read(stock)
        learners["PaddleOCR"] = build(theirs["Architecture"]), build_loss(theirs["Loss"])
        learners["PaddleOCR"][0].set_state_dict(learners["fast"][0].state_dict())
    optimizers = {
        way: paddle.optimizer.Adam(1e-6, parameters=[p for p in model.parameters() if p.trainable])
        for way, (model, _) in learners.items()
    }
    images = paddle.randn([scenes, 3, side, side])
    rng = np.random.default_rng(0)
    labels = [rng.uniform(0.3, 0.7, (scenes, side, side)), *(np.zeros((3, scenes, side, side)))]
    labels[3][:] = 1
    for scene in range(scenes):
        for x, y in rng.integers(0, side - side // 8, (20, 2)):
            labels[1][scene, y : y + side // 16 + 8, x : x + side // 8] = 1
            labels[2][scene, y + 4 : y + side // 16, x + 4 : x + side // 8 - 4] = 1
    batch = [images, *(paddle.to_tensor(label.astype(np.float32)) for label in labels)]

    def train(way: str) -> float:
        model, loss_of = learners[way]
        model.train()
        loss = loss_of(model(images), batch)["loss"].sum()
        loss.backward()
        optimizers[way].step()
        optimizers[way].clear_grad()
        return float(loss)

    return {"train": {way: bind_way(train, way) for way in WAYS if way in learners}}


def measure(tasks: dict[str, dict[str, Callable[[], float]]], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Time all ways, which take turns: {"train" or "evaluate": {way: seconds of each round}}."""
    times = {}
    for task, runs in tasks.items():
        times[task] = {way: [] for way in runs}
        for way, counts in take_turns(runs, rounds):
            start = time.perf_counter()
            runs[way]()
            if counts:
                times[task][way].append(time.perf_counter() - start)
    return times


def run_child(arguments: list[str], threads: int, keep_memory: bool) -> dict:
    """What this script prints with ``--child`` in a process of its own with ``threads`` threads."""
    environment = {"MKL_DEBUG_CPU_TYPE": "5", **os.environ, "OMP_NUM_THREADS": str(threads)}
    environment.update(KEEP_MEMORY if keep_memory else {})
    command = [sys.executable, __file__, *arguments]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if run.returncode:
        raise click.ClickException(f"{' '.join(command[1:])} ended with {run.returncode}; what it said stands above.")
    return json.loads(run.stdout.splitlines()[-1])


@click.command()
@click.option(
    "--widths",
    type=click.IntRange(16),
    multiple=True,
    default=(320, 96),
    show_default=True,
    help="Pixels of a line.",
)
@click.option("--threads", type=click.IntRange(1), multiple=True, default=(1, 2), show_default=True)
@click.option("--lines", type=click.IntRange(1), default=32, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--train-norm", is_flag=True, help="BatchNorm with statistics of the batch [default: freeze_norm].")
@click.option("--keep-memory", is_flag=True, help="Let the C library keep freed memory, in every column.")
@click.option("--cml", is_flag=True, help="Collaborative mutual learning of detectors; `--widths` is a scene's side.")
@click.option("--paddleocr", metavar="DIR", callback=check_paddleocr, help="A clone of PaddleOCR, with `--cml`.")
@click.option("--memory", is_flag=True, help="Measure only the peaks of memory, with one thread.")
@click.option("--child", type=click.Choice(["times", *WAYS]), hidden=True)
def main(
    widths: tuple[int, ...],
    threads: tuple[int, ...],
    lines: int,
    rounds: int,
    train_norm: bool,
    keep_memory: bool,
    cml: bool,
    paddleocr: str | None,
    memory: bool,
    child: str | None,
) -> None:
    """Time a training step and an evaluation on a CPU."""
    if cml and any(width % 32 for width in widths):
        raise click.UsageError(
            "--widths: the side of a scene must be a multiple of 32; the detector halves it five times."
        )
    if child:
        host = connect(paddleocr)
        stock = str(host.root / STOCK_CML) if paddleocr else None
        runs = make_cml_runs(lines, widths[0], stock) if cml else make_runs(lines, widths[0], not train_norm)
        if child == "times":
            print(json.dumps(measure(runs, rounds)))
        else:
            run = runs["train"][child]
            for _ in range(3):
                run()
            print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
        return
    ways = [way for way in WAYS if way != "PaddleOCR" or not cml or paddleocr]
    table = Table(
        "side" if cml else "32 pixels by",
        "threads",
        "what",
        *WAYS,
        "faster than PaddleOCR",
        "than plain",
        "peak MB: " + ", ".join(ways),
    )
    for width in widths:
        shared = ["--widths", str(width), "--lines", str(lines), *(["--train-norm"] if train_norm else [])]
        shared += [*(["--cml"] if cml else []), *(["--paddleocr", paddleocr] if paddleocr else [])]
        for count in (1,) if memory else threads:
            times = (
                {} if memory else run_child([*shared, "--rounds", str(rounds), "--child", "times"], count, keep_memory)
            )
            peaks = [run_child([*shared, "--child", way], count, keep_memory) for way in ways]
            if memory:
                row = ["train", *["-"] * (len(WAYS) + 2), ", ".join(f"{peak:.0f}" for peak in peaks)]
                table.add_row(str(width), str(count), *row)
            for task, seconds in times.items():
                medians = {way: np.median(values) for way, values in seconds.items()}
                cells = [spread(seconds[way]) if way in seconds else "-" for way in WAYS]
                faster = [f"{medians[way] / medians['fast']:.2f} x" if way in medians else "-" for way in WAYS[:2]]
                megabytes = ", ".join(f"{peak:.0f}" for peak in peaks) if task == "train" else "-"
                table.add_row(str(width), str(count), task, *cells, *faster, megabytes)
    console = Console(highlight=False, width=160)
    console.print(table)
    console.print(
        f"{lines} {'scenes' if cml else f'lines, {CLASSES} classes'}, {rounds} rounds,"
        f" {'batch statistics' if train_norm or cml else 'freeze_norm'},"
        f" {'freed memory kept, ' if keep_memory else ''}{describe_machine()},"
        f" {platform.processor() or platform.machine()}"
    )


if __name__ == "__main__":
    main()
