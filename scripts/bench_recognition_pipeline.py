"""Time the training samples of our recognition configs beside PaddleOCR's transforms: same lines, taking turns.

    python scripts/bench_recognition_pipeline.py --labels DIR/train.txt

`PaddleOCR` is the config with PaddleOCR's RecAug, CTCLabelEncode and RecResizeImg in place of ours, so all of its other
transforms and options are the same. Each round makes one sample of every line by each, from the bytes of its file to
what KeepKeys keeps. Times are microseconds of one core for a sample, median and quartiles of the rounds. The time of
other processes does not count. `faster` is the median of the ratios of the rounds.

`--workers 1,2,4` times whole data loaders instead, with so many workers: samples a second by the clock, everything
included. There other processes do count.
"""

from __future__ import annotations

import copy
import logging
import platform
import random
import time
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from experiments.records import provenance
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.config.names import SUBSTITUTES
from ppocrv2_ext.config.resolve import resolve
from ppocrv2_ext.host import Host, connect

CONFIGS = ("rec/ch_PP-OCRv2_rec", "rec/ch_PP-OCRv2_rec_finetune", "cls/textline_orientation_lcnet")
SAMPLES = Path(__file__).resolve().parents[1] / "tests" / "samples" / "icdar2015_words" / "train.txt"
WAYS = ("PaddleOCR", "ours")
THEIRS = {ours: theirs for theirs, names in SUBSTITUTES.items() for ours in names}


def read_config(name: str, labels: Path, host: Host, way: str) -> dict:
    """A shipped config on a label file, with the transforms of ``way``. Images lie relative to the label file."""
    files = [
        f"Train.dataset.{key}={value}"
        for key, value in (("data_dir", labels.parent), ("label_file_list", f"[{labels}]"))
    ]
    config = yaml_files.override(yaml_files.read(yaml_files.locate(name)), [*files, "Global.distributed=false"])
    config, _ = resolve(config, host)
    if way == "PaddleOCR":
        dataset = config["Train"]["dataset"]
        dataset["transforms"] = [
            {THEIRS.get(name, name): options for name, options in entry.items()} for entry in dataset["transforms"]
        ]
    return config


def read_lines(labels: Path, count: int) -> list[dict]:
    """Up to ``count`` samples as PaddleOCR's dataset hands them to the first transform."""
    lines = labels.read_text(encoding="utf-8-sig").splitlines()[:count]
    pairs = [line.split("\t")[:2] for line in lines]
    return [
        {"img_path": name, "image": (labels.parent / name).read_bytes(), "label": text, "ext_data": []}
        for name, text in pairs
    ]


def time_transforms(name: str, labels: Path, host: Host, count: int, rounds: int) -> dict[str, list[float]]:
    """{way: microseconds of a sample, for each round}."""
    from ppocr.data import imaug

    def make(way: str) -> list:
        config = read_config(name, labels, host, way)
        return imaug.create_operators(config["Train"]["dataset"]["transforms"], config["Global"])

    ops, lines = {way: make(way) for way in WAYS}, read_lines(labels, count)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(-1, rounds):  # the first round warms up
        for way in WAYS[:: 1 if turn % 2 else -1]:
            start = time.process_time()
            for line in lines:
                imaug.transform(dict(line), ops[way])
            if turn >= 0:
                times[way].append(1e6 * (time.process_time() - start) / len(lines))
    return times


def time_loaders(
    name: str, labels: Path, host: Host, workers: int, batches: int, rounds: int
) -> dict[str, list[float]]:
    """{way: samples a second of a data loader, for each round}. The start of the workers does not count."""
    from ppocr.data import build_dataloader

    logger = logging.getLogger("ppocrv2.bench")
    logger.setLevel(logging.ERROR)
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(rounds):
        for way in WAYS[:: 1 if turn % 2 else -1]:
            config = copy.deepcopy(read_config(name, labels, host, way))
            config["Train"]["loader"].update(num_workers=workers, drop_last=False, batch_size_per_card=32)
            lines = config["Train"]["dataset"]
            lines["label_file_list"] *= -(-32 * (batches + 1 + 4 * workers) // len(labels.read_text().splitlines()))
            loader = iter(build_dataloader(config, "Train", "cpu", logger, seed=turn))
            for _ in range(1 + 2 * workers):  # what the workers have prepared by then
                next(loader)
            start = time.perf_counter()
            for _ in range(batches):
                next(loader)
            rates[way].append(32 * batches / (time.perf_counter() - start))
    return rates


def add_row(table: Table, title: Sequence[str], values: dict[str, list[float]], faster: np.ndarray) -> None:
    """Add medians and quartiles of both ways, and the median and quartiles of ``faster``."""
    columns = [values[way] for way in WAYS]
    quartiles = [np.percentile(column, [50, 25, 75]) for column in columns]
    cells = [f"{middle:.0f} [{low:.0f}, {high:.0f}]" for middle, low, high in quartiles]
    middle, low, high = np.percentile(faster, [50, 25, 75])
    table.add_row(*title, *cells, f"{middle:.1f}x [{low:.1f}, {high:.1f}]")


@click.command()
@click.option("--labels", type=click.Path(path_type=Path, exists=True, dir_okay=False), multiple=True, metavar="FILE",
              default=(SAMPLES,), help="Recognition labels, pictures beside [default: tests/samples].")  # fmt: skip
@click.option("--configs", "names", multiple=True, default=CONFIGS, show_default=True)
@click.option("--lines", type=click.IntRange(1), default=200, show_default=True, help="Lines of each label file.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--workers", metavar="N,N", help="Time whole data loaders with so many workers.")
@click.option(
    "--batches", type=click.IntRange(1), default=40, show_default=True, help="Batches of 32 a round of a loader."
)
@click.option("--paddleocr", metavar="DIR", help="A clone of PaddleOCR [default: as the ppocrv2 command].")
def main(
    labels: tuple[Path, ...],
    names: tuple[str, ...],
    lines: int,
    rounds: int,
    workers: str | None,
    batches: int,
    paddleocr: str | None,
) -> None:
    """Time the training samples of recognition configs beside PaddleOCR's transforms."""
    host = connect(paddleocr)
    cv2.setNumThreads(1)
    random.seed(0)
    np.random.seed(0)
    unit = "samples/s" if workers else "us"
    table = Table("config", "workers" if workers else "lines", *(f"{way} {unit}" for way in WAYS), "faster")
    for name in names:
        for file in (path.resolve() for path in labels):
            if workers:
                for count in map(int, workers.split(",")):
                    rates = time_loaders(name, file, host, count, batches, rounds)
                    add_row(table, (name, str(count)), rates, np.divide(rates["ours"], rates["PaddleOCR"]))
            else:
                times = time_transforms(name, file, host, lines, rounds)
                title = (name, f"{file.parent.name}/{file.name}")
                add_row(table, title, times, np.divide(times["PaddleOCR"], times["ours"]))
    console = Console(highlight=False, soft_wrap=True, width=150)
    console.print(table)
    console.print(f"rounds: {rounds}, commit: {provenance()['commit'] or 'none'}, PaddleOCR: {host.version}")
    console.print(f"{platform.platform()}, OpenCV {cv2.__version__}, NumPy {np.__version__}")


if __name__ == "__main__":
    main()
