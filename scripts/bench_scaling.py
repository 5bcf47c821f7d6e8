"""Measure how costs grow with the work, and draw them.

    python scripts/bench_scaling.py --output configs/scaling.png

Five costs, as seconds of the processor, the median of the rounds: a sample of a detector by the boxes of its scene, CTC
with center loss by the classes, the loss of collaborative mutual learning by the side of its maps, a step of CTC with
center loss by the ranks of the training, summed over these, and a check of label lines by their number.

Each gets two exponents n of cost ~ work^n: over the whole range, by least squares, and between its last two points,
where fixed costs hide least. The side of a map counts as its pixels, because those are the work.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
from bench_check import make_config
from bench_copy_paste import draw_boxes
from bench_losses import make_scenes
from bench_pipeline import PIPELINES, build_loader
from experiments.timing import describe_machine
from rich.console import Console
from rich.table import Table

MARK = "SECONDS "  # begins the line with the result of a rank


class Cost(NamedTuple):
    """What is measured, and for which amounts of work."""

    unit: str  # of the work, for the axis
    amounts: tuple[int, ...]
    prepare: Callable[[int, Path], Callable[[], float]]  # (amount, folder) -> what measures it once, in seconds
    dimensions: int = 1  # the work is the amount to this power


def time_call(function: Callable[[], object], times: int = 1) -> float:
    """Seconds of the processor that one call takes."""
    start = time.process_time()
    for _ in range(times):
        function()
    return (time.process_time() - start) / times


def prepare_sample(boxes: int, folder: Path) -> Callable[[], float]:
    """Samples of the CML config from a scene of 1280 x 720 with so many boxes."""
    rng = np.random.default_rng(0)
    sample = draw_boxes(rng, rng.integers(0, 256, (720, 1280, 3), dtype=np.uint8), boxes)
    image, labels = folder / f"{boxes}.jpg", folder / f"{boxes}.txt"
    cv2.imwrite(str(image), sample["image"])
    texts = zip(sample["texts"], sample["polys"].tolist())
    label = json.dumps([{"transcription": text, "points": points} for text, points in texts])
    labels.write_text(f"{image.name}\t{label}\n", encoding="utf-8")
    dataset = build_loader(PIPELINES["detection"], labels, "ours").dataset
    return lambda: time_call(lambda: dataset[0], 12)


def prepare_text_loss(classes: int, folder: Path | None = None) -> Callable[[], float]:
    """CTC with center loss and the update of the centers, forward and backward, on 16 lines of 80 frames."""
    import paddle

    from ppocrv2_ext.plugins.center_loss.head import CenterHeadOutput
    from ppocrv2_ext.plugins.center_loss.loss import CTCCenterLoss

    paddle.seed(0)
    loss, lines = CTCCenterLoss(), 16
    features, logits = paddle.randn([lines, 80, 96]), paddle.randn([lines, 80, classes])
    features.stop_gradient = logits.stop_gradient = False
    output = CenterHeadOutput(features, paddle.zeros([classes, 96]), paddle.zeros([classes], "int64"), logits)
    batch = [None, paddle.randint(1, classes, [lines, 25]), paddle.randint(1, 26, [lines])]

    def run() -> None:
        loss(output, batch)["loss"].backward()
        features.clear_gradient(False)
        logits.clear_gradient(False)

    return lambda: time_call(run, 3)


def prepare_map_loss(side: int, folder: Path) -> Callable[[], float]:
    """CMLLoss, forward and backward, on one scene."""
    from ppocrv2_ext.plugins.cml.loss import CMLLoss

    predicts, batch = make_scenes(1, side, 0)
    loss = CMLLoss()

    def run() -> None:
        loss(predicts, batch)["loss"].backward()
        for output in predicts.values():
            output["maps"].clear_gradient(False)

    return lambda: time_call(run)


def prepare_ranks(ranks: int, folder: Path) -> Callable[[], float]:
    """CTC with center loss in so many processes, each with 16 lines of 6625 classes. Seconds of all processes."""
    command = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(ranks), "--backend", "gloo"]
    command += ["--log_dir", str(folder / "log"), str(Path(__file__).resolve()), "--rank"]
    path = os.pathsep.join([str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}

    def run() -> float:
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        logs = (folder / "log" / f"workerlog.{rank}" for rank in range(ranks))
        lines = [line for log in logs for line in log.read_text().splitlines() if line.startswith(MARK)]
        return sum(float(line[len(MARK) :]) for line in lines)

    return run


def prepare_check(lines: int, folder: Path) -> Callable[[], float]:
    """Label lines of one picture, which is not decoded."""
    from ppocrv2_ext.data import check

    labels, image = folder / f"{lines}.txt", folder / "word.png"
    cv2.imwrite(str(image), np.zeros((32, 96, 3), np.uint8))
    labels.write_text(f"{image.name}\tGenaxis\n" * lines, encoding="utf-8")
    config = make_config(folder, labels)
    return lambda: time_call(lambda: check.check_data(config, ("Train",)))


COSTS = {
    "detection sample": Cost("boxes", (1, 3, 10, 30, 100, 300), prepare_sample),
    "CTC + center loss": Cost("classes", (37, 150, 600, 2400, 6625), prepare_text_loss),
    "CML loss": Cost("side in pixels", (320, 480, 640, 960, 1280), prepare_map_loss, dimensions=2),
    "step of all ranks": Cost("ranks", (1, 2), prepare_ranks),
    "check": Cost("label lines", (10**3, 10**4, 10**5, 10**6), prepare_check),
}


def measure(cost: Cost, rounds: int) -> list[float]:
    """Seconds of each amount, the median of rounds in which they take turns."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [cost.prepare(amount, Path(folder)) for amount in cost.amounts]
        times = [[run() for run in runs] for _ in range(rounds + 1)]  # the first round warms up
    return np.median(times[1:], axis=0).tolist()


