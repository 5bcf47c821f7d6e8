"""Samples a second of our training transforms beside PaddleOCR's own, from the same files.

    python scripts/bench_pipeline.py --labels DIR/train.txt
    python scripts/bench_pipeline.py --labels DIR/train.txt --workers 1,2,4

Each side has a process of its own, and they take turns. Without ``--workers`` each makes samples as one worker does,
and times are of the processor, so that other processes count little. With ``--workers`` whole batches come through the
loader, by the clock. Numbers are medians and quartiles over the rounds. Our workers keep freed memory, PaddleOCR's do
not; with MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2000000000 in the environment both do.
"""

from __future__ import annotations

import copy
import itertools
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np
from experiments.records import provenance
from rich.console import Console
from rich.table import Table

from ppocrv2_ext import config
from ppocrv2_ext.config.resolve import with_copy_paste_index
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import connect
from ppocrv2_ext.host.worker_memory import keep_freed_memory

SIDES = ("PaddleOCR", "ours")
MARK = "MEASURED "  # begins the lines of a process that hold numbers
SAMPLES = Path(__file__).resolve().parent.parent / "tests" / "samples"
NORMALISE = {
    "NormalizeImage": {
        "scale": "1./255.",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "order": "hwc",
    }
}
MAPS = [
    {"MakeBorderMap": {"shrink_ratio": 0.4, "thresh_min": 0.3, "thresh_max": 0.7}},
    {"MakeShrinkMap": {"shrink_ratio": 0.4, "min_text_size": 8}},
]
MAP_KEYS = ["image", "threshold_map", "threshold_mask", "shrink_map", "shrink_mask"]
DECODE_SCENE = [{"DecodeImage": {"img_mode": "BGR", "channel_first": False}}, {"DetLabelEncode": None}]


def augment(*steps: tuple[str, dict]) -> dict:
    """PaddleOCR's IaaAugment with some steps."""
    return {"IaaAugment": {"augmenter_args": [{"type": kind, "args": args} for kind, args in steps]}}


class Pipeline(NamedTuple):
    """One of our configs and what stands in the place of its transforms in PaddleOCR."""

    config: str
    theirs: list[dict]  # transforms, without KeepKeys
    labels: Path  # when none are given
    stages: dict[str, tuple[str, ...]]  # {what is done: the transforms of both sides that do it}


SCENE_STAGES = {
    "read, decode": ("DecodeImage", "DetLabelEncode"),
    "Copy-Paste": ("CopyPaste", "TextCopyPaste"),
    "mirror, turn, scale, crop": (
        *("IaaAugment", "EastRandomCropData", "KeepVisibleText", "RandomTextWindow"),
        *("RandomSceneCrop", "RandomSceneWindow"),
    ),
    "border map": ("MakeBorderMap", "TextBorderMap"),
    "shrink map": ("MakeShrinkMap", "TextShrinkMap"),
    "normalise": ("NormalizeImage", "ToCHWImage", "NormalizeToCHW"),
}
SCENES = SAMPLES / "icdar2015_scenes" / "train.txt"
PIPELINES = {
    "detection": Pipeline(
        "det/ch_PP-OCRv2_det_cml",
        [
            *DECODE_SCENE,
            {"CopyPaste": None},
            augment(("Fliplr", {"p": 0.5}), ("Affine", {"rotate": [-10, 10]}), ("Resize", {"size": [0.5, 3]})),
            {"EastRandomCropData": {"size": [960, 960], "max_tries": 50, "keep_ratio": True}},
            *MAPS,
            NORMALISE,
            {"ToCHWImage": None},
            {"KeepKeys": {"keep_keys": MAP_KEYS}},
        ],
        SCENES,
        SCENE_STAGES,
    ),
    "detection windows": Pipeline(
        "det/ch_PP-OCRv2_det_dml_finetune",
        [
            *DECODE_SCENE,
            augment(("Affine", {"rotate": [-10, 10]}), ("Resize", {"size": [0.8, 1.25]})),
            {"KeepVisibleText": None},
            *MAPS,
            {"RandomTextWindow": {"size": [480, 480], "text_p": 0.75}},
            NORMALISE,
            {"ToCHWImage": None},
            {"KeepKeys": {"keep_keys": MAP_KEYS}},
        ],
        SCENES,
        SCENE_STAGES,
    ),
}


