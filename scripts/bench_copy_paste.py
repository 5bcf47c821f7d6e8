"""Time TextCopyPaste beside PaddleOCR's CopyPaste: same pictures, same process, taking turns.

    python scripts/bench_copy_paste.py --labels DIR/train.txt

Both get the same picture and the same second picture, paste as many objects, and have their default arguments. Times
are milliseconds of one core for each call, median and quartiles. The time of other processes does not count. `pasted`
is the mean number of objects that found a place.
"""

from __future__ import annotations

import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from experiments.options import LABELS, check_paddleocr, read_labelled
from experiments.timing import describe_machine, spread, take_turns
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.data.labels import IGNORED_TEXTS
from ppocrv2_ext.host import connect
from ppocrv2_ext.plugins.copy_paste.transform import TextCopyPaste

PICTURES = 12
TRIES = 100  # to place a box


def make_sample(image: np.ndarray, polygons: list, texts: list[str]) -> dict:
    """A sample as PaddleOCR's DecodeImage and DetLabelEncode return it."""
    ignored = np.array([text in IGNORED_TEXTS for text in texts])
    return {"image": image, "polys": np.array(polygons, np.float32), "texts": texts, "ignore_tags": ignored}


def read_samples(labels: Path, count: int) -> list[dict]:
    """Up to ``count`` samples of a SimpleDataSet label file that have text. The pictures lie relative to the file.

    Raises:
        click.UsageError: the file is not one of scenes, none has text, or a picture cannot be opened.
    """
    samples = []
    for sample in read_labelled(labels, "det"):
        polygons, texts = [points for points, _ in sample.label], [text for _, text in sample.label]
        if len(samples) < count and any(text not in IGNORED_TEXTS for text in texts):
            image = cv2.imread(str(sample.path))
            if image is None:
                raise click.UsageError(f"{labels}: the picture {sample.path} cannot be opened; leave its line out.")
            samples.append(make_sample(image, polygons, texts))
    if not samples:
        raise click.UsageError(f"{labels} has no scene with text that can be read; name another --labels.")
    return samples


def draw_boxes(rng: np.random.Generator, image: np.ndarray, count: int) -> dict:
    """A sample of ``image`` with ``count`` random boxes that do not overlap, 12 to 39 pixels high.

    Raises:
        click.UsageError: they find no room.
    """
    height, width = image.shape[:2]
    occupied, boxes = np.zeros((height, width), bool), []
    for _ in range(TRIES * count):
        if len(boxes) == count:
            break
        h = int(rng.integers(12, 40))
        w = int(h * rng.uniform(1, 4))
        x, y = int(rng.integers(0, max(1, width - w))), int(rng.integers(0, max(1, height - h)))
        if y + h <= height and x + w <= width and not occupied[y : y + h, x : x + w].any():
            occupied[y : y + h, x : x + w] = True
            boxes.append([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])
    if len(boxes) < count:
        raise click.UsageError(f"a picture of {width}x{height} has no room for {count} boxes; name larger --labels.")
    return make_sample(image, boxes, [f"text {i}" for i in range(count)])


def copy_samples(target: dict, other: dict) -> dict:
    """Copies of two samples, as the input of one call. PaddleOCR's transform writes into its input."""
    copies = [{key: value.copy() for key, value in each.items()} for each in (target, other)]
    return {**copies[0], "ext_data": [copies[1]]}


def measure(
    ops: Mapping[str, Callable[[dict], dict]], samples: Sequence[dict], rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Time the transforms, which take turns.

    Returns:
        ({name: milliseconds of each call}, {name: mean number of objects pasted})
    """
    times, pasted = {name: [] for name in ops}, dict.fromkeys(ops, 0.0)
    for target, other in zip(samples, samples[1:] + samples[:1]):
        for name, counts in take_turns(ops, rounds):
            data = copy_samples(target, other)
            start = time.process_time()
            result = ops[name](data)
            if counts:
                times[name].append(1000 * (time.process_time() - start))
                pasted[name] += (len(result["polys"]) - len(target["polys"])) / (rounds * len(samples))
    return times, pasted


@click.command()
@click.option("--labels", type=LABELS, metavar="FILE",
              help="SimpleDataSet detection labels with pictures beside them [default: noise, 1280x720].")  # fmt: skip
@click.option(
    "--paddleocr",
    metavar="DIR",
    callback=check_paddleocr,
    help="A clone of PaddleOCR [default: as the ppocrv2 command].",
)
@click.option("--rounds", type=click.IntRange(1), default=10, show_default=True, help="Calls per picture.")
@click.option("--seed", type=int, default=0, show_default=True)
def main(labels: Path | None, paddleocr: str | None, rounds: int, seed: int) -> None:
    """Time TextCopyPaste beside PaddleOCR's CopyPaste."""
    host = connect(paddleocr)
    from ppocr.data.imaug.copy_paste import CopyPaste

    cv2.setNumThreads(1)
    random.seed(seed)
    np.random.seed(seed)
    rng = np.random.default_rng(seed)
    real = read_samples(labels, PICTURES) if labels else []
    pictures = [each["image"] for each in real]
    pictures = pictures or [rng.integers(0, 256, (720, 1280, 3), dtype=np.uint8) for _ in range(PICTURES)]
    cases = {f"{boxes} boxes": [draw_boxes(rng, image, boxes) for image in pictures] for boxes in (5, 20, 100, 300)}
    if real:
        cases[f"as labelled ({np.mean([len(each['polys']) for each in real]):.1f})"] = real
    ops = {"stock": CopyPaste(), "ours": TextCopyPaste()}

    table = Table("pictures", "CopyPaste ms", "pasted", "TextCopyPaste ms", "pasted", "ours / stock")
    for name, samples in cases.items():
        times, pasted = measure(ops, samples, rounds)
        cells = [cell for way in ops for cell in (spread(times[way]), f"{pasted[way]:.1f}")]
        table.add_row(name, *cells, f"{np.median(times['ours']) / np.median(times['stock']):.3f}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    console.print(f"{'labelled' if real else 'noise'} pictures: {len(pictures)}, calls: {rounds} each, seed: {seed}")
    console.print(f"{describe_machine()}, PaddleOCR {host.version}")
    console.print(f"{platform.platform()}, OpenCV {cv2.__version__}, NumPy {np.__version__}")


if __name__ == "__main__":
    main()
