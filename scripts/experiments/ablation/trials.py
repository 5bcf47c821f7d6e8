"""What is to be run: every row's config under one budget. Nothing here starts a process.

A budget is a number of training images. It is spent as one epoch over a label file that lists the training lines,
shuffled anew for every pass, until the number is reached: PaddleOCR's trainer then stops after exactly that many
steps, its warm-up and its decay span exactly the budget, and every row sees the same images equally often.
"""

import copy
import hashlib
import json
import random
from pathlib import Path
from typing import NamedTuple, Optional

from ppocrv2_ext import config
from ppocrv2_ext.checkpoints.paths import with_suffix
from ppocrv2_ext.errors import UserError

from .rows import Row

EPOCH_KEYS = ("warmup_epoch", "decay_epochs")  # of Optimizer.lr: what counts in epochs
NEVER = 10**9  # steps or epochs


class Budget(NamedTuple):
    """Either the steps of the baseline's batch, for equal images, or the minutes of training, for equal time."""

    steps: Optional[int]
    minutes: Optional[float]

    @property
    def name(self):
        return f"{self.steps}-steps" if self.steps else f"{self.minutes:g}-minutes"

    @property
    def title(self):
        return f"equal images, {self.steps} steps" if self.steps else f"equal time, {self.minutes:g} minutes"


class Trial(NamedTuple):
    """One run: a row, a seed, a budget."""

    row: Row
    seed: int
    steps: int
    folder: Path
    config: dict  # whole, as the trainer gets it
    changes: tuple  # KEY=VALUE that made it from the row's config, but for data, weights and budget
    settings: str  # digest of the row's settings
    digest: str  # of all that makes the result but the seed: settings and steps

    @property
    def batch(self):
        return batch_size(self.config)

    @property
    def images(self):
        return self.steps * self.batch


class Settings(NamedTuple):
    """A row's config before seed and budget."""

    config: dict
    changes: tuple  # as of a Trial
    contents: dict  # {input: digest of what is in its file}

    @property
    def digest(self):
        return digest([self.config, self.contents])


class Inputs(NamedTuple):
    """What all rows share."""

    data: Path  # holds train.txt, test.txt and their images
    weights: Optional[Path]  # checkpoint of one network, without .pdparams; None for no weights
    teacher: Optional[Path]  # that of a frozen teacher
    overrides: tuple = ()  # KEY=VALUE for every row, ROW:KEY=VALUE for one


def settings(task, row, inputs):
    """The Settings of ``row``: as built in, then the row's overrides, the data, the weights, the user's overrides.

    Raises:
        UserError: there is no such config, or an override leads nowhere.
    """
    own = (*row.overrides, *_taken(task, row))
    settled = config.override(config.read(config.locate(row.config)), own)
    settled = config.override(settled, [*_data(inputs.data), *_weights(row, settled, inputs)])
    users = tuple(_own(task, row, inputs.overrides))
    return Settings(config.override(settled, users), (*own, *users), _contents(inputs))


def _contents(inputs):
    """Digests of the files that all rows share: a run of others is not the run that is asked for."""
    files = {"train": inputs.data / "train.txt", "test": inputs.data / "test.txt"}
    files |= {
        name: with_suffix(path) for name, path in (("weights", inputs.weights), ("teacher", inputs.teacher)) if path
    }
    return {name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for name, file in files.items() if file.is_file()}


def _taken(task, row):
    if row.schedule_of:
        source = next(other for other in task.rows if other.key == row.schedule_of)
        values = config.read(config.locate(source.config))
        for path in task.taken:
            yield config.assignment(path, _value(values, path))


def _value(node, path):
    for step in path.split("."):
        node = node[step] if isinstance(node, dict) else next(entry[step] for entry in node if step in entry)
    return node


def _data(folder):
    for section, name in (("Train", "train.txt"), ("Eval", "test.txt")):
        yield config.assignment(f"{section}.dataset.data_dir", folder)
        yield config.assignment(f"{section}.dataset.label_file_list", [folder / name])


def _weights(row, settled, inputs):
    """A single network takes its weights from Global, each of several from its own section."""
    models = settled["Architecture"].get("Models")
    yield config.assignment("Global.pretrained_model", None if models else inputs.weights)
    for name, model in (models or {}).items():
        frozen = model.get("freeze_params")
        if frozen and inputs.weights and not inputs.teacher:
            raise UserError(f"{name} of {row.config} is frozen, so it needs weights of its own: --teacher DIR/PREFIX.")
        source = inputs.teacher if frozen else inputs.weights
        yield config.assignment(f"Architecture.Models.{name}.pretrained", source)


def _own(task, row, overrides):
    """Overrides for ``row``: those without a row's key in front, and those with its own."""
    known = {other.key for other in task.rows}
    for override in overrides:
        key, colon, rest = override.partition(":")
        if not (colon and key in known):
            yield override
        elif key == row.key:
            yield rest


def batch_size(settled):
    return settled["Train"]["loader"]["batch_size_per_card"]


def steps_of(budget, settled, reference):
    """Steps of a config in which it sees the images that ``budget.steps`` steps of the config ``reference`` see."""
    images, batch = budget.steps * batch_size(reference), batch_size(settled)
    if images % batch:
        raise UserError(
            f"a row of batch {batch} cannot see {images} images in whole steps: set one batch for all rows, "
            "-o Train.loader.batch_size_per_card=N, or other --steps."
        )
    return images // batch


def trial(row, seed, steps, settled, folder):
    """The Trial of ``steps`` steps of Settings in ``folder``/seedS; :func:`prepare` writes the label file it names."""
    own = folder / f"seed{seed}"
    full = copy.deepcopy(settled.config)
    epochs = full["Global"]["epoch_num"]
    full["Global"].update(
        epoch_num=1,
        seed=seed,
        save_model_dir=str(own),
        save_epoch_step=NEVER,
        eval_batch_step=[0, NEVER],  # evaluation comes after training, and takes nothing from its time
        print_batch_step=min(full["Global"]["print_batch_step"], steps),
    )
    schedule = full["Optimizer"]["lr"]
    for key in EPOCH_KEYS:
        if key in schedule:
            schedule[key] = _divided(schedule[key], epochs)
    full["Train"]["dataset"]["label_file_list"] = [str(own / "train.txt")]
    full["Train"]["loader"]["drop_last"] = True
    known = settled.digest
    return Trial(row, seed, steps, own, full, settled.changes, known, digest([known, steps]))


def digest(content):
    """16 hexadecimal digits that change when ``content``, plain data, does."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _divided(value, number):
    return [_divided(each, number) for each in value] if isinstance(value, list) else value / number


def prepare(trial, lines):
    """Write the config and the label file of a trial into its folder."""
    trial.folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in spread(lines, trial.images, trial.seed))
    (trial.folder / "train.txt").write_text(text, encoding="utf-8")
    config.write(trial.config, trial.folder / "config.yml", f"{trial.row.label}: from {trial.row.config}")


def spread(lines, count, seed):
    """``count`` of ``lines``: pass after pass, each shuffled by ``seed``, the last one cut."""
    rng, chosen = random.Random(seed), []
    while len(chosen) < count:
        chosen += rng.sample(lines, len(lines))
    return chosen[:count]


def read_lines(data):
    """The lines of ``data``/train.txt that hold anything."""
    file = Path(data) / "train.txt"
    if not file.is_file():
        raise UserError(f"there is no file {file}; --data takes a folder with train.txt, test.txt and their images.")
    lines = [line for line in file.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    if not lines:
        raise UserError(f"{file} is empty: a label file has one `image<TAB>label` per line.")
    return lines
