"""Time a whole evaluation on a CPU as `ppocrv2 eval` runs it, beside PaddleOCR's loop over Paddle's operators.

    python scripts/bench_eval.py --scenes DIR/test.txt --words DIR/test.txt --det-weights FILE --rec-weights FILE

`tools.program.eval` of the wheel runs with the same network, files and metric: reading, network, post-process, metric.
Each way has a process of its own; they take turns. A file with fewer pictures is read again from its start. All ways
must give the same metrics to the last digit. Times are seconds, median and quartiles.

`plain` is what PaddleOCR does by itself. `plain, MKL 5` is the same with `MKL_DEBUG_CPU_TYPE=5`, which makes Paddle's
products of matrices faster on an AMD CPU, and which ours sets there. `--without "plain, MKL 5"` saves its time. `fast`
is ours.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from experiments.options import LABELS, check_weights
from experiments.timing import describe_machine, spread, take_turns
from rich.console import Console
from rich.table import Table

from ppocrv2_ext import config as configs

OURS = "fast"
# Whether it is ours, and the environment.
WAYS = {
    "plain": (False, {"MKL_DEBUG_CPU_TYPE": "0"}),
    "plain, MKL 5": (False, {"MKL_DEBUG_CPU_TYPE": "5"}),
    OURS: (True, {}),
}


def make_evaluation(
    root: Path, name: str, labels: Path, listed: Path, count: int, batch: int, weights: Path | None
) -> tuple[Any, ...]:
    """(network, loader of ``count`` pictures, post-process, metric, model type) of a shipped config.

    ``root`` is PaddleOCR's folder, ``listed`` the label file that is written for them.
    """
    import paddle
    from ppocr.data import build_dataloader
    from ppocr.metrics import build_metric
    from ppocr.modeling.architectures import build_model
    from ppocr.postprocess import build_post_process

    config = configs.read(configs.locate(name))
    settings = {**config["Global"], "distributed": False, "use_gpu": False}
    if settings.get("character_dict_path"):
        settings["character_dict_path"] = str(root / settings["character_dict_path"])
    config["Global"] = settings
    post_process = build_post_process(config["PostProcess"], settings)
    classes = getattr(post_process, "character", None)
    if classes:
        config["Architecture"]["Head"]["out_channels"] = len(classes)
    lines = labels.read_text(encoding="utf-8-sig").splitlines()
    listed.write_text("\n".join(lines[i % len(lines)] for i in range(count)) + "\n", encoding="utf-8")
    config["Eval"]["dataset"].update(data_dir=str(labels.parent), label_file_list=[str(listed)])
    config["Eval"]["loader"].update(num_workers=0, batch_size_per_card=batch)
    loader = build_dataloader(config, "Eval", paddle.get_device(), logging.getLogger("bench"))
    network = build_model(config["Architecture"])
    if weights:
        network.set_state_dict(paddle.load(str(weights)))
    return network, loader, post_process, build_metric(config["Metric"]), config["Architecture"]["model_type"]


def serve(pipe: Connection, way: str, arguments: tuple[Any, ...]) -> None:
    """In a process of its own: answer each message with (seconds, metrics) of one evaluation."""
    is_ours, environment = WAYS[way]
    os.environ.update(environment)
    import paddle

    from ppocrv2_ext.host import connect
    from ppocrv2_ext.host.samples.worker_memory import keep_freed_memory
    from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only

    cv2.setNumThreads(1)
    root = connect().root
    paddle.set_device("cpu")
    if is_ours:
        keep_freed_memory()  # as host/run.py does before tools/eval.py
    with tempfile.TemporaryDirectory() as folder, contextlib.nullcontext() if is_ours else paddle_only():
        name, labels, *others = arguments
        evaluation = make_evaluation(root, name, labels, Path(folder) / "labels.txt", *others)
        from tools.program import eval as evaluate

        while pipe.recv():
            start = time.perf_counter()
            metrics = evaluate(*evaluation)
            seconds = time.perf_counter() - start
            pipe.send((seconds, {key: value for key, value in metrics.items() if key != "fps"}))


def measure(
    ways: Sequence[str], arguments: tuple[Any, ...], rounds: int, warm: bool
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """({way: seconds of each round}, the metrics, the same by all ways).

    Args:
        ways: keys of :data:`WAYS`.
        arguments: of :func:`make_evaluation`, from ``name`` on without ``listed``.
        warm: whether a round before is not counted.
    """
    times: dict[str, list[float]] = {way: [] for way in ways}
    metrics, pipes = [], {}
    spawn = multiprocessing.get_context("spawn")
    for way in ways:
        pipes[way], end = spawn.Pipe()
        spawn.Process(target=serve, args=(end, way, arguments)).start()
        end.close()  # the process alone holds it, so that its death is seen
    for way, counts in take_turns(ways, rounds, warm):
        try:
            pipes[way].send(True)
            seconds, found = pipes[way].recv()
        except (EOFError, OSError):
            raise click.ClickException(f"the process of {way!r} ended; its traceback stands above.") from None
        metrics.append(found)
        if counts:
            times[way].append(seconds)
    for pipe in pipes.values():
        pipe.send(False)
    if any(metric != metrics[0] for metric in metrics):
        raise click.ClickException(f"the ways give different metrics: {metrics}.")
    return times, metrics[0]


@click.command()
@click.option("--scenes", type=LABELS, metavar="LABELS", help="A label file of scenes.")
@click.option("--words", type=LABELS, metavar="LABELS", help="A label file of words.")
@click.option(
    "--det-weights",
    metavar="FILE",
    callback=check_weights,
    help="Weights of det/ch_PP-OCRv2_det_student [default: untrained].",
)
@click.option(
    "--rec-weights",
    metavar="FILE",
    callback=check_weights,
    help="Weights of rec/ch_PP-OCRv2_rec [default: untrained].",
)
@click.option("--scene-count", type=click.IntRange(1), default=100, show_default=True)
@click.option("--word-count", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option(
    "--without", multiple=True, type=click.Choice([way for way in WAYS if way != OURS]), help="Leave a column out."
)
@click.option("--cold", is_flag=True, help="Count the first round too, in which kernels are compiled or loaded.")
def main(
    scenes: Path | None,
    words: Path | None,
    det_weights: Path | None,
    rec_weights: Path | None,
    scene_count: int,
    word_count: int,
    rounds: int,
    without: tuple[str, ...],
    cold: bool,
) -> None:
    """Time whole evaluations on a CPU."""
    if not (scenes or words):
        raise click.UsageError("Give --scenes, --words, or both.")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tasks = (
        ("det/ch_PP-OCRv2_det_student", scenes, scene_count, 1, det_weights),
        ("rec/ch_PP-OCRv2_rec", words, word_count, 32, rec_weights),
    )
    console = Console(highlight=False, width=160)
    ways = [way for way in WAYS if way not in without]
    table = Table("evaluation", *ways, *(f"faster than {way}" for way in ways if way != OURS), "metrics, equal")
    for name, labels, count, batch, weights in tasks:
        if labels is None:
            continue
        times, metrics = measure(ways, (name, labels, count, batch, weights), rounds, not cold)
        cells = [spread(times[way], 1) for way in ways]
        faster = [f"{np.median(times[way]) / np.median(times[OURS]):.2f} x" for way in ways if way != OURS]
        table.add_row(f"{count} of {name}", *cells, *faster, ", ".join(f"{k} {v:.4f}" for k, v in metrics.items()))
    console.print(table)
    console.print(f"{rounds} rounds, {os.environ['OMP_NUM_THREADS']} thread, {describe_machine()}")


if __name__ == "__main__":
    main()
