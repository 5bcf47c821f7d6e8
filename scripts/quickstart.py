"""Fine-tune the official PP-OCRv2 recognizer, export it, convert it to ONNX, and show what it reads before and after.

Every step is a `ppocrv2` command, printed as it runs: what this script does can be done by hand.
"""

import math
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
from experiments import quickstart_report as report
from experiments.synthetic.lines import render_lines
from rich.console import Console

from ppocrv2_ext.checkpoints.official import DICTIONARY
from ppocrv2_ext.config import assignment
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.deploy.read import line_width, load_image, read_lines
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import find_host

CONFIG = "rec/ch_PP-OCRv2_rec_finetune"
RENDERED = {"train": 416, "test": 100, "seed": 0}
EPOCHS = {"rendered": 3, "own": 4}
BATCH = 32
STEP = 0.019  # seconds per column of the image, on one CPU core
SHOWN = 16  # lines in the picture
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
def main(data, output, epochs, overrides):
    """Fine-tune the official recognizer on rendered lines, or on your own, and show before and after."""
    started = time.time()
    console.print(f"[bold]What comes of this lies in {output}")
    try:
        output.mkdir(parents=True, exist_ok=True)
        log = (output / "log.txt").open("w", encoding="utf-8")
        epochs = epochs or EPOCHS["own" if data else "rendered"]
        data = data or rendered(output / "data")
        settings = [*data_settings(data, epochs), *overrides]
    except (OSError, UserError) as error:
        console.print(f"quickstart: {error}")
        sys.exit(2)

    official, tuned = output / "official", output / "finetuned"
    run(log, "Write the official weights as a training checkpoint (10 s)", "weights", "rec", "--output", official)
    start, best = official / "ch_PP-OCRv2_rec", tuned / "best_accuracy"
    from_official, from_tuned = (assignment("Global.pretrained_model", weights) for weights in (start, best))
    evaluate = ("eval", "-c", CONFIG, "-o", *settings)
    train = ("train", "-c", CONFIG, "-o", *settings, assignment("Global.save_model_dir", tuned))
    run(log, "Evaluate before (PaddleOCR's tools/eval.py; 10 s for 100 lines)", *evaluate, from_official)
    run(log, "Fine-tune (PaddleOCR's tools/train.py; `eta` is what is left)", *train, from_official)
    run(log, "Evaluate after (10 s for 100 lines)", *evaluate, from_tuned)
    for name, weights in ((official, start), (tuned, best)):
        title = f"Export {name.name}, convert it to ONNX and compare the two (20 s)"
        paths = (
            assignment("Global.pretrained_model", weights),
            assignment("Global.save_inference_dir", name / "inference"),
        )
        run(log, title, "export", "-c", CONFIG, "--onnx", "-o", *settings, *paths)

    console.print("\n[bold]Read the test lines with both ONNX models")
    images, labels = zip(*labelled(data / "test.txt"))
    before, after = (
        [reading.text for reading in read_lines([data / image for image in images], folder / "inference")]
        for folder in (official, tuned)
    )
    grid, markdown = report.table(zip(labels, before), zip(labels, after))
    (output / "before_after.md").write_text(markdown, encoding="utf-8")
    # What changed comes first; the rest of the sheet shows lines that stayed.
    order = sorted(range(len(images)), key=lambda index: before[index] == after[index])[:SHOWN]
    rows = [(data / images[index], labels[index], before[index], after[index]) for index in sorted(order)]
    report.picture(rows, output / "before_after.png")
    console.print(grid)
    console.print(f"Done in {(time.time() - started) / 60:.1f} minutes. In {output}:")
    for file in ("before_after.md", "before_after.png", "finetuned/inference/inference.onnx", "log.txt"):
        console.print(f"  {file}")


def rendered(folder):
    """A small data set of Chinese and Latin lines, the same every time."""
    console.print(f"[bold]Render {RENDERED['train']} lines to train on and {RENDERED['test']} to test on (20 s)")
    characters = read_dictionary(find_host().root / DICTIONARY)[1:]  # without the blank
    render_lines(folder, RENDERED["train"], RENDERED["seed"], characters, RENDERED["test"])
    return folder


def labelled(file):
    """[(image, text)] of a label file."""
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    return [tuple(line.split("\t", 1)) for line in lines if "\t" in line]


def data_settings(data, epochs):
    """Overrides that point the config at ``data`` and fit width and schedule to it."""
    missing = [name for name in ("train.txt", "test.txt") if not (data / name).is_file()]
    if missing:
        raise UserError(f"{data} has no {missing[0]}: a line of it is `image<TAB>text`, images relative to {data}.")
    images = [data / image for image, _ in labelled(data / "train.txt")]
    if len(images) < BATCH:
        raise UserError(
            f"{data / 'train.txt'} has {len(images)} lines; fine-tuning needs at least one batch of {BATCH}."
        )
    step = max(1, len(images) // 500)
    widths = [line_width(load_image(image), least=0) for image in images[::step]]
    # Wide enough for 19 lines in 20; the others are squeezed. Time goes with the width.
    width = min(320, 32 * math.ceil(np.percentile(widths, 95) / 32))
    steps = len(images) // BATCH
    minutes = math.ceil(epochs * steps * width * STEP / 60)
    schedule = f"{epochs} epochs of {steps} steps of {BATCH}, about {minutes} min on a CPU"
    console.print(f"{len(images)} lines, trained at 32x{width}: {schedule}")
    return [
        assignment("Train.dataset.data_dir", data),
        assignment("Eval.dataset.data_dir", data),
        assignment("Train.dataset.label_file_list", [data / "train.txt"]),
        assignment("Eval.dataset.label_file_list", [data / "test.txt"]),
        f"Train.dataset.transforms.RecResizeImg.image_shape=[3,32,{width}]",
        f"Eval.dataset.transforms.RecResizeImg.image_shape=[3,32,{width}]",
        f"Train.loader.batch_size_per_card={BATCH}",
        f"Global.epoch_num={epochs}",
        # Sets this small take few steps: the config's rate, meant for ten times as many, would unsettle the model.
        *(["Optimizer.lr.learning_rate=0.0003"] if len(images) < 2000 else []),
        "Global.print_batch_step=5",
        f"Global.eval_batch_step=[0,{steps}]",
    ]


def run(log, title, *arguments):
    """Run one `ppocrv2` command: progress on the screen, everything in the log; stop where it fails."""
    command = ["ppocrv2", *map(str, arguments)]
    console.print(f"\n{title}", style="bold", markup=False)
    console.print(f"$ {shlex.join(command)}", style="dim", markup=False)
    log.write(f"\n$ {shlex.join(command)}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "ppocrv2_ext", *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last = []
    for line in process.stdout:
        log.write(line)
        last = [*last[-9:], line]
        if PROGRESS.search(line):
            console.print("  " + re.sub(r"^\[[^]]*\] ppocr INFO: ", "", line.rstrip()), markup=False)
    log.flush()
    if process.wait() != 0:
        console.print("".join(last), markup=False)
        console.print(f"That failed with exit code {process.returncode}; everything it said is in {log.name}.")
        sys.exit(process.returncode)


if __name__ == "__main__":
    main()
