"""Time `ppocrv2 check` without the start of Python: label lines, headers of images, images decoded.

    python scripts/bench_check.py --words ../shared/data/icdar2015_words
    python scripts/bench_check.py --words DIR --rounds 9 --threads 2

`--words` is a folder with pictures of words and a train.txt. "lines" are 100 000 label lines that name these pictures
again and again, so each picture is looked at once; "scenes" are 100 000 lines of three boxes that name one picture;
"headers" are the pictures by header, checksum and end; "decoded" the same pictures decoded as training does it
(`Global.check_images=decode`). The rows take turns. Times are seconds, median and quartiles; CPU seconds are those of
all threads, which a busy machine changes less.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from pathlib import Path

import click
import cv2
import numpy as np
from experiments.options import FOLDER, LABELS
from experiments.timing import describe_machine, spread, take_turns
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.data import check
from ppocrv2_ext.host import find_host

MANY = 100_000
BOX = [[377, 117], [463, 117], [465, 130], [378, 130]]
LABEL = json.dumps([{"transcription": "EXIT", "points": [[x, y + 40 * n] for x, y in BOX]} for n in range(3)])


def make_config(folder: Path, labels: Path, is_scene: bool = False, **settings: object) -> dict:
    """The part of a config that the check reads: of scenes or of words."""
    encoder = "DetLabelEncode" if is_scene else "CTCLabelEncode"
    dataset = {
        "name": "SimpleDataSet",
        "data_dir": str(folder),
        "label_file_list": [str(labels)],
        "transforms": [{"DecodeImage": None}, {encoder: None}, {"RecResizeImg": {"image_shape": [3, 32, 320]}}],
    }
    dictionary = find_host().root / "ppocr/utils/ppocr_keys_v1.txt"
    known = {"character_dict_path": str(dictionary), "use_space_char": True, "max_text_length": 25}
    return {"Global": {**known, **settings}, "Train": {"dataset": dataset}}


def make_rows(words: Path, folder: Path) -> dict[str, tuple[int, dict]]:
    """{row: (how many are checked, config)}."""
    lines = (words / "train.txt").read_text(encoding="utf-8").splitlines()
    many, scenes = folder / "many.txt", folder / "scenes.txt"
    many.write_text("".join(f"{lines[n % len(lines)]}\n" for n in range(MANY)), encoding="utf-8")
    scenes.write_text(f"scene.png\t{LABEL}\n" * MANY, encoding="utf-8")
    cv2.imwrite(str(folder / "scene.png"), np.zeros((720, 1280, 3), np.uint8))
    images = len({line.partition("\t")[0] for line in lines})
    return {
        "lines": (MANY, make_config(words, many)),
        "scenes": (MANY, make_config(folder, scenes, is_scene=True)),
        "headers": (images, make_config(words, words / "train.txt")),
        "decoded": (images, make_config(words, words / "train.txt", check_images="decode")),
    }


def check_words(context: click.Context, option: click.Parameter, folder: Path) -> Path:
    """Callback of ``--words DIR``: DIR holds a train.txt that is not empty."""
    if not LABELS.convert(folder / "train.txt", option, context).stat().st_size:
        raise click.BadParameter(f"{folder / 'train.txt'} is empty.")
    return folder


@click.command()
@click.option("--words", metavar="DIR", required=True, type=FOLDER, callback=check_words)
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Threads that look at images [default: one for each core].")
def main(words: Path, rounds: int, threads: int | None) -> None:
    """Time the check of label lines and of images."""
    cv2.setNumThreads(1)
    check.THREADS = threads or check.THREADS
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = make_rows(words, Path(folder))
        for name, _ in take_turns(rows, rounds, warm=False):
            start, cpu_start = time.perf_counter(), time.process_time()
            check.check_data(rows[name][1], ("Train",))
            times.setdefault(name, []).append((time.perf_counter() - start, time.process_time() - cpu_start))
    columns = ("what", "number", "seconds", "per second", "CPU seconds", "per CPU second")
    table = Table(*columns, box=None, pad_edge=False)
    for name, (number, _) in rows.items():
        cells = [cell for laps in zip(*times[name]) for cell in (spread(laps), f"{number / np.median(laps):.0f}")]
        table.add_row(name, str(number), *cells)
    Console(highlight=False, width=120).print(table)
    click.echo(f"{check.THREADS} threads, {platform.processor() or platform.machine()}, {describe_machine()}")


if __name__ == "__main__":
    main()
