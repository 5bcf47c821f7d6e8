"""Time a whole evaluation on a CPU, by the fast kernels and decoder, beside Paddle's operators and PaddleOCR's decoder.

    python scripts/bench_eval.py --scenes DIR/test.txt --words DIR/test.txt --det-weights FILE --rec-weights FILE

`tools.program.eval` of the wheel runs with the same network, files and metric, in one process, taking turns: reading,
network, post-process, metric. A file with fewer pictures is read again from its start. Both ways must give the same
metrics to the last digit. Times are seconds, median and quartiles.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import paddle
from experiments.records import provenance
from rich.console import Console
from rich.table import Table

from ppocrv2_ext import config as configs
from ppocrv2_ext.host import connect
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only

WAYS = {"plain": paddle_only, "fast": contextlib.nullcontext}


def make_evaluation(
    root: Path, name: str, labels: Path, listed: Path, count: int, batch: int, weights: str | None
) -> tuple[Any, ...]:
    """(network, loader of ``count`` pictures, post-process, metric, model type) of a shipped config.

    ``root`` is PaddleOCR's folder, ``listed`` the label file that is written for them.
    """
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
        network.set_state_dict(paddle.load(weights))
    return network, loader, post_process, build_metric(config["Metric"]), config["Architecture"]["model_type"]


def measure(evaluation: tuple[Any, ...], rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """({way: seconds of each round}, the metrics, the same by both ways). The first round warms up."""
    from tools.program import eval as evaluate

    times: dict[str, list[float]] = {way: [] for way in WAYS}
    metrics = []
    for turn in range(-1, rounds):
        for way in list(WAYS)[:: 1 if turn % 2 else -1]:
            with WAYS[way]():
                start = time.perf_counter()
                metrics.append(evaluate(*evaluation))
                if turn >= 0:
                    times[way].append(time.perf_counter() - start)
            metrics[-1].pop("fps")
    if any(metric != metrics[0] for metric in metrics):
        raise click.ClickException(f"the two ways give different metrics: {metrics}.")
    return times, metrics[0]


@click.command()
@click.option("--scenes", type=click.Path(exists=True, path_type=Path), help="A label file of scenes.")
@click.option("--words", type=click.Path(exists=True, path_type=Path), help="A label file of words.")
@click.option("--det-weights", help="Weights of det/ch_PP-OCRv2_det_student [default: untrained].")
@click.option("--rec-weights", help="Weights of rec/ch_PP-OCRv2_rec [default: untrained].")
@click.option("--scene-count", type=click.IntRange(1), default=100, show_default=True)
@click.option("--word-count", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
def main(
    scenes: Path | None,
    words: Path | None,
    det_weights: str | None,
    rec_weights: str | None,
    scene_count: int,
    word_count: int,
    rounds: int,
) -> None:
    """Time whole evaluations on a CPU."""
    cv2.setNumThreads(1)
    paddle.set_device("cpu")
    root = connect().root
    tasks = (
        ("det/ch_PP-OCRv2_det_student", scenes, scene_count, 1, det_weights),
        ("rec/ch_PP-OCRv2_rec", words, word_count, 32, rec_weights),
    )
    table = Table("evaluation", *WAYS, "faster", "metrics, equal")
    for name, labels, count, batch, weights in tasks:
        if labels is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            evaluation = make_evaluation(root, name, labels, Path(folder) / "labels.txt", count, batch, weights)
            times, metrics = measure(evaluation, rounds)
        quartiles = {way: np.percentile(values, [25, 50, 75]) for way, values in times.items()}
        cells = ["{1:.1f} [{0:.1f}, {2:.1f}]".format(*quartiles[way]) for way in WAYS]
        faster = f"{quartiles['plain'][1] / quartiles['fast'][1]:.2f} x"
        table.add_row(f"{count} of {name}", *cells, faster, ", ".join(f"{k} {v:.4f}" for k, v in metrics.items()))
    console = Console(highlight=False, width=160)
    console.print(table)
    console.print(
        f"{rounds} rounds, {os.environ.get('OMP_NUM_THREADS', '1')} thread, commit {provenance()['commit'] or 'none'},"
        f" load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
