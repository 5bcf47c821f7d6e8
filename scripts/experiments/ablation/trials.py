"""Make a trial out of a row, a seed and a budget: the config and the label file of one run. Nothing runs here.

A budget is a number of training images. A trial spends it as one epoch over a label file of its own. That file repeats
the training lines, shuffled anew for every pass, until the number is reached. So PaddleOCR's trainer stops after
exactly that many steps, its warm-up and its decay span exactly the budget, and every row sees the same images equally
often.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ppocrv2_ext.arguments import is_number
from ppocrv2_ext.checkpoints.paths import with_suffix
from ppocrv2_ext.commands.requirements import weights_file
from ppocrv2_ext.config import vocabulary, yaml_files
from ppocrv2_ext.config.networks import networks, trainable_networks
from ppocrv2_ext.data.label_files import read_entries
from ppocrv2_ext.data.transforms import SUBSTITUTES
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import PathLike, sha256

from .paper import Row, Task

EPOCH_KEYS = ("warmup_epoch", "decay_epochs")  # of Optimizer.lr: numbers of epochs
NEVER = 10**9  # steps or epochs
SEED = "{seed}"  # in an override; the seed of the run takes its place
READ_KEYS = (("Global", "epoch_num"), ("Global", "print_batch_step"), ("Optimizer", "lr"))  # a trial needs them


class Budget(NamedTuple):
    """What every row may spend: either images or time."""

    steps: int | None  # of the baseline's batch, for equal images
    minutes: float | None  # of training, for equal time

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.steps}-steps" if self.steps else f"{self.minutes:g}-minutes"

    @property
    def title(self) -> str:
        """Its heading in the report."""
        return f"equal images, {self.steps} steps" if self.steps else f"equal time, {self.minutes:g} minutes"


class Inputs(NamedTuple):
    """What all rows share."""

    data: Path  # folder with train.txt, test.txt and their images
    weights: Path | None  # checkpoint of one network, without .pdparams; None for no weights
    teacher: Path | None  # checkpoint of a frozen teacher, likewise
    overrides: tuple[str, ...] = ()  # KEY=VALUE for every row, ROW:KEY=VALUE for one


class Settings(NamedTuple):
    """The config of a row, before seed and budget."""

    config: dict  # without the overrides of `late`
    changes: tuple[str, ...]  # KEY=VALUE that lead from the built-in config to this one; without data and weights
    contents: dict[str, str]  # {input, or path that the config names: digest of the content of its file}
    late: tuple[str, ...] = ()  # the first override with a SEED in it, and those after it

    @property
    def digest(self) -> str:
        """Two rows of equal digests train the same."""
        return make_digest([self.config, self.contents, *([self.late] if self.late else [])])


class Trial(NamedTuple):
    """One run: a row, a seed, a budget."""

    row: Row
    seed: int
    steps: int
    folder: Path
    config: dict  # all of it, as the trainer gets it
    changes: tuple[str, ...]  # as in Settings, with the seed in place
    starts: dict[str | None, str | None]  # {trained network: digest of its weights}; None if it starts from noise
    settings: str  # digest of the row's Settings
    digest: str  # of everything that decides the result but the seed: settings, steps and weights of this seed alone

    @property
    def batch(self) -> int:
        """Images of a step."""
        return batch_size(self.config)

    @property
    def images(self) -> int:
        """Images of all steps."""
        return self.steps * self.batch


def make_settings(task: Task, row: Row, inputs: Inputs) -> Settings:
    """Apply to the config of ``row``, in this order: overrides of the task and its own, data, weights, the user's.

    Raises:
        UserError: there is no such config, an override leads nowhere, or no training takes the settings.
    """
    own = (*task.overrides, *row.overrides, *_schedule_overrides(task, row))
    config = yaml_files.override(yaml_files.read(_locate(row)), own)
    config = yaml_files.override(config, [*_data_overrides(inputs.data), *_weights_overrides(config, inputs)])
    users = tuple(_select_overrides(task, row, inputs.overrides))
    first = next((index for index, override in enumerate(users) if SEED in override), len(users))
    config = _apply(row, config, users[:first])
    given = (str(inputs.weights), str(inputs.teacher))
    named = [path for path in list_starts(config).values() if path not in given]
    return Settings(config, (*own, *users), {**_digest_files(inputs), **_digest_weights(named)}, users[first:])


def with_seed(row: Row, settings: Settings, seed: int) -> dict:
    """All of the config of ``row`` for a run of this seed.

    Raises:
        UserError: an override leads nowhere, or no training takes the settings.
    """
    return _apply(row, settings.config, _put_seed(settings.late, seed))


def _put_seed(overrides: Iterable[str], seed: int) -> tuple[str, ...]:
    return tuple(override.replace(SEED, str(seed)) for override in overrides)


def _apply(row: Row, config: dict, overrides: Sequence[str]) -> dict:
    """``config`` with the user's overrides, checked as far as that needs no PaddleOCR."""
    try:
        config = yaml_files.override(config, overrides)
    except UserError as error:
        raise UserError(
            f"an override does not fit row {row.key} (-o ROW:KEY=VALUE changes one row alone): {error}"
        ) from None
    try:
        vocabulary.check_settings(config)
    except UserError as error:
        raise UserError(f"row {row.key}: {error}") from None
    for section, key in READ_KEYS:
        if config[section].get(key) is None:
            raise UserError(f"row {row.key}: an override of {section} leaves {section}.{key} empty; give it a value.")
    return config