def fit_exponents(cost: Cost, seconds: list[float]) -> tuple[float, float]:
    """The exponent over the whole range, and between the last two points."""
    work, times = cost.dimensions * np.log(cost.amounts), np.log(seconds)
    return float(np.polyfit(work, times, 1)[0]), float((times[-1] - times[-2]) / (work[-1] - work[-2]))


def draw(results: Mapping[str, list[float]], file: Path) -> None:
    """One field for each cost, both axes logarithmic, with a line that is linear in the work."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, fields = pyplot.subplots(1, len(results), figsize=(3 * len(results), 3), layout="constrained")
    for field, (name, seconds) in zip(np.atleast_1d(fields), results.items()):
        cost = COSTS[name]
        amounts, milliseconds = np.array(cost.amounts, float), 1000 * np.array(seconds)
        field.loglog(amounts, milliseconds, "o-", color="#1f77b4", label="measured")
        linear = milliseconds[-1] * (amounts / amounts[-1]) ** cost.dimensions
        field.loglog(amounts, linear, ":", color="#888888", label="linear in the work")
        field.set_title(f"{name}\nexponent {fit_exponents(cost, seconds)[1]:.2f} at the end", fontsize=10)
        field.set_xlabel(cost.unit)
        field.set_xticks(amounts, [f"{n:g}" if n < 10**4 else f"$10^{{{len(str(int(n))) - 1}}}$" for n in amounts])
        ends = milliseconds.min(), milliseconds.max()
        field.set_yticks(ends, [f"{n:.2g}" if n < 100 else f"{n:.0f}" for n in ends])
        field.minorticks_off()
        field.tick_params(labelsize=8)
        field.set_ylim(ends[0] / 2, ends[1] * 2)
        field.grid(alpha=0.3)
    np.atleast_1d(fields)[0].set_ylabel("milliseconds of the processor")
    np.atleast_1d(fields)[0].legend(fontsize=8)
    figure.savefig(file, dpi=80)


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default="scaling.png", show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--only", type=click.Choice(list(COSTS)), multiple=True, help="Measure some [default: all].")
@click.option("--rank", is_flag=True, hidden=True)
def main(output: Path, rounds: int, only: tuple[str, ...], rank: bool) -> None:
    """Measure how costs grow with the work."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import paddle

    from ppocrv2_ext.host import connect

    cv2.setNumThreads(1)
    paddle.set_device("cpu")
    if rank:
        if paddle.distributed.get_world_size() > 1:
            paddle.distributed.init_parallel_env()
        run = prepare_text_loss(6625)
        run()
        print(f"{MARK}{np.median([run() for _ in range(5)])}", flush=True)
        return
    connect()
    logging.disable(logging.INFO)
    results = {}
    table = Table("cost", "work", "milliseconds", "exponent", "at the end")
    for name in only or COSTS:
        cost = COSTS[name]
        results[name] = measure(cost, rounds)
        cells = ", ".join(f"{n}" for n in cost.amounts), ", ".join(f"{1000 * s:.3g}" for s in results[name])
        table.add_row(f"{name} by {cost.unit}", *cells, *(f"{n:.2f}" for n in fit_exponents(cost, results[name])))
    draw(results, output)
    console = Console(highlight=False, width=150)
    console.print(table)
    console.print(f"{rounds} rounds, {describe_machine()}; drawn in {output}")


if __name__ == "__main__":
    main()
