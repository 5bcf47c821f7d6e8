"""Samples a second of our training transforms beside PaddleOCR's own, from the same files.

    python scripts/bench_pipeline.py --labels DIR/train.txt --words DIR/words.txt
    python scripts/bench_pipeline.py --labels DIR/train.txt --words DIR/words.txt --workers 1,2,4

Each side has a process of its own, and they take turns. Without ``--workers`` each makes samples as one worker does,
and times are of the processor, so that other processes count little. A second table has the stages of a sample; what a
crop decodes late counts as decoding. Numbers are medians and quartiles over the rounds.

With ``--workers`` whole batches come through the loader, by the clock. No epoch ends meanwhile, as the workers would
start anew, which is no loading. For that the label lines are repeated; the column `labels` says how often. Our workers
keep freed memory, PaddleOCR's do not; with MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2000000000 in the environment both
do.
"""

from __future__ import annotations

import copy
import itertools
import json
import logging
import math
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np
from experiments.options import LABELS
from experiments.timing import describe_machine, spread, take_turns
from rich.console import Console
from rich.table import Table

from ppocrv2_ext import config
from ppocrv2_ext.config.resolve import resolve, with_copy_paste_index
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import connect
from ppocrv2_ext.host.samples.stopwatches import Stopwatch, put_stopwatches
from ppocrv2_ext.host.samples.worker_memory import keep_freed_memory

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
DECODE = {"DecodeImage": {"img_mode": "BGR", "channel_first": False}}
DECODE_SCENE = [DECODE, {"DetLabelEncode": None}]


def augment(*steps: tuple[str, dict]) -> dict:
    """PaddleOCR's IaaAugment with some steps."""
    return {"IaaAugment": {"augmenter_args": [{"type": kind, "args": args} for kind, args in steps]}}


def augment_line(tia: float, crop: float, reverse: float, others: float, hsv_aug: float) -> dict:
    """PaddleOCR's RecAug with some probabilities; ``others`` is that of noise, of a shift and of a blur."""
    options = {"tia": tia, "crop": crop, "reverse": reverse, "hsv_aug": hsv_aug}
    options.update(dict.fromkeys(("noise", "jitter", "blur"), others))
    return {"RecAug": {f"{name}_prob": value for name, value in options.items()}}


class Pipeline(NamedTuple):
    """One of our configs and what stands in the place of its transforms in PaddleOCR."""

    config: str
    theirs: list[dict]  # transforms, without KeepKeys
    labels: Path  # when none are given
    stages: dict[str, tuple[str, ...]]  # {what is done: the transforms of both sides that do it}
    times: int = 1  # how many times ``--count`` samples a round has; lines are small


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
LINE_STAGES = {
    "read, decode": ("DecodeImage",),
    "turn, cut": ("RandomHalfTurn", "RandomSpan"),
    "augment": ("RecAug", "TextLineAugment"),
    "encode": ("CTCLabelEncode", "ClsLabelEncode", "TextLineEncode"),
    "resize, normalise": ("RecResizeImg", "TextLineResize"),
}
WORDS = SAMPLES / "icdar2015_words" / "train.txt"
LINES_TIMES = 25
LINE_KEYS = {"KeepKeys": {"keep_keys": ["image", "label", "length"]}}
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
    "recognition": Pipeline(
        "rec/ch_PP-OCRv2_rec",
        [
            DECODE,
            {"RecAug": None},
            {"CTCLabelEncode": None},
            {"RecResizeImg": {"image_shape": [3, 32, 320]}},
            LINE_KEYS,
        ],
        WORDS,
        LINE_STAGES,
        LINES_TIMES,
    ),
    "recognition fine-tune": Pipeline(
        "rec/ch_PP-OCRv2_rec_finetune",
        [
            DECODE,
            augment_line(0.2, 0.2, 0.1, 0.1, 0.2),
            {"CTCLabelEncode": None},
            {"RecResizeImg": {"image_shape": [3, 32, 128]}},
            LINE_KEYS,
        ],
        WORDS,
        LINE_STAGES,
        LINES_TIMES,
    ),
    "direction": Pipeline(
        "cls/textline_orientation_lcnet",
        [
            DECODE,
            {"RandomHalfTurn": None},
            {"RandomSpan": None},
            {"ClsLabelEncode": None},
            augment_line(0.3, 0.3, 0.2, 0.1, 0.3),
            {"RecResizeImg": {"image_shape": [3, 32, 96]}},
            {"KeepKeys": {"keep_keys": ["image", "label"]}},
        ],
        WORDS,
        LINE_STAGES,
        LINES_TIMES,
    ),
}


