"""Measure time and memory of our losses beside PaddleOCR's, and how accurate center loss is.

    python scripts/bench_losses.py --paddleocr DIR

Forward and backward on the CPU, with the same tensors in the same process, taking turns. Times are milliseconds, median
and quartiles. `extra MB` is what Paddle's allocator holds at its peak, without the inputs; Paddle 2.6 cannot reset the
peak, so there it is an upper bound. Center loss is compared with NumPy in float64. PaddleOCR has nothing to compare the
last rows with: they are what the running centers add to a training step.

The second table is the loss of collaborative mutual learning, on maps of a detector. `formula` is ours in Paddle's
operators, `loops` the compiled loops that a CPU runs. `published` has BCE with OHEM and the Bernoulli divergence, the
other form is PaddleOCR's. PaddleOCR's own sorts all pixels in both, to select the hardest ones.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import click
import numpy as np
import paddle
from experiments.options import check_paddleocr
from experiments.timing import describe_machine, spread, take_turns
from paddle.base import core
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.config import read
from ppocrv2_ext.host import Host, connect
from ppocrv2_ext.plugins.center_loss.loss import center_loss, class_sums, update_centers
from ppocrv2_ext.plugins.cml.loss import CMLLoss
from ppocrv2_ext.plugins.ctc import cpu_paths
from ppocrv2_ext.plugins.ctc.alignment import align
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only
from ppocrv2_ext.plugins.udml.mutual import mutual_kl

CLASSES, ARGMAX, CENTER = "center_loss, classes given", "center_loss, classes by arg-max", "PaddleOCR's CenterLoss"
MUTUAL, DML = "mutual_kl", "PaddleOCR's DMLLoss"
ALIGN = "align", "align without numba", "align, Paddle's operators"
STOCK_CML = "PaddleOCR's own"
RIVALS = {CLASSES: CENTER, ARGMAX: CENTER, MUTUAL: DML}


def make_case(lines: int, frames: int, classes: int, size: int, characters: int, seed: int) -> dict[str, Any]:
    """Tensors as a training step has them. No frame is blank, because PaddleOCR's loss counts blanks and ours does not.

    Args:
        lines, frames, classes: shape of the logits.
        size: features of a frame.
        characters: of the longest label.
    """
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((lines, frames, classes), dtype=np.float32)
    logits[..., 0] = -10
    other = rng.standard_normal(logits.shape, dtype=np.float32)
    return {
        "features": paddle.to_tensor(rng.standard_normal((lines, frames, size), dtype=np.float32), stop_gradient=False),
        "logits": paddle.to_tensor(logits),
        "pair": [paddle.to_tensor(each, stop_gradient=False) for each in (logits, other)],
        "classes": paddle.to_tensor(logits.argmax(-1)),
        "centers": paddle.to_tensor(rng.standard_normal((classes, size), dtype=np.float32)),
        "counts": paddle.ones([classes], "int64"),
        "labels": paddle.to_tensor(rng.integers(1, classes, (lines, characters))),
        "lengths": paddle.to_tensor(rng.integers(1, characters + 1, lines)),
    }


def make_ops(case: dict[str, Any], stock: Mapping[str, Callable]) -> dict[str, Callable[[], Any]]:
    """What is measured: {name: function that runs it once}.

    The function of a loss runs the backward pass too, and returns the loss.
    """
    features, logits, classes, centers, counts = (
        case[key] for key in ("features", "logits", "classes", "centers", "counts")
    )
    moving, moving_counts = centers.clone(), counts.clone()
    losses = {
        CLASSES: lambda: center_loss(features, classes, centers, counts),
        ARGMAX: lambda: center_loss(features, logits.argmax(axis=-1), centers, counts),
        MUTUAL: lambda: mutual_kl(*case["pair"]),
    }
    if stock:
        losses[CENTER] = lambda: stock[CENTER]((features, logits), None)["loss_center"]
        losses[DML] = lambda: stock[DML](*case["pair"])

    def with_backward(forward: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            loss = forward()
            loss.backward()
            return loss

        return run

    return {
        **{name: with_backward(forward) for name, forward in losses.items()},
        **{way: functools.partial(run_align, way, case) for way in ALIGN},
        "class_sums + update_centers": lambda: update_centers(
            moving, moving_counts, *class_sums(features, classes, len(counts))
        ),
    }


def run_align(way: str, case: dict[str, Any]) -> Any:
    """The alignment of all lines in one of the ways of :data:`ALIGN`."""
    _, without, operators = ALIGN
    only = paddle_only() if way == operators else contextlib.nullcontext()
    no_numba = mock.patch.object(cpu_paths, "has_numba", return_value=False)
    with only, no_numba if way == without else contextlib.nullcontext():
        return align(case["logits"], case["labels"], case["lengths"])


def make_scenes(scenes: int, side: int, seed: int) -> tuple[dict[str, Any], list[Any]]:
    """What a detector's loss gets, with text on about a twentieth of the pixels: (outputs of the networks, batch)."""
    rng = np.random.default_rng(seed)
    shape = scenes, side, side
    text = np.zeros(shape, np.float32)
    for scene in text:
        for x, y in rng.integers(0, side - side // 6, (15, 2)):
            scene[y : y + rng.integers(side // 48, side // 16), x : x + rng.integers(side // 16, side // 6)] = 1
    logits = rng.normal(0, 2, (3, scenes, 3, side, side)).astype(np.float32)
    logits[:, :, [0, 2]] += 5 * text[:, None] - 3
    predicts = {
        name: {"maps": paddle.to_tensor(1 / (1 + np.exp(-maps)), stop_gradient=name == "Teacher")}
        for name, maps in zip(("Student", "Student2", "Teacher"), logits)
    }
    labels = rng.uniform(0.3, 0.7, shape).astype(np.float32), text, text, np.ones(shape, np.float32)
    return predicts, [None, *map(paddle.to_tensor, labels)]


def measure_cml(
    scenes: int, side: int, rounds: int, stock: Callable | None, seed: int
) -> dict[str, tuple[list[float], float]]:
    """Forward and backward of CMLLoss, taking turns: {name: (milliseconds of each round, value)}."""
    predicts, batch = make_scenes(scenes, side, seed)
    losses = {"published": CMLLoss(), "PaddleOCR's form": CMLLoss(main_loss="dice", mutual="stock")}
    runs = {f"{form}, loops": (loss, contextlib.nullcontext) for form, loss in losses.items()}
    runs.update({f"{form}, formula": (loss, paddle_only) for form, loss in losses.items()})
    if stock is not None:
        runs[STOCK_CML] = stock, contextlib.nullcontext
    times, values = {name: [] for name in runs}, {}
    for name, counts in take_turns(runs, rounds):
        loss, context = runs[name]
        for output in predicts.values():
            output["maps"].clear_gradient(False)
        with context():
            start = time.perf_counter()
            value = loss(predicts, batch)["loss"].sum()
            value.backward()
            elapsed = 1000 * (time.perf_counter() - start)
        values[name] = float(value)
        if counts:
            times[name].append(elapsed)
    return {name: (times[name], values[name]) for name in runs}


def print_cml(console: Console, results: dict[str, tuple[list[float], float]], scenes: int, side: int) -> None:
    """Print what :func:`measure_cml` measured."""
    table = Table(f"CML, {scenes} x {side} x {side}", "ms", "faster than PaddleOCR", "than the formula", "value")
    medians = {name: np.median(times) for name, (times, _) in results.items()}
    for name, (times, value) in results.items():
        rivals = STOCK_CML, name.replace("loops", "formula")
        faster = [
            f"{medians[rival] / medians[name]:.1f} x" if rival in medians and rival != name else "-" for rival in rivals
        ]
        table.add_row(name, spread(times, 0), *faster, f"{value:.5f}")
    console.print(table)


def compute_reference(case: dict[str, Any]) -> tuple[float, np.ndarray]:
    """Center loss and its gradient, with NumPy in float64."""
    x = case["features"].numpy().astype(np.float64).reshape(-1, case["features"].shape[-1])
    difference = x - case["centers"].numpy()[case["classes"].numpy().reshape(-1)].astype(np.float64)
    return (difference**2).sum(1).mean(), (2 * difference / len(x)).reshape(case["features"].shape)


def measure_errors(op: Callable[[], Any], case: dict[str, Any]) -> tuple[float, float]:
    """Relative differences from the reference: of the value, and the largest one of the gradient."""
    clear_gradients(case)
    loss, (value, gradient) = float(op()), compute_reference(case)
    difference = np.abs(case["features"].grad.numpy() - gradient) / np.abs(gradient)
    return abs(loss - value) / value, difference.max()


def clear_gradients(case: dict[str, Any]) -> None:
    """Forget the gradients of earlier runs."""
    for tensor in (case["features"], *case["pair"]):
        tensor.clear_gradient(False)


def measure_memory(op: Callable[[], Any], case: dict[str, Any]) -> float:
    """Megabytes that Paddle's allocator holds at its peak, beyond those before."""
    clear_gradients(case)
    gc.collect()
    if hasattr(core, "host_memory_stat_reset_peak_value"):
        core.host_memory_stat_reset_peak_value("Allocated", 0)
    before = core.host_memory_stat_current_value("Allocated", 0)
    op()
    return (core.host_memory_stat_peak_value("Allocated", 0) - before) / 2**20


def measure_times(ops: Mapping[str, Callable[[], Any]], case: dict[str, Any], rounds: int) -> dict[str, list[float]]:
    """Time the ops, which take turns: {name: milliseconds of each round}."""
    times = {name: [] for name in ops}
    for name, counts in take_turns(ops, rounds):
        clear_gradients(case)
        start = time.perf_counter()
        ops[name]()
        if counts:
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def load_stock_cml(host: Host) -> Callable | None:
    """The loss of PaddleOCR's own CML config; None if there is no clone."""
    try:
        from ppocr.losses.combined_loss import CombinedLoss
        from ppocr.losses.distillation_loss import DistillationDilaDBLoss  # noqa: F401  (the wheel has none)
    except ImportError:
        return None
    config = host.root / "configs/det/ch_PP-OCRv2/ch_PP-OCRv2_det_cml.yml"
    options = read(str(config))["Loss"]
    return CombinedLoss(**{key: value for key, value in options.items() if key != "name"})


def load_stock(host: Host, centers: Any) -> tuple[dict[str, Callable], str]:
    """Load PaddleOCR's losses.

    Args:
        host: PaddleOCR, which is connected.
        centers: (C, D), for its center loss.
    Returns:
        ({name: loss}, a sentence about them). There are none in the paddleocr wheel.
    """
    try:
        from ppocr.losses.basic_loss import DMLLoss
        from ppocr.losses.center_loss import CenterLoss
    except ImportError:
        return {}, "PaddleOCR's losses are left out: the paddleocr wheel has none. Name a clone with --paddleocr DIR."
    center = CenterLoss(*centers.shape)
    center.centers = centers.astype("float64")
    return {CENTER: center, DML: DMLLoss(act="softmax", use_log=True)}, f"PaddleOCR {host.version} at {host.root}."


@click.command()
@click.option(
    "--paddleocr",
    metavar="DIR",
    callback=check_paddleocr,
    help="A clone of PaddleOCR [default: as the ppocrv2 command].",
)
@click.option("--lines", type=click.IntRange(1), default=16, show_default=True)
@click.option("--frames", type=click.IntRange(1), default=80, show_default=True)
@click.option("--classes", type=click.IntRange(2), default=6625, show_default=True)
@click.option("--size", type=click.IntRange(1), default=96, show_default=True, help="Features per frame.")
@click.option("--characters", type=click.IntRange(1), default=25, show_default=True, help="Of the longest label.")
@click.option(
    "--scenes", type=click.IntRange(1), default=8, show_default=True, help="For CML; --side by --side pixels."
)
@click.option("--side", type=click.IntRange(48), default=960, show_default=True)
@click.option("--only-cml", is_flag=True, help="Leave the first table out.")
@click.option("--rounds", type=click.IntRange(1), default=11, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(
    paddleocr: str | None,
    lines: int,
    frames: int,
    classes: int,
    size: int,
    characters: int,
    scenes: int,
    side: int,
    only_cml: bool,
    rounds: int,
    seed: int,
) -> None:
    """Time and memory of our losses beside PaddleOCR's; accuracy of center loss."""
    host = connect(paddleocr)
    paddle.set_device("cpu")
    console = Console(highlight=False, width=140)
    if not only_cml:
        case = make_case(lines, frames, classes, size, characters, seed)
        stock, about = load_stock(host, case["centers"])
        print_text_losses(console, case, stock, rounds)
        console.print(f"{about}\nB={lines} T={frames} C={classes} D={size}, labels up to {characters}")
    print_cml(console, measure_cml(scenes, side, rounds, load_stock_cml(host), seed), scenes, side)
    console.print(
        f"{rounds} rounds, seed {seed}, {describe_machine()}, {platform.processor() or platform.machine()},"
        f" Paddle {paddle.__version__}, NumPy {np.__version__}"
    )


def print_text_losses(console: Console, case: dict[str, Any], stock: dict[str, Callable], rounds: int) -> None:
    """Measure and print the losses of a recognizer.

    Args:
        case: as :func:`make_case` makes it.
        stock: PaddleOCR's losses, as :func:`load_stock` loads them; empty to leave them out.
    """
    ops = make_ops(case, stock)
    memory = {name: measure_memory(op, case) for name, op in ops.items()}
    accuracy = {name: measure_errors(ops[name], case) for name in (CLASSES, ARGMAX, CENTER) if name in ops}
    times = measure_times(ops, case, rounds)

    table = Table("forward + backward", "ms", "faster", "extra MB", "share", "value off by", "gradient off by")
    for name in ops:
        rival = RIVALS.get(name) if stock else None
        faster = f"{np.median(times[rival]) / np.median(times[name]):.1f} x" if rival else "-"
        share = f"1/{memory[rival] / memory[name]:.1f}" if rival else "-"
        cells = [f"{error:.1e}" for error in accuracy.get(name, ())] or ["-", "-"]
        table.add_row(name, spread(times[name]), faster, f"{memory[name]:.2f}", share, *cells)
    console.print(table)


if __name__ == "__main__":
    main()
