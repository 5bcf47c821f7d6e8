"""Does center loss keep confusable Chinese characters apart? Characters such as 木本未末, drawn in several fonts.

    python scripts/confusables.py --weights pretrain/ch_PP-OCRv2_rec --output output/confusables

Fine-tunes the official recognizer through `ppocrv2 train`, with CTC alone and with each center loss that you name. For
one seed, all start from the same weights and see the same lines in the same order. Then it compares the networks on
glyphs that no training has seen: the distance of class means over the spread within a class, in the features before the
last layer, and the characters that were read.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import paddle
from experiments import separation
from experiments.markdown import markdown_table, mean_and_spread
from experiments.processes import CommandError, Processes
from experiments.records import provenance, write_json
from experiments.synthetic.confusables import GROUPS, render_confusables
from experiments.synthetic.typefaces import find_typeface_file
from rich.console import Console
from rich.table import Table

from ppocrv2_ext.checkpoints.paths import require_file
from ppocrv2_ext.commands import requirements
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.config.yaml_files import assignment
from ppocrv2_ext.deploy.decoding import ctc_greedy
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import connect
from ppocrv2_ext.host.networks.trained_network import load_trained_network
from ppocrv2_ext.host.samples.training_lines import TrainingLines
from ppocrv2_ext.plugins.center_loss.loss import DISTANCES
from ppocrv2_ext.plugins.ctc.alignment import align
from ppocrv2_ext.write_checks import make_writable_folder

CONFIG = "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss_finetune"
START = "not tuned"
OFFICIAL_WEIGHTS = "`ppocrv2 weights rec --output pretrain` writes the official ones, pretrain/ch_PP-OCRv2_rec"
DATA_SEED = 1
LINE_SECONDS = 0.026  # for a line to train on, on one CPU core; with the start of a training and its test
PICTURE_GROUPS = ("木本未末", "己已巳", "田由甲申")
console = Console(highlight=False, soft_wrap=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


class Recipe(NamedTuple):
    """A loss to train with."""

    distance: str  # of CTCCenterLoss
    weight: float  # 0 for CTC alone

    def __str__(self) -> str:
        return f"CTC + {self.distance} center, {self.weight:g}" if self.weight else "CTC"


class Measurement(NamedTuple):
    """What a network makes of the test glyphs."""

    features: np.ndarray  # (N, D), of the frames that the alignment assigns to a character
    characters: list[str]  # N
    separation: separation.Separation
    errors: separation.Errors


def parse_recipes(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[Recipe]:
    """CTC alone, then a recipe for each DISTANCE:WEIGHT."""
    try:
        recipes = [Recipe(distance, float(weight)) for distance, weight in (text.split(":") for text in texts)]
    except ValueError:
        raise click.BadParameter(f"DISTANCE:WEIGHT such as relative:2, got {' '.join(texts)}.") from None
    for distance, weight in recipes:
        if distance not in DISTANCES:
            raise click.BadParameter(f"DISTANCE is one of {', '.join(DISTANCES)}, got {distance!r}.")
        if not 0 < weight < math.inf:
            raise click.BadParameter(f"WEIGHT is a number above 0, got {weight}.")
    return [Recipe("relative", 0), *recipes]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--weights", type=Path, required=True, metavar="DIR/PREFIX", help="Where to start, `ppocrv2 weights rec`."
)
@click.option("--output", type=FOLDER, required=True, metavar="DIR", help="Runs, table.md, table.json, features.png.")
@click.option(
    "--center",
    "recipes",
    multiple=True,
    default=["squared:0.005"],
    show_default=True,
    metavar="DISTANCE:WEIGHT",
    callback=parse_recipes,
    help="A center loss to compare with CTC alone; several may be given.",
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How many.")
@click.option("--lines", type=click.IntRange(1), default=800, show_default=True, help="To train on.")
@click.option("--test-lines", type=click.IntRange(1), default=2000, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=6, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True)
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the config of every run.")
def main(
    weights: Path,
    output: Path,
    recipes: list[Recipe],
    seeds: int,
    lines: int,
    test_lines: int,
    epochs: int,
    batch: int,
    overrides: tuple[str, ...],
) -> None:
    """Train with CTC alone and with center loss on confusable characters, and compare."""
    start = time.time()
    try:
        require_file("--weights", weights, OFFICIAL_WEIGHTS)
        data = make_writable_folder(output) / "data"
        trainings = len(recipes) * seeds
        minutes = max(1, round(trainings * lines * epochs * LINE_SECONDS / 60))
        console.print(f"{trainings} trainings, about {minutes} minutes on one CPU core, results in {output}")
        console.print(f"Draw {lines} lines to train on and {test_lines} to test on")
        render_confusables(data, lines, test_lines, DATA_SEED)
        initial = assignment("Global.pretrained_model", weights)
        settings = [*make_overrides(data, epochs, batch), initial, *overrides]
        connect()
        logging.getLogger("ppocr").setLevel(logging.WARNING)
        config = yaml_files.override(yaml_files.read(yaml_files.locate(CONFIG)), settings)
        measurements = {START: [measure(config)]}
        for recipe in recipes:
            for seed in range(1, seeds + 1):
                folder = output / f"{recipe.distance}_{recipe.weight:g}" / f"seed{seed}"
                own = [f"Loss.center_weight={recipe.weight}", f"Loss.distance={recipe.distance}"]
                own += [f"Loss.center_mean_over={'' if recipe.distance == 'relative' else 'character_frames'}"]
                own += [f"Global.seed={seed}", assignment("Global.save_model_dir", folder)]
                measurement = measure(train([*settings, *own], make_writable_folder(folder)))
                measurements.setdefault(str(recipe), []).append(measurement)
                ratio, confused = measurement.separation.ratio, measurement.errors.confused
                console.print(f"{recipe}, seed {seed}: ratio {ratio:.3f}, confused {confused:.4f}")
    except (UserError, CommandError) as error:
        console.print(f"confusables: {error}", markup=False)
        sys.exit(2)
    about = {**provenance(), "seeds": seeds, "steps": lines // batch * epochs, "batch": batch, "lines": lines}
    about |= {"test_lines": test_lines, "overrides": list(overrides), "minutes": round((time.time() - start) / 60, 1)}
    write_report(measurements, about, output)


def make_overrides(data: Path, epochs: int, batch: int) -> list[str]:
    """Overrides of the config, for short lines and a short run. It has no worker processes, so that a seed decides."""
    sets = [(mode, data / f"{name}.txt") for mode, name in (("Train", "train"), ("Eval", "test"))]
    return [
        *(assignment(f"{mode}.dataset.data_dir", data) for mode, _ in sets),
        *(assignment(f"{mode}.dataset.label_file_list", [file]) for mode, file in sets),
        *(f"{mode}.dataset.transforms.RecResizeImg.image_shape=[3,32,32]" for mode, _ in sets),
        *(f"{mode}.loader.num_workers=0" for mode, _ in sets),
        f"Train.loader.batch_size_per_card={batch}",
        assignment("Global.character_dict_path", data / "characters.txt"),
        f"Global.epoch_num={epochs}",
        "Global.eval_batch_step=[0,1000000]",  # never: this script evaluates the last weights itself
        "Global.save_epoch_step=1000000",
    ]


def train(settings: list[str], folder: Path) -> dict:
    """Run `ppocrv2 train` in a process of its own, and return the config that reads the weights it wrote.

    Raises:
        CommandError: the training failed.
    """
    Processes().run(["train", "-c", CONFIG, "-o", *settings], folder / "log.txt")
    config = yaml_files.read(folder / "resolved.yml")
    return yaml_files.override(config, [assignment("Global.pretrained_model", folder / "latest")])


@paddle.no_grad()
def measure(config: dict) -> Measurement:
    """Read the test glyphs with the network that a config describes."""
    classes = requirements.read_characters(config)
    network = load_trained_network(config, len(classes))
    network.head.train()  # to return features beside the logits; no layer of the head works differently in training
    features, characters, pairs = [], [], []
    for images, labels, lengths in TrainingLines({**config, "Train": config["Eval"]}):
        head = network(images)
        assigned = align(head.logits, labels, lengths).numpy()
        features.append(head.features.numpy()[assigned > 0])
        characters += [classes[index] for index in assigned[assigned > 0]]
        texts = [text for text, _ in ctc_greedy(paddle.nn.functional.softmax(head.logits, -1).numpy(), classes)]
        truth = ["".join(classes[i] for i in row[:n]) for row, n in zip(labels.numpy(), lengths.numpy().ravel())]
        pairs += zip(truth, texts)
    features = np.concatenate(features).astype(np.float64)
    distances = separation.measure_separation(features, characters, GROUPS)
    return Measurement(features, characters, distances, separation.count_errors(pairs, GROUPS))


COLUMNS: dict[str, Callable[[Measurement], float]] = {
    "ratio": lambda each: each.separation.ratio,
    "ratio, confusable pairs": lambda each: each.separation.alike_ratio,
    "spread within": lambda each: each.separation.within,
    "confused, %": lambda each: 100 * each.errors.confused,
    "wrong, %": lambda each: 100 * each.errors.wrong,
}


def write_report(measurements: dict[str, list[Measurement]], about: dict, output: Path) -> None:
    """Show the table; write it, the numbers of every seed, and the picture.

    Args:
        measurements: {name of the loss: one for each seed}.
        about: what to say below the table.
    """
    header = ["", *COLUMNS]
    rows = [
        [name, *(mean_and_spread(value(each) for each in runs) for value in COLUMNS.values())]
        for name, runs in measurements.items()
    ]
    table = Table(*header, title="Confusable characters, unseen glyphs")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    text = "\n".join(markdown_table(header, rows))
    notes = "; ".join(f"{key} {value}" for key, value in about.items())
    (output / "table.md").write_text(f"{text}\n\n{notes}\n", encoding="utf-8")
    values = {
        name: [{key: value(each) for key, value in COLUMNS.items()} for each in runs]
        for name, runs in measurements.items()
    }
    write_json(output / "table.json", {**about, "rows": values})
    panels = {
        f"{name}\nratio {runs[0].separation.ratio:.2f}, confused {100 * runs[0].errors.confused:.1f} %": runs[0][:3]
        for name, runs in measurements.items()
        if name != START
    }
    separation.draw_picture(panels, PICTURE_GROUPS, output / "features.png", find_typeface_file("sans"))
    console.print("  ".join(str(output / name) for name in ("table.md", "table.json", "features.png")))


if __name__ == "__main__":
    main()
