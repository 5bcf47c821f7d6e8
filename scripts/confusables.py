"""Does center loss keep confusable Chinese characters apart? 木本未末, 己已巳, 土士 ..., drawn in several fonts.

    python scripts/confusables.py --weights pretrain/ch_PP-OCRv2_rec --output output/confusables

Fine-tunes the official recognizer through `ppocrv2 train`, with CTC alone and with each center loss asked for: the same
initial weights, lines, order and steps, given a seed. Then it compares, on drawn glyphs that no training has seen,
the distance of class means over the spread within a class, in the features before the last layer, and what was read.
"""

import logging
import sys
import time
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import paddle
from experiments import separation as report
from experiments.markdown import markdown_table, mean_and_spread
from experiments.processes import CommandError, Processes
from experiments.records import provenance, write_json
from experiments.synthetic.confusables import GROUPS, render_confusables
from experiments.synthetic.typefaces import find_typeface_file
from rich.console import Console
from rich.table import Table

from ppocrv2_ext import config
from ppocrv2_ext.commands import requirements
from ppocrv2_ext.deploy.read import ctc_greedy
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import connect, evaluation
from ppocrv2_ext.plugins.ctc.alignment import align

CONFIG = "rec/ch_PP-OCRv2_rec_enhanced_ctc_loss_finetune"
START = "not tuned"
DATA_SEED = 1
LINE = 0.026  # seconds per line to train on, on one CPU core, with a training's start and its look at the test lines
SHOWN = ("木本未末", "己已巳", "田由甲申")  # in the picture
console = Console(highlight=False, soft_wrap=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


class Recipe(NamedTuple):
    """What to train with."""

    distance: str  # of CTCCenterLoss
    weight: float  # 0 for CTC alone

    def __str__(self):
        return f"CTC + {self.distance} center, {self.weight:g}" if self.weight else "CTC"


class Seen(NamedTuple):
    """A network on the test glyphs."""

    features: np.ndarray  # (N, D) of the frames that the alignment gives to a character
    characters: list  # N
    apart: report.Separation
    errors: report.Errors


def recipes(_, __, texts):
    """Recipes of DISTANCE:WEIGHT, after CTC alone."""
    try:
        given = [Recipe(distance, float(weight)) for distance, weight in (text.split(":") for text in texts)]
    except ValueError:
        raise click.BadParameter(f"DISTANCE:WEIGHT such as relative:2, got {' '.join(texts)}.") from None
    return [Recipe("relative", 0), *given]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--weights", type=Path, required=True, metavar="DIR/PREFIX", help="Where to start, `ppocrv2 weights rec`."
)
@click.option("--output", type=FOLDER, required=True, metavar="DIR", help="Runs, table.md, table.json, features.png.")
@click.option(
    "--center",
    "trained_with",
    multiple=True,
    default=["squared:0.005"],
    show_default=True,
    metavar="DISTANCE:WEIGHT",
    callback=recipes,
    help="A center loss to compare with CTC alone; several may be given.",
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How many.")
@click.option("--lines", type=click.IntRange(1), default=800, show_default=True, help="To train on.")
@click.option("--test-lines", type=click.IntRange(1), default=2000, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=6, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=32, show_default=True)
@click.option("-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Change the config of every run.")
def main(weights, output, trained_with, seeds, lines, test_lines, epochs, batch, overrides):
    """Train with CTC alone and with center loss on confusable characters, and compare."""
    started = time.time()
    try:
        data = requirements.require_writable(output) / "data"
        trainings = len(trained_with) * seeds
        minutes = max(1, round(trainings * lines * epochs * LINE / 60))
        console.print(f"{trainings} trainings, about {minutes} minutes on one CPU core, results in {output}")
        console.print(f"Draw {lines} lines to train on and {test_lines} to test on")
        render_confusables(data, lines, test_lines, DATA_SEED)
        start = config.assignment("Global.pretrained_model", weights)
        settings = [*run_settings(data, epochs, batch), start, *overrides]
        connect()
        logging.getLogger("ppocr").setLevel(logging.WARNING)
        seen = {START: [look_at(config.override(config.read(config.locate(CONFIG)), settings), data)]}
        for recipe in trained_with:
            for seed in range(1, seeds + 1):
                folder = output / f"{recipe.distance}_{recipe.weight:g}" / f"seed{seed}"
                own = [f"Loss.center_weight={recipe.weight}", f"Loss.distance={recipe.distance}"]
                own += [f"Loss.center_mean_over={'' if recipe.distance == 'relative' else 'character_frames'}"]
                own += [f"Global.seed={seed}", config.assignment("Global.save_model_dir", folder)]
                trained = train([*settings, *own], requirements.require_writable(folder))
                seen.setdefault(str(recipe), []).append(look_at(trained, data))
                apart, errors = seen[str(recipe)][-1][2:]
                console.print(f"{recipe}, seed {seed}: ratio {apart.ratio:.3f}, confused {errors.confused:.4f}")
    except (UserError, CommandError) as error:
        console.print(f"confusables: {error}", markup=False)
        sys.exit(2)
    about = {**provenance(), "seeds": seeds, "steps": lines // batch * epochs, "batch": batch, "lines": lines}
    about |= {"test_lines": test_lines, "overrides": list(overrides), "minutes": round((time.time() - started) / 60, 1)}
    present(seen, about, output)


def run_settings(data, epochs, batch):
    """Overrides of the config for short lines and a short run without other workers' chance."""
    sets = [(mode, data / f"{name}.txt") for mode, name in (("Train", "train"), ("Eval", "test"))]
    return [
        *(config.assignment(f"{mode}.dataset.data_dir", data) for mode, _ in sets),
        *(config.assignment(f"{mode}.dataset.label_file_list", [file]) for mode, file in sets),
        *(f"{mode}.dataset.transforms.RecResizeImg.image_shape=[3,32,32]" for mode, _ in sets),
        *(f"{mode}.loader.num_workers=0" for mode, _ in sets),
        f"Train.loader.batch_size_per_card={batch}",
        config.assignment("Global.character_dict_path", data / "characters.txt"),
        f"Global.epoch_num={epochs}",
        "Global.eval_batch_step=[0,1000000]",  # this script looks at the end alone
        "Global.save_epoch_step=1000000",
    ]


def train(settings, folder):
    """`ppocrv2 train` in a process of its own; returns the config as it ran, its weights named."""
    Processes().run(["train", "-c", CONFIG, "-o", *settings], folder / "log.txt")
    resolved = config.read(folder / "resolved.yml")
    return config.override(resolved, [config.assignment("Global.pretrained_model", folder / "latest")])


@paddle.no_grad()
def look_at(settled, data):
    """:class:`Seen` of a trained config."""
    classes = requirements.read_characters(settled)
    network = evaluation.load_trained_network(settled, len(classes))
    network.head.train()  # gives features beside the logits; it has no layer that minds
    features, characters, pairs = [], [], []
    for images, labels, lengths in evaluation.TrainingLines({**settled, "Train": settled["Eval"]}):
        head = network(images)
        assigned = align(head.logits, labels, lengths).numpy()
        features.append(head.features.numpy()[assigned > 0])
        characters += [classes[index] for index in assigned[assigned > 0]]
        texts = [text for text, _ in ctc_greedy(paddle.nn.functional.softmax(head.logits, -1).numpy(), classes)]
        truth = ["".join(classes[i] for i in row[:n]) for row, n in zip(labels.numpy(), lengths.numpy().ravel())]
        pairs += zip(truth, texts)
    features = np.concatenate(features).astype(np.float64)
    return Seen(features, characters, report.separation(features, characters, GROUPS), report.errors(pairs, GROUPS))


COLUMNS = {
    "ratio": lambda seen: seen.apart.ratio,
    "ratio, confusable pairs": lambda seen: seen.apart.alike_ratio,
    "spread within": lambda seen: seen.apart.within,
    "confused, %": lambda seen: 100 * seen.errors.confused,
    "wrong, %": lambda seen: 100 * seen.errors.wrong,
}


def present(seen, about, output):
    """Show the table and write it, with every seed's numbers, and the picture."""
    header = ["", *COLUMNS]
    rows = [
        [name, *(mean_and_spread(value(each) for each in runs) for value in COLUMNS.values())]
        for name, runs in seen.items()
    ]
    table = Table(*header, title="Confusable characters, unseen glyphs")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    text = "\n".join(markdown_table(header, rows))
    notes = "; ".join(f"{key} {value}" for key, value in about.items())
    (output / "table.md").write_text(f"{text}\n\n{notes}\n", encoding="utf-8")
    values = {
        name: [{key: value(each) for key, value in COLUMNS.items()} for each in runs] for name, runs in seen.items()
    }
    write_json(output / "table.json", {**about, "rows": values})
    shown = {
        f"{name}\nratio {runs[0].apart.ratio:.2f}, confused {100 * runs[0].errors.confused:.1f} %": runs[0][:3]
        for name, runs in seen.items()
        if name != START
    }
    report.picture(shown, SHOWN, output / "features.png", find_typeface_file("sans"))
    console.print("  ".join(str(output / name) for name in ("table.md", "table.json", "features.png")))


if __name__ == "__main__":
    main()