def build_loader(pipeline: Pipeline, labels: Path, side: str, workers: int = 0) -> Any:
    """PaddleOCR's loader of a config, with our transforms or PaddleOCR's.

    Args:
        side: "ours" or "PaddleOCR".
    """
    from ppocr.data import build_dataloader

    settings = config.read(config.locate(pipeline.config))
    dataset = {**settings["Train"]["dataset"], "data_dir": str(labels.parent), "label_file_list": [str(labels)]}
    if side == "PaddleOCR":
        names = [name for entry in pipeline.theirs for name in entry]
        dataset["transforms"] = pipeline.theirs
        dataset["ext_op_transform_idx"] = names.index("CopyPaste") if "CopyPaste" in names else 2
    else:
        settings = {**settings, "Train": {**settings["Train"], "dataset": dataset}}
        dataset = with_copy_paste_index(settings)["Train"]["dataset"]
    loader = {**settings["Train"]["loader"], "num_workers": workers}
    train = {**settings["Train"], "dataset": copy.deepcopy(dataset), "loader": loader}
    logger = logging.getLogger("bench")
    return build_dataloader({"Global": {**settings["Global"], "seed": 0}, "Train": train}, "Train", "cpu", logger, 0)


class Stopwatch:
    """A transform whose time is taken."""

    def __init__(self, op: Callable, seconds: dict[str, float]):
        self.op, self.seconds, self.name = op, seconds, type(op).__name__
        if hasattr(op, "ext_data_num"):
            self.ext_data_num = op.ext_data_num

    def __call__(self, data: Any) -> Any:
        start = time.process_time()
        try:
            return self.op(data)
        finally:
            self.seconds[self.name] = self.seconds.get(self.name, 0) + time.process_time() - start


def time_samples(dataset: Any, indexes: list[int], count: int) -> Iterator[float]:
    """Yields samples for each second of the processor, of ``count`` samples at a time."""
    for turn in itertools.count():
        start = time.process_time()
        for place in range(count):
            dataset[indexes[(turn * count + place) % len(indexes)]]
        yield count / (time.process_time() - start)


def time_batches(make_loader: Callable[[], Any], workers: int, batches: int) -> Iterator[float]:
    """Yields samples for each second of the clock that a loader delivers after its first batches."""
    while True:
        stream = _repeat(make_loader())
        for _ in range(workers):
            next(stream)
        start = time.perf_counter()
        samples = sum(len(batch[0]) for batch in itertools.islice(stream, batches))
        yield samples / (time.perf_counter() - start)
        stream.close()


def serve(pipeline: Pipeline, labels: Path, side: str, workers: int, count: int, batches: int) -> None:
    """Be the process of one side: measure once for each line of the input, and print it as JSON."""
    import paddle
    import ppocr.data

    cv2.setNumThreads(1)
    np.random.seed(0)
    seconds: dict[str, float] = {}
    if side == "PaddleOCR":
        ppocr.data.DataLoader = paddle.io.DataLoader  # ours lets its workers keep memory
    if workers:
        turns = time_batches(lambda: build_loader(pipeline, labels, side, workers), workers, batches)
    else:
        if side == "ours":
            keep_freed_memory()
        dataset = build_loader(pipeline, labels, side).dataset
        dataset.ops = [Stopwatch(op, seconds) for op in dataset.ops]
        turns = time_samples(dataset, np.random.default_rng(0).permutation(len(dataset)).tolist(), count)
    for _ in sys.stdin:
        seconds.clear()
        rate = next(turns)
        costs = {name: 1000 * value / count for name, value in seconds.items()}
        print(f"\n{MARK}{json.dumps([rate, costs])}", flush=True)


