"""Time and memory of our losses beside PaddleOCR's: same tensors, same process, taking turns; accuracy of center loss.

    python scripts/bench_losses.py --paddleocr DIR

Forward and backward on the CPU. Times are milliseconds, median and quartiles; `extra MB` is what Paddle's allocator
held at the peak beyond the inputs (an upper bound on Paddle 2.6, which cannot reset the peak); center loss is compared
with NumPy in float64. The last rows, without a rival, are what the running centers add to a training step.
"""

import gc
import platform
import time

import click
import numpy as np
import paddle
from experiments.records import provenance
from paddle.base import core
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import connect
from ppocrv2_ext.plugins.center_loss.loss import center_loss, class_sums, update_centers
from ppocrv2_ext.plugins.ctc.alignment import align
from ppocrv2_ext.plugins.udml.mutual import mutual_kl

GIVEN, ARGMAX, CENTER = "center_loss, classes given", "center_loss, classes by arg-max", "PaddleOCR's CenterLoss"
MUTUAL, DML = "mutual_kl", "PaddleOCR's DMLLoss"
RIVALS = {GIVEN: CENTER, ARGMAX: CENTER, MUTUAL: DML}


def make_case(lines, frames, classes, size, characters, seed):
    """Tensors as a training step has them; every frame is a character, since PaddleOCR's counts blanks too."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((lines, frames, classes), dtype=np.float32)
    logits[..., 0] = -10
    other = rng.standard_normal(logits.shape, dtype=np.float32)
    return {
        "features": paddle.to_tensor(rng.standard_normal((lines, frames, size), dtype=np.float32), stop_gradient=False),
        "logits": paddle.to_tensor(logits),
        "pair": [paddle.to_tensor(each, stop_gradient=False) for each in (logits, other)],
        "given": paddle.to_tensor(logits.argmax(-1)),
        "centers": paddle.to_tensor(rng.standard_normal((classes, size), dtype=np.float32)),
        "counts": paddle.ones([classes], "int64"),
        "labels": paddle.to_tensor(rng.integers(1, classes, (lines, characters))),
        "lengths": paddle.to_tensor(rng.integers(1, characters + 1, lines)),
    }


def make_ops(case, stock):
    """{name: function that runs it once, with the backward pass if it has one, and returns the loss if it is one}."""
    features, logits, given, centers, counts = (
        case[key] for key in ("features", "logits", "given", "centers", "counts")
    )
    moving, moving_counts = centers.clone(), counts.clone()
    losses = {
        GIVEN: lambda: center_loss(features, given, centers, counts),
        ARGMAX: lambda: center_loss(features, logits.argmax(axis=-1), centers, counts),
        MUTUAL: lambda: mutual_kl(*case["pair"]),
    }
    if stock:
        losses[CENTER] = lambda: stock[CENTER]((features, logits), None)["loss_center"]
        losses[DML] = lambda: stock[DML](*case["pair"])

    def both_ways(forward):
        def run():
            loss = forward()
            loss.backward()
            return loss

        return run

    return {
        **{name: both_ways(forward) for name, forward in losses.items()},
        "align": lambda: align(logits, case["labels"], case["lengths"]),
        "class_sums + update_centers": lambda: update_centers(
            moving, moving_counts, *class_sums(features, given, len(counts))
        ),
    }


def reference(case):
    """Loss and gradient in float64."""
    x = case["features"].numpy().astype(np.float64).reshape(-1, case["features"].shape[-1])
    difference = x - case["centers"].numpy()[case["given"].numpy().reshape(-1)].astype(np.float64)
    return (difference**2).sum(1).mean(), (2 * difference / len(x)).reshape(case["features"].shape)


def errors(op, case):
    """Largest relative difference from the reference, of the value and of any entry of the gradient."""
    clear(case)
    loss, (value, gradient) = float(op()), reference(case)
    difference = np.abs(case["features"].grad.numpy() - gradient) / np.abs(gradient)
    return abs(loss - value) / value, difference.max()


def clear(case):
    for tensor in (case["features"], *case["pair"]):
        tensor.clear_gradient(False)


def extra_megabytes(op, case):
    clear(case)
    gc.collect()
    if hasattr(core, "host_memory_stat_reset_peak_value"):
        core.host_memory_stat_reset_peak_value("Allocated", 0)
    before = core.host_memory_stat_current_value("Allocated", 0)
    op()
    return (core.host_memory_stat_peak_value("Allocated", 0) - before) / 2**20


def milliseconds(ops, case, rounds):
    """{name: (rounds,) times}, the ops taking turns."""
    times = {name: [] for name in ops}
    for turn in range(-1, rounds):  # the first round warms up
        for name in list(ops)[:: 1 if turn % 2 else -1]:
            clear(case)
            start = time.perf_counter()
            ops[name]()
            if turn >= 0:
                times[name].append(1000 * (time.perf_counter() - start))
    return times


def load_stock(directory, centers):
    """({name: PaddleOCR's loss}, perhaps empty, and a sentence about them)."""
    try:
        host = connect(directory)
        from ppocr.losses.basic_loss import DMLLoss
        from ppocr.losses.center_loss import CenterLoss
    except UserError as error:
        return {}, f"PaddleOCR's losses are left out: {error}"
    except ImportError:
        return {}, "PaddleOCR's losses are left out, the paddleocr wheel has none: name a clone by --paddleocr DIR."
    center = CenterLoss(*centers.shape)
    center.centers = centers.astype("float64")
    return {CENTER: center, DML: DMLLoss(act="softmax", use_log=True)}, f"PaddleOCR {host.version} at {host.root}."


@click.command()
@click.option("--paddleocr", metavar="DIR", help="A clone of PaddleOCR [default: as the ppocrv2 command].")
@click.option("--lines", type=click.IntRange(1), default=16, show_default=True)
@click.option("--frames", type=click.IntRange(1), default=80, show_default=True)
@click.option("--classes", type=click.IntRange(2), default=6625, show_default=True)
@click.option("--size", type=click.IntRange(1), default=96, show_default=True, help="Features per frame.")
@click.option("--characters", type=click.IntRange(1), default=25, show_default=True, help="Of the longest label.")
@click.option("--rounds", type=click.IntRange(1), default=11, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(paddleocr, lines, frames, classes, size, characters, rounds, seed):
    """Time and memory of our losses beside PaddleOCR's; accuracy of center loss."""
    paddle.set_device("cpu")
    case = make_case(lines, frames, classes, size, characters, seed)
    stock, about = load_stock(paddleocr, case["centers"])
    ops = make_ops(case, stock)
    memory = {name: extra_megabytes(op, case) for name, op in ops.items()}
    accuracy = {name: errors(ops[name], case) for name in (GIVEN, ARGMAX, CENTER) if name in ops}
    times = milliseconds(ops, case, rounds)

    table = Table("forward + backward", "ms", "faster", "extra MB", "share", "value off by", "gradient off by")
    for name in ops:
        low, middle, high = np.percentile(times[name], [25, 50, 75])
        rival = RIVALS.get(name) if stock else None
        faster = f"{np.median(times[rival]) / middle:.1f} x" if rival else "-"
        share = f"1/{memory[rival] / memory[name]:.1f}" if rival else "-"
        found = [f"{error:.1e}" for error in accuracy.get(name, ())] or ["-", "-"]
        table.add_row(name, f"{middle:.2f} [{low:.2f}, {high:.2f}]", faster, f"{memory[name]:.2f}", share, *found)
    console = Console(highlight=False, width=140)
    console.print(table)
    console.print(
        f"{about}\nB={lines} T={frames} C={classes} D={size}, labels up to {characters}, {rounds} rounds, seed {seed},"
        f" commit {provenance()['commit'] or 'none'}, {platform.processor() or platform.machine()},"
        f" Paddle {paddle.__version__}, NumPy {np.__version__}"
    )


if __name__ == "__main__":
    main()