def count_repeats(pipeline: Pipeline, labels: Path, workers: int, batches: int, rounds: int) -> int:
    """How often the label lines have to be repeated for an epoch that outlasts a measurement with workers.

    It has the rounds, one before them that warms up, and one after them, so that no worker is idle at the end.
    """
    size = config.read(config.locate(pipeline.config))["Train"]["loader"]["batch_size_per_card"]
    lines = sum(bool(line.strip()) for line in labels.read_bytes().splitlines())
    return math.ceil((rounds + 2) * (2 * workers + batches) * size / max(1, lines))


def build_loader(pipeline: Pipeline, labels: Path, side: str, workers: int = 0, repeats: int = 1) -> Any:
    """PaddleOCR's loader of a config, with our transforms or PaddleOCR's.

    Args:
        side: "ours" or "PaddleOCR".
        repeats: how often an epoch has each label line.
    """
    from ppocr.data import build_dataloader

    settings, _ = resolve(config.read(config.locate(pipeline.config)), connect().root)
    sources = {"label_file_list": [str(labels)] * repeats, "ratio_list": [1.0] * repeats}
    dataset = {**settings["Train"]["dataset"], "data_dir": str(labels.parent), **sources}
    if side == "PaddleOCR":
        names = [name for entry in pipeline.theirs for name in entry]
        dataset["transforms"] = pipeline.theirs
        dataset["ext_op_transform_idx"] = names.index("CopyPaste") if "CopyPaste" in names else 2
    else:
        settings = {**settings, "Train": {**settings["Train"], "dataset": dataset}}
        dataset = with_copy_paste_index(settings)["Train"]["dataset"]
    loader = {**settings["Train"]["loader"], "num_workers": workers}
    if not workers:
        loader["drop_last"] = False  # samples are made one by one: a few lines that fill no batch will do
    train = {**settings["Train"], "dataset": copy.deepcopy(dataset), "loader": loader}
    logger = logging.getLogger("bench")
    return build_dataloader({"Global": {**settings["Global"], "seed": 0}, "Train": train}, "Train", "cpu", logger, 0)


def time_samples(dataset: Any, indexes: list[int], count: int) -> Iterator[float]:
    """Yields samples for each second of the processor, of ``count`` samples at a time."""
    for turn in itertools.count():
        start = time.process_time()
        for place in range(count):
            dataset[indexes[(turn * count + place) % len(indexes)]]
        yield count / (time.process_time() - start)


def time_batches(loader: Any, workers: int, batches: int) -> Iterator[float]:
    """Yields samples for each second of the clock that a loader delivers, after what its workers have in store.

    It ends with the epoch.
    """
    stream = iter(loader)
    while True:
        for _ in range(2 * workers):
            next(stream)
        start = time.perf_counter()
        samples = sum(len(batch[0]) for batch in itertools.islice(stream, batches))
        yield samples / (time.perf_counter() - start)


def serve(pipeline: Pipeline, labels: Path, side: str, workers: int, repeats: int, count: int, batches: int) -> None:
    """Be the process of one side: measure once for each line of the input, and print it as JSON."""
    import paddle
    import ppocr.data

    cv2.setNumThreads(1)
    np.random.seed(0)
    samples = count * pipeline.times
    stopwatches: list[Stopwatch] = []
    if side == "PaddleOCR":
        ppocr.data.DataLoader = paddle.io.DataLoader  # ours lets its workers keep memory
    if workers:
        turns = time_batches(build_loader(pipeline, labels, side, workers, repeats), workers, batches)
    else:
        if side == "ours":
            keep_freed_memory()
        dataset = build_loader(pipeline, labels, side).dataset
        dataset.ops = stopwatches = put_stopwatches(dataset.ops, time.process_time)
        turns = time_samples(dataset, np.random.default_rng(0).permutation(len(dataset)).tolist(), samples)
    for _ in sys.stdin:
        rate = next(turns)
        costs: dict[str, float] = {}
        for stopwatch in stopwatches:
            name = type(stopwatch).__name__
            costs[name] = costs.get(name, 0) + stopwatch.lap() / samples
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
    for side, counts in take_turns(SIDES, rounds):
        process = processes[side]
        process.stdin.write("go\n")
        process.stdin.flush()
        line = next((line for line in process.stdout if line.startswith(MARK)), None)
        if line is None:
            again = shlex.join([*arguments, "--child", side])
            raise click.ClickException(f"the process of {side} ended; run it with {again} and type a line to see why.")
        if counts:
            rate, each = json.loads(line[len(MARK) :])
            rates[side].append(rate)
            for name, value in each.items():
                costs[side].setdefault(name, []).append(value)
    for process in processes.values():
        process.communicate()
    return rates, costs