def require_teachers(row: Row, config: dict) -> None:
    """Refuse a frozen network that starts from noise: the others would learn noise from it.

    Args:
        config: of ``row``, with the user's overrides.
    Raises:
        UserError: the sentence says how to name the weights.
    """
    trained = trainable_networks(config["Architecture"])
    for name, path in list_starts(config).items():
        if name not in trained and not path:
            key = f"Architecture.Models.{name}.pretrained"
            raise UserError(
                f"row {row.key}: {name} is frozen, so it needs weights of its own: --teacher DIR/PREFIX, "
                f"or -o {row.key}:{key}=DIR/PREFIX."
            )


def list_starts(config: dict) -> dict[str | None, str | None]:
    """{network: path of the weights that it starts from}, None for noise. A single network has the name None."""
    shared = weights_file(config)
    return {
        name: shared or network.get("pretrained") or None for name, network in networks(config["Architecture"]).items()
    }


def _locate(row: Row) -> Path:
    """The path of the config of ``row``."""
    if not row.in_clone:
        return yaml_files.locate(row.config)
    home = os.environ.get("PADDLEOCR_HOME")
    if not home:
        raise UserError(f"row {row.key} is a config of PaddleOCR; set PADDLEOCR_HOME to a clone, or leave it out.")
    return yaml_files.locate(str(Path(home) / row.config))


def _digest_files(inputs: Inputs) -> dict[str, str]:
    """A run is done again when one of the files that all rows share has another content."""
    files = {"train": inputs.data / "train.txt", "test": inputs.data / "test.txt"}
    files |= {
        name: with_suffix(path) for name, path in (("weights", inputs.weights), ("teacher", inputs.teacher)) if path
    }
    return {name: digest_file(file) for name, file in files.items() if file.is_file()}


def digest_file(file: PathLike) -> str:
    """16 hexadecimal digits that change when the content of a file does."""
    return sha256(file)[:16]


def _digest_weights(paths: Iterable[str | None]) -> dict[str, str]:
    """{path: digest of its file}, of the paths that have one: none is None or a web address."""
    return {path: digest_file(with_suffix(path)) for path in paths if path and with_suffix(path).is_file()}


def _schedule_overrides(task: Task, row: Row) -> Iterator[str]:
    if row.schedule_of:
        source = next(other for other in task.rows if other.key == row.schedule_of)
        config = yaml_files.read(yaml_files.locate(source.config))
        for path in task.schedule_keys:
            yield yaml_files.assignment(path, _look_up(config, path))


