"""Which model reads what, how large it is, and how long it takes: exported recognizers and detectors side by side.

    python scripts/compare_models.py --rec v2=official --rec v6-tiny=DIR --lines words=LABELS --lines receipts=LABELS
    python scripts/compare_models.py --det v2=official --det v6-tiny=DIR --scenes LABELS

A model is NAME=FOLDER, or NAME=official for the official PP-OCRv2 one. Lines count as right without case and spaces.
Recognizers read whole lines at their own width, as `ppocrv2 ocr` does; boxes are judged as `ppocrv2 eval-system` does.
The models take turns on the same pictures with one thread each, so the ratio of two times says more than a time.
Times are medians over groups of up to 32 lines, or over scenes.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import cv2
from experiments.markdown import markdown_table
from experiments.options import read_labelled
from experiments.timing import take_turns

from ppocrv2_ext.deploy.detect import Detector
from ppocrv2_ext.deploy.engine import load_engine
from ppocrv2_ext.deploy.evaluation import TEXT_RULES, Counts, score_page
from ppocrv2_ext.deploy.labelled import open_samples
from ppocrv2_ext.deploy.lines import read_texts
from ppocrv2_ext.deploy.models import find_model
from ppocrv2_ext.deploy.pictures import open_image, open_line
from ppocrv2_ext.errors import UserError

GROUP = 32  # lines
Run = Callable[[Any], Any]
Samples = tuple[list[Any], list[Any]]  # what is labelled in each picture, and the pictures


def load_model(kind: str, folder: str) -> tuple[Run, float]:
    """A model with its settings, and the size of its ONNX file in MB.

    Args:
        kind: "rec", whose function reads a list of lines, or "det", whose function finds the boxes of a picture.
        folder: of the exported model, or "official".
    """
    model = find_model(folder, kind)
    engine, size = load_engine(model.path, "onnxruntime", 1), model.onnx_file.stat().st_size / 1e6
    if kind == "det":
        return Detector(engine, model.settings), size
    return lambda lines: [text for text, _ in read_texts(lines, engine, model.settings)], size


def read_pictures(labels: str, kind: str) -> Samples:
    """The labels and the pictures of a label file.

    Args:
        kind: "det" for scenes, "rec" for lines.
    Raises:
        click.UsageError: there is no label, one is of another kind, or a picture cannot be opened.
    """
    opened = open_samples(list(read_labelled(Path(labels), kind)), open_line if kind == "rec" else open_image)
    if opened.problems:
        raise click.UsageError(f"{opened.problems[0]}; leave the line out.")
    if not opened.samples:
        raise click.UsageError(f"{labels} has no line `image<TAB>label`; name a label file with some.")
    return [sample.label for sample in opened.samples], opened.pictures


def time_models(models: dict[str, Run], inputs: Sequence[Any]) -> tuple[dict[str, list], dict[str, list[float]]]:
    """({model: [what it makes of each input]}, {model: [seconds for each input]})"""
    outputs: dict[str, list] = {name: [] for name in models}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for name, _ in take_turns(models, len(inputs), warm=False):
        start = time.perf_counter()
        outputs[name].append(models[name](inputs[len(outputs[name])]))
        seconds[name].append(time.perf_counter() - start)
    return outputs, seconds


def compare_recognizers(models: dict[str, Run], sets: Sequence[Samples]) -> tuple[dict, dict[str, float]]:
    """{model: [share of right lines of each set]} and {model: milliseconds of a line}."""
    times: dict[str, list[float]] = {name: [] for name in models}
    shares: dict[str, list[str]] = {name: [] for name in models}
    normalize = TEXT_RULES["without case and spaces"]
    for labels, images in sets:
        groups = [images[start : start + GROUP] for start in range(0, len(images), GROUP)]
        read, seconds = time_models(models, groups)
        for name in models:
            texts = [text for group in read[name] for text in group]
            right = sum(normalize(label) == normalize(text) for label, text in zip(labels, texts))
            shares[name].append(f"{right / len(texts):.3f}")
            times[name] += [time / len(group) for time, group in zip(seconds[name], groups)]
    return shares, {name: 1000 * statistics.median(each) for name, each in times.items()}


def compare_detectors(models: dict[str, Run], scenes: Samples) -> tuple[dict[str, list[str]], dict[str, float]]:
    """{model: [precision, recall, F1]} and {model: milliseconds of a scene}."""
    boxes, images = scenes
    found, seconds = time_models(models, images)
    scores = {}
    for name in models:
        pages = [score_page(labelled, [(box, "") for box in each]) for labelled, each in zip(boxes, found[name])]
        counts = sum((page.detection for page in pages), Counts())
        scores[name] = [f"{value:.3f}" for value in (counts.precision, counts.recall, counts.f1)]
    return scores, {name: 1000 * statistics.median(each) for name, each in seconds.items()}


def read_pairs(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """{name: value} of NAME=VALUE given several times. A name becomes a cell of a table in Markdown."""
    pairs: dict[str, str] = {}
    for given in values:
        name, _, value = given.partition("=")
        if not name.strip() or not value:
            raise click.BadParameter(f"{given!r} is not {option.metavar}.", param=option)
        if "|" in name or not name.isprintable():
            raise click.BadParameter(f"{name!r} breaks the table; choose a name without | and line ends.", param=option)
        if name in pairs:
            raise click.BadParameter(f"there are two called {name!r}; give each its own name.", param=option)
        pairs[name] = value
    return pairs


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rec", multiple=True, callback=read_pairs, metavar="NAME=DIR", help="A recognizer.")
@click.option("--det", multiple=True, callback=read_pairs, metavar="NAME=DIR", help="A detector.")
@click.option("--lines", multiple=True, callback=read_pairs, metavar="NAME=FILE", help="Labelled lines.")
@click.option("--scenes", metavar="FILE", help="Labelled pictures, for the detectors.")
def main(rec: dict[str, str], det: dict[str, str], lines: dict[str, str], scenes: str | None) -> None:
    """Compare exported models."""
    if bool(rec) != bool(lines) or bool(det) != bool(scenes) or not (rec or det):
        raise click.UsageError("Give --rec with --lines, or --det with --scenes.")
    cv2.setNumThreads(1)
    try:
        sets = [read_pictures(file, "rec") for file in lines.values()]
        pictures = read_pictures(scenes, "det") if scenes else ([], [])
        for kind, folders, header in (("rec", rec, list(lines)), ("det", det, ["precision", "recall", "F1"])):
            if not folders:
                continue
            loaded = {name: load_model(kind, folder) for name, folder in folders.items()}
            runs = {name: run for name, (run, _) in loaded.items()}
            scores, times = compare_recognizers(runs, sets) if kind == "rec" else compare_detectors(runs, pictures)
            unit = "ms a line" if kind == "rec" else "ms a scene"
            rows = [[name, f"{loaded[name][1]:.1f}", f"{times[name]:.1f}", *scores[name]] for name in folders]
            click.echo("\n".join(markdown_table(["model", "MB", unit, *header], rows)))
    except UserError as error:
        click.echo(f"compare_models: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