def tabulate_stages(pipeline: Pipeline, costs: dict[str, dict[str, list[float]]]) -> Table:
    """Milliseconds of each stage, of both sides, the median of the rounds."""
    table = Table("stage, ms for each sample", "PaddleOCR", "ours", "faster")
    for stage, names in pipeline.stages.items():
        rounds = [[costs[side][name] for name in names if name in costs[side]] for side in SIDES]
        if all(rounds):
            theirs, ours = (np.median(np.sum(each, axis=0)) for each in rounds)
            table.add_row(stage, f"{theirs:.3g}", f"{ours:.3g}", f"{theirs / ours:.1f} x")
    return table


def parse_workers(_: click.Context, __: click.Parameter, text: str) -> list[int]:
    """The numbers of N,N; 0 for no worker."""
    try:
        numbers = [int(number) for number in text.split(",")]
    except ValueError:
        numbers = [-1]
    if min(numbers) < 0:
        raise click.BadParameter(f"whole numbers from 0 on with commas between, got {text!r}.")
    return numbers


@click.command()
@click.option("--pipeline", "names", type=click.Choice(list(PIPELINES)), multiple=True, help="[default: all]")
@click.option("--labels", type=LABELS, metavar="FILE",
              help="SimpleDataSet labels with pictures beside them [default: tests/samples].")  # fmt: skip
@click.option("--words", type=LABELS, metavar="FILE",
              help="The same for the pipelines of lines.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
@click.option("--count", type=click.IntRange(1), default=12, show_default=True, help="Scenes of a round.")
@click.option(
    "--workers",
    "numbers",
    metavar="N,N",
    default="0",
    callback=parse_workers,
    help="Measure the loader with so many workers instead.",
)
@click.option("--batches", type=click.IntRange(1), default=6, show_default=True, help="Of a round, with --workers.")
@click.option("--repeats", type=click.IntRange(1), default=1, hidden=True)
@click.option("--child", type=click.Choice(SIDES), hidden=True)
def main(
    names: tuple[str, ...],
    labels: Path | None,
    words: Path | None,
    rounds: int,
    count: int,
    numbers: list[int],
    batches: int,
    repeats: int,
    child: str | None,
) -> None:
    """Samples a second of our training transforms beside PaddleOCR's own."""
    try:
        host = connect()
    except UserError as error:
        raise click.UsageError(str(error)) from error
    if child:
        pipeline = PIPELINES[names[0]]
        serve(pipeline, labels or pipeline.labels, child, numbers[0], repeats, count, batches)
        return
    table = Table("samples a second", "workers", "labels", *SIDES, "times faster")
    stages = []
    for name, number in itertools.product(names or PIPELINES, numbers):
        pipeline = PIPELINES[name]
        file = {SCENES: labels, WORDS: words}[pipeline.labels] or pipeline.labels
        repeats = count_repeats(pipeline, file, number, batches, rounds) if number else 1
        shared = ["--pipeline", name, "--labels", str(file), "--workers", str(number), "--repeats", str(repeats)]
        rates, costs = measure([*shared, "--count", str(count), "--batches", str(batches)], rounds)
        faster = spread(np.divide(rates["ours"], rates["PaddleOCR"]))
        cells = (spread(rates[side], 1) for side in SIDES)
        table.add_row(name, str(number or "-"), f"{repeats} times" if number else "-", *cells, faster)
        stages += [] if number else [tabulate_stages(pipeline, costs)]
    console = Console(highlight=False, width=120)
    console.print(table, *stages)
    console.print(f"{labels or 'tests/samples'}, {words or 'tests/samples'}; {rounds} rounds")
    console.print(f"PaddleOCR {host.version}, OpenCV {cv2.__version__}, {describe_machine()}")


if __name__ == "__main__":
    main()