def _look_up(node: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(node, dict):
            node = node[step]
        else:
            names = (step, *SUBSTITUTES.get(step, ()))
            node = next(entry[name] for entry in node for name in names if name in entry)
    return node


def _data_overrides(folder: Path) -> Iterator[str]:
    for section, name in (("Train", "train.txt"), ("Eval", "test.txt")):
        yield yaml_files.assignment(f"{section}.dataset.data_dir", folder)
        yield yaml_files.assignment(f"{section}.dataset.label_file_list", [folder / name])


def _weights_overrides(config: dict, inputs: Inputs) -> Iterator[str]:
    """A single network takes its weights from Global, each of several from its own section."""
    models = config["Architecture"].get("Models")
    yield yaml_files.assignment("Global.pretrained_model", None if models else inputs.weights)
    for name, model in (models or {}).items():
        source = inputs.teacher if model.get("freeze_params") else inputs.weights
        yield yaml_files.assignment(f"Architecture.Models.{name}.pretrained", source)


def _select_overrides(task: Task, row: Row, overrides: Iterable[str]) -> Iterator[str]:
    """The overrides for ``row``: those without a row's key in front, and those with its own key."""
    known = {other.key for other in task.rows}
    for override in overrides:
        key, colon, rest = override.partition(":")
        if not (colon and key in known):
            yield override
        elif key == row.key:
            yield rest


def batch_size(config: dict) -> int:
    """Images of a training step."""
    return config["Train"]["loader"]["batch_size_per_card"]


def count_steps(steps: int, config: dict, reference: dict) -> int:
    """How many steps of ``config`` see as many images as ``steps`` steps of the config ``reference``.

    Raises:
        UserError: it is no whole number.
    """
    images, batch = steps * batch_size(reference), batch_size(config)
    if images % batch:
        raise UserError(
            f"a row of batch {batch} cannot see {images} images in whole steps: set one batch for all rows, "
            "-o Train.loader.batch_size_per_card=N, or other --steps."
        )
    return images // batch


def make_trial(row: Row, seed: int, steps: int, settings: Settings, folder: Path) -> Trial:
    """The trial of ``row`` in ``folder``/seedS. :func:`write_trial` writes the label file that its config names.

    Args:
        steps: how many training steps.
        folder: of the row.
    Raises:
        UserError: as :func:`with_seed`.
    """
    own = folder / f"seed{seed}"
    config = with_seed(row, settings, seed)
    shared, starts = list_starts(settings.config).values(), list_starts(config)
    weights = _digest_weights(starts.values())
    of_seed = {path: digest for path, digest in weights.items() if path not in shared}
    epochs = config["Global"]["epoch_num"]
    config["Global"].update(
        epoch_num=1,
        seed=seed,
        save_model_dir=str(own),
        save_epoch_step=NEVER,
        eval_batch_step=[0, NEVER],  # evaluation comes after training and takes nothing from its time
        print_batch_step=min(config["Global"]["print_batch_step"], steps),
    )
    schedule = config["Optimizer"]["lr"]
    for key in EPOCH_KEYS:
        if key in schedule:
            schedule[key] = _divide(schedule[key], epochs)
    config["Train"]["dataset"]["label_file_list"] = [str(own / "train.txt")]
    config["Train"]["loader"]["drop_last"] = True
    digest = settings.digest
    return Trial(
        row=row,
        seed=seed,
        steps=steps,
        folder=own,
        config=config,
        changes=_put_seed(settings.changes, seed),
        starts={name: weights.get(starts[name], starts[name]) for name in trainable_networks(config["Architecture"])},
        settings=digest,
        digest=make_digest([digest, steps, *([of_seed] if of_seed else [])]),
    )


def make_digest(content: Any) -> str:
    """16 hexadecimal digits that change when ``content``, plain data, does."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _divide(value: Any, number: int) -> Any:
    """What is no number stays: the trainer says what it must be."""
    if isinstance(value, list):
        return [_divide(each, number) for each in value]
    return value / number if is_number(value) else value


def write_trial(trial: Trial, lines: Sequence[str]) -> None:
    """Write the config and the label file of a trial into its folder.

    Args:
        lines: of the training label file.
    """
    trial.folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in repeat_lines(lines, trial.images, trial.seed))
    (trial.folder / "train.txt").write_text(text, encoding="utf-8")
    yaml_files.write(trial.config, trial.folder / "config.yml", f"{trial.row.label}: from {trial.row.config}")


def repeat_lines(lines: Sequence[str], count: int, seed: int) -> list[str]:
    """``count`` lines: one pass after the other, each shuffled by ``seed``, the last one cut short."""
    rng, repeated = random.Random(seed), []
    while len(repeated) < count:
        repeated += rng.sample(lines, len(lines))
    return repeated[:count]


def read_training_lines(data: PathLike) -> list[str]:
    """The lines of ``data``/train.txt, without the empty ones. A file in UTF-16 is converted.

    Raises:
        UserError: there is no such file, or no such line, or a line is not UTF-8.
    """
    file = Path(data) / "train.txt"
    if not file.is_file():
        raise UserError(f"there is no file {file}; --data takes a folder with train.txt, test.txt and their images.")
    entries = read_entries(file)
    broken = next((entry for entry in entries if "not-utf8" in entry.reasons), None)
    if broken:
        raise UserError(f"{broken.place} is not UTF-8 text; save the file as UTF-8.")
    lines = [entry.text for entry in entries if entry.text.strip()]
    if not lines:
        raise UserError(f"{file} is empty: a label file has one `image<TAB>label` per line.")
    return lines
