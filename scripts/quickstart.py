"""Fine-tune the official PP-OCRv2 recognizer, export it, and show what it reads before and after, and a photograph.

Every step is a `ppocrv2` command that is printed before it runs, so you can do the same by hand. A tenth of the
training lines is held out and chooses the checkpoint. The test lines are only read before and after.
"""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import click
import numpy as np
from experiments import quickstart_report as report
from experiments.synthetic.lines import render_lines
from rich.console import Console

from ppocrv2_ext.commands.split import NAMES
from ppocrv2_ext.config import assignment
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.data.splitting import read_label_lines, split_lines
from ppocrv2_ext.deploy.lines import reading_width
from ppocrv2_ext.deploy.pictures import load_image
from ppocrv2_ext.deploy.read import read_lines
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import find_host

CONFIG = "rec/ch_PP-OCRv2_rec_finetune"
DICTIONARY = "ppocr/utils/ppocr_keys_v1.txt"  # of the official recognizer; PaddleOCR has it
LINE_COUNTS, DATA_SEED = {"train": 416, "test": 100}, 0
EPOCHS = {"rendered": 3, "own": 4}
BATCH = 32
HELD_OUT, SPLIT_SEED = 0.1, 1  # the defaults of `ppocrv2 split`
LEAST_IMAGES = 36  # a batch is left when a tenth is held out
COLUMN_SECONDS = 0.019  # of a training step, for each column of the image, on one CPU core
PICTURE_LINES = 16
SCENE = Path(__file__).resolve().parents[1] / "tests/samples/icdar2015_scenes/train/img_637.jpg"
PROGRESS = re.compile(r"epoch: \[|cur metric|Weights of|saved to|largest difference|ppocrv2: |\bacc:")
console = Console(highlight=False, soft_wrap=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Your own words: train.txt and test.txt with `image<TAB>text` lines [default: rendered lines].",
)
@click.option(
    "--output", metavar="DIR", type=click.Path(path_type=Path), default="output/quickstart", show_default=True
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the training lines [default: 3 on rendered lines, else 4]."
)
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the config, as in PaddleOCR.")
def main(data: Path | None, output: Path, epochs: int | None, overrides: tuple[str, ...]) -> None:
    """Fine-tune the official recognizer on rendered lines, or on your own, and show before and after.

    Installing takes 2 to 8 minutes, the first time only. Then it takes about 3 minutes on two CPU cores. On your own
    words it takes longer if there are many; it says how long before it trains.

    A tenth of train.txt is held out and chooses the checkpoint. test.txt is only read before and after.
    """
    start_time = time.time()
    console.print(f"[bold]The results will be in {output}")
    console.print(
        f"This takes {'2 minutes and the time of the training' if data else 'about 3 minutes'} on two CPU cores."
    )
    try:
        output.mkdir(parents=True, exist_ok=True)
        log = (output / "log.txt").open("w", encoding="utf-8")
        epochs = epochs or EPOCHS["own" if data else "rendered"]
        data = data or render_data(output / "data")
        images, labels = zip(*read_test(data))
        train_file, held_out = hold_out(data, output / "split")
        settings = [*make_overrides(data, train_file, held_out, epochs), *overrides]
    except (OSError, UserError) as error:
        console.print(f"quickstart: {error}")
        sys.exit(2)

    official, tuned = output / "official", output / "finetuned"
    run_command(
        log, "Write the official weights as a training checkpoint (10 s)", "weights", "rec", "--output", official
    )
    start, best = official / "ch_PP-OCRv2_rec", tuned / "best_accuracy"
    from_official, from_tuned = (assignment("Global.pretrained_model", weights) for weights in (start, best))
    on_test = assignment("Eval.dataset.label_file_list", [data / "test.txt"])
    evaluate = ("eval", "-c", CONFIG, "-o", *settings, on_test)
    train = ("train", "-c", CONFIG, "-o", *settings, assignment("Global.save_model_dir", tuned))
    run_command(
        log, "Evaluate test.txt before (PaddleOCR's tools/eval.py; 10 s for 100 lines)", *evaluate, from_official
    )
    run_command(log, "Fine-tune (PaddleOCR's tools/train.py; `eta` is the time left)", *train, from_official)
    run_command(log, "Evaluate test.txt after (10 s for 100 lines)", *evaluate, from_tuned)
    for name, weights in ((official, start), (tuned, best)):
        title = f"Export {name.name}, convert it to ONNX and compare the two (20 s)"
        paths = (
            assignment("Global.pretrained_model", weights),
            assignment("Global.save_inference_dir", name / "inference"),
        )
        run_command(log, title, "export", "-c", CONFIG, "--onnx", "-o", *settings, *paths)

    console.print("\n[bold]Read the test lines with both ONNX models")
    before, after = (
        [reading.text for reading in read_lines([data / image for image in images], folder / "inference")]
        for folder in (official, tuned)
    )
    grid, markdown = report.make_table(zip(labels, before), zip(labels, after))
    (output / "before_after.md").write_text(markdown, encoding="utf-8")
    changes = report.find_changes(labels, before, after)
    shown = report.choose_lines(changes, PICTURE_LINES)
    rows = [(data / images[index], labels[index], before[index], after[index]) for index in shown]
    report.draw_sheet(rows, output / "before_after.png", *report.describe(changes, len(shown)))
    console.print(grid)
    reading = ("ocr", SCENE, "--rec", tuned / "inference", "--output", output / "read")
    run_command(log, "Find and read the lines of a photograph (5 s)", *reading, "--format", "picture")
    console.print(f"Done in {(time.time() - start_time) / 60:.1f} minutes. In {output}:")
    for file in (
        "before_after.md",
        "before_after.png",
        f"read/{SCENE.stem}.png",
        "finetuned/report.html",
        "finetuned/inference/inference.onnx",
        "log.txt",
    ):
        console.print(f"  {file}")