def measure(arguments: list[str], rounds: int) -> tuple[dict[str, list[float]], dict[str, dict[str, list[float]]]]:
    """Let the processes of both sides take turns.

    Args:
        arguments: of this script, for both.
    Returns:
        ({side: samples a second of each round}, {side: {transform: milliseconds for each sample, of each round}}).
    """
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    processes, rates, costs = {}, {side: [] for side in SIDES}, {side: {} for side in SIDES}
    for side in SIDES:
        command = [sys.executable, __file__, *arguments, "--child", side]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        processes[side] = subprocess.Popen(command, env=environment, text=True, **pipes)
    for turn in range(-1, rounds):  # the first round warms up
        for side in SIDES[:: 1 if turn % 2 else -1]:
            process = processes[side]
            process.stdin.write("go\n")
            process.stdin.flush()
            line = next((line for line in process.stdout if line.startswith(MARK)), None)
            if line is None:
                raise click.ClickException(
                    f"the process of {side} ended; run it with {' '.join(arguments)} --child {side}"
                )
            if turn >= 0:
                rate, each = json.loads(line[len(MARK) :])
                rates[side].append(rate)
                for name, value in each.items():
                    costs[side].setdefault(name, []).append(value)
    for process in processes.values():
        process.communicate()
    return rates, costs


def _repeat(loader: Any) -> Iterator[list]:
    while True:
        yield from loader


def summarise(values: list[float]) -> str:
    """Median and quartiles."""
    return "{1:.1f} [{0:.1f}, {2:.1f}]".format(*np.percentile(values, [25, 50, 75]))


def summarise_ratio(rates: dict[str, list[float]]) -> str:
    """Median and quartiles of the ratios of the rounds."""
    ratios = np.divide(rates["ours"], rates["PaddleOCR"])
    return "{1:.2f} x [{0:.2f}, {2:.2f}]".format(*np.percentile(ratios, [25, 50, 75]))


def tabulate_stages(pipeline: Pipeline, costs: dict[str, dict[str, list[float]]]) -> Table:
    """Milliseconds of each stage, of both sides, the median of the rounds."""
    table = Table("stage, ms for each sample", "PaddleOCR", "ours", "faster")
    for stage, names in pipeline.stages.items():
        rounds = [[costs[side][name] for name in names if name in costs[side]] for side in SIDES]
        if all(rounds):
            theirs, ours = (np.median(np.sum(each, axis=0)) for each in rounds)
            table.add_row(stage, f"{theirs:.1f}", f"{ours:.1f}", f"{theirs / ours:.1f} x")
    return table


@click.command()
@click.option("--pipeline", "names", type=click.Choice(list(PIPELINES)), multiple=True, help="[default: all]")
@click.option("--labels", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="SimpleDataSet labels with pictures beside them [default: tests/samples].")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
@click.option("--count", type=click.IntRange(1), default=12, show_default=True, help="Samples of a round.")
@click.option("--workers", metavar="N,N", default="0", help="Measure the loader with so many workers instead.")
@click.option("--batches", type=click.IntRange(1), default=6, show_default=True, help="Of a round, with --workers.")
@click.option("--child", type=click.Choice(SIDES), hidden=True)
def main(
    names: tuple[str, ...],
    labels: Path | None,
    rounds: int,
    count: int,
    workers: str,
    batches: int,
    child: str | None,
) -> None:
    """Samples a second of our training transforms beside PaddleOCR's own."""
    numbers = [int(number) for number in workers.split(",")]
    try:
        host = connect()
    except UserError as error:
        raise click.ClickException(str(error)) from error
    if child:
        pipeline = PIPELINES[names[0]]
        serve(pipeline, labels or pipeline.labels, child, numbers[0], count, batches)
        return
    table = Table("samples a second", "workers", *SIDES, "faster")
    stages = []
    for name, number in itertools.product(names or PIPELINES, numbers):
        pipeline = PIPELINES[name]
        shared = ["--pipeline", name, "--labels", str(labels or pipeline.labels), "--workers", str(number)]
        rates, costs = measure([*shared, "--count", str(count), "--batches", str(batches)], rounds)
        table.add_row(name, str(number or "-"), *(summarise(rates[side]) for side in SIDES), summarise_ratio(rates))
        stages += [] if number else [tabulate_stages(pipeline, costs)]
    console = Console(highlight=False, width=120)
    console.print(table, *stages)
    console.print(
        f"{labels or 'tests/samples'}; {rounds} rounds; commit {provenance()['commit'] or 'none'}, PaddleOCR "
        f"{host.version}, OpenCV {cv2.__version__}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