def render_data(folder: Path) -> Path:
    """Write a small data set of Chinese and Latin lines, the same every time, and return its folder."""
    console.print(f"[bold]Render {LINE_COUNTS['train']} lines to train on and {LINE_COUNTS['test']} to test on (20 s)")
    characters = read_dictionary(find_host().root / DICTIONARY)[1:]  # without the blank
    render_lines(folder, LINE_COUNTS["train"], DATA_SEED, characters, LINE_COUNTS["test"])
    return folder


def read_labels(file: Path) -> list[tuple[str, str]]:
    """The (image, text) pairs of a label file."""
    pairs = (line.partition("\t") for line in read_label_lines(file))
    return [(image, text) for image, _, text in pairs]


def read_test(data: Path) -> list[tuple[str, str]]:
    """The (image, text) pairs of ``data``/test.txt.

    Raises:
        UserError: a label file is missing, or the test has no line.
    """
    missing = [name for name in ("train.txt", "test.txt") if not (data / name).is_file()]
    if missing:
        raise UserError(f"{data} has no {missing[0]}: a line of it is `image<TAB>text`, images relative to {data}.")
    pairs = read_labels(data / "test.txt")
    if not pairs:
        raise UserError(f"{data / 'test.txt'} has no line `image<TAB>text`.")
    return pairs


def hold_out(data: Path, folder: Path) -> tuple[Path, Path]:
    """Split ``data``/train.txt into lines to train on and lines that choose the checkpoint.

    Args:
        folder: receives the two label files. Those of an earlier run are overwritten.
    Returns:
        Paths of (the lines to train on, the lines held out).
    Raises:
        UserError: there are too few images for a batch.
    """
    file = data / "train.txt"
    count = len({image for image, _ in read_labels(file)})
    if count < LEAST_IMAGES:
        raise UserError(
            f"{file} has {count} images; fine-tuning needs at least {LEAST_IMAGES}: "
            f"a tenth is held out, and a batch is {BATCH}."
        )
    parts = split_lines(read_label_lines(file), HELD_OUT, SPLIT_SEED, "(.*)")
    folder.mkdir(parents=True, exist_ok=True)
    train, held_out = (folder / name for name in NAMES)
    for path, lines in zip((train, held_out), parts):
        path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    console.print(f"{len(parts[1])} lines of {file} are held out to choose the checkpoint: {held_out}")
    return train, held_out


def make_overrides(data: Path, train: Path, held_out: Path, epochs: int) -> list[str]:
    """Overrides that point the config at label files with images in ``data``, and fit width and schedule to them.

    Args:
        train: the lines to train on, at least a batch.
        held_out: the lines that choose the checkpoint.
    """
    images = [data / image for image, _ in read_labels(train)]
    step = max(1, len(images) // 500)
    widths = [reading_width(load_image(image), 32, 32, empty_end=0) for image in images[::step]]
    # Wide enough for 19 of 20 lines; longer ones are squeezed. A wider image would take more time.
    width = min(320, 32 * math.ceil(np.percentile(widths, 95) / 32))
    steps = len(images) // BATCH
    minutes = math.ceil(epochs * steps * width * COLUMN_SECONDS / 60)
    schedule = f"{epochs} epochs of {steps} steps of {BATCH}, about {minutes} min on one CPU core"
    console.print(f"{len(images)} lines, trained at 32x{width}: {schedule}")
    return [
        assignment("Train.dataset.data_dir", data),
        assignment("Eval.dataset.data_dir", data),
        assignment("Train.dataset.label_file_list", [train]),
        assignment("Eval.dataset.label_file_list", [held_out]),
        f"Train.dataset.transforms.RecResizeImg.image_shape=[3,32,{width}]",
        f"Eval.dataset.transforms.RecResizeImg.image_shape=[3,32,{width}]",
        f"Train.loader.batch_size_per_card={BATCH}",
        f"Global.epoch_num={epochs}",
        # A small set has few steps. The rate of the config is for ten times as many, and would harm the model here.
        *(["Optimizer.lr.learning_rate=0.0003"] if len(images) < 2000 else []),
        "Global.print_batch_step=5",
        f"Global.eval_batch_step=[0,{steps}]",
    ]


def run_command(log: TextIO, title: str, *arguments: Any) -> None:
    """Run a `ppocrv2` command. Progress goes to the screen, all of its output to the log.

    A command that fails ends the script with its exit code.
    """
    command = ["ppocrv2", *map(str, arguments)]
    console.print(f"\n{title}", style="bold", markup=False)
    console.print(f"$ {shlex.join(command)}", style="dim", markup=False)
    log.write(f"\n$ {shlex.join(command)}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "ppocrv2_ext", *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    tail: list[str] = []
    for line in process.stdout:
        log.write(line)
        tail = [*tail[-9:], line]
        if PROGRESS.search(line):
            console.print("  " + re.sub(r"^\[[^]]*\] ppocr INFO: ", "", line.rstrip()), markup=False)
    log.flush()
    if process.wait() != 0:
        console.print("".join(tail), markup=False)
        console.print(f"The command failed with exit code {process.returncode}. All of its output is in {log.name}.")
        sys.exit(process.returncode)


if __name__ == "__main__":
    main()
