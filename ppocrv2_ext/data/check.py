"""Every sample of a config's data sets, looked at before training does: what is broken, where, what becomes of it."""

import functools
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Optional

from rich.console import Console
from rich.progress import track

from .dictionary import read_dictionary
from .images import Picture, inspect
from .labels import Entry, Verdict, judge_classification, judge_detection, judge_recognition, label_files, read_entries
from .reasons import DROPS, REASONS, REWRITES, UNUSABLE, effects

PIXELS_PER_FRAME = 4  # of the width of a recognizer's input
WITHOUT_DICTIONARY = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")  # PaddleOCR's default


class Sample(NamedTuple):
    """A line of a label file, the verdict on it, its image included, and the line to hand on or None."""

    entry: Entry
    verdict: Verdict
    line: Optional[str]


@dataclass(frozen=True)
class Findings:
    """What one data set holds.

    Args:
        mode: "Train" or "Eval".
        files: pairs of a label file and its :class:`Sample` s, in order; a config may give a file twice to weigh it.
        effects: {reason: what it leads to}.
        note: a sentence on what was not looked at, or None.
    """

    mode: str
    files: tuple
    effects: dict
    note: Optional[str]

    @functools.cached_property
    def samples(self):
        """All that are a sample, blank lines not among them."""
        read = [sample for _, samples in self.files for sample in samples]
        return [sample for sample in read if "blank-line" not in sample.verdict.reasons]

    @functools.cached_property
    def usable(self):
        return [sample for sample in self.samples if sample.line is not None]

    @functools.cached_property
    def places(self):
        """{reason: ["file:line", ...]}, a line several times if several boxes of it are meant."""
        found = {reason: [] for reason in REASONS}
        for _, samples in self.files:
            for sample in samples:
                for reason in sample.verdict.reasons:
                    found[reason].append(sample.entry.place)
        return {reason: places for reason, places in found.items() if places}

    @functools.cached_property
    def unknown(self):
        """{character that the dictionary lacks: how often}, most frequent first."""
        return dict(Counter(c for sample in self.samples for c in sample.verdict.unknown).most_common())

    @functools.cached_property
    def lengths(self):
        """Numbers of characters in the texts of usable lines, sorted; of recognition only."""
        return sorted(sample.verdict.length for sample in self.usable if sample.verdict.length)

    @property
    def objects(self):
        """Boxes in usable lines; of detection only."""
        return sum(sample.verdict.objects for sample in self.usable)

    @property
    def ignored(self):
        """How many of the :attr:`objects` nobody has to find."""
        return sum(sample.verdict.ignored for sample in self.usable)

    @property
    def drops(self):
        """Whether anything of the data is lost."""
        return any(self.effects[reason] in DROPS for reason in self.places)

    @property
    def nothing_to_learn(self):
        """Whether this is a detector's training set in which all text is ignored."""
        return self.mode == "Train" and 0 < self.objects == self.ignored

    @property
    def needs_rewriting(self):
        """Whether PaddleOCR should be given other label files than these."""
        return any(self.effects[reason] in REWRITES for reason in self.places)


class Report(NamedTuple):
    """``sets``: :class:`Findings` of each set that was looked at. ``notes``: sentences about those that were not."""

    sets: tuple
    notes: tuple

    @property
    def drops(self):
        return any(found.drops for found in self.sets)


def check(config, host, modes=("Train", "Eval")):
    """Look at every line of the data sets of ``config``.

    Args:
        config: a settled config (:func:`ppocrv2_ext.commands.requirements.resolve`).
        host: the PaddleOCR that is to read them.
        modes: sections to look at.
    Returns:
        A :class:`Report`; only a ``SimpleDataSet`` is looked at.
    Raises:
        UserError: a label file or the dictionary cannot be read.
    """
    names = {mode: config[mode]["dataset"].get("name") for mode in modes}
    sets = [_findings(config, host, mode) for mode in modes if names[mode] == "SimpleDataSet"]
    notes = [
        f"{mode}.dataset is not checked: it is a {name}, not a SimpleDataSet."
        for mode, name in names.items()
        if name != "SimpleDataSet"
    ]
    return Report(tuple(sets), tuple(notes))


def _findings(config, host, mode):
    dataset = config[mode]["dataset"]
    files, delimiter = label_files(dataset), dataset.get("delimiter", "\t")
    transforms = {
        name: arguments or {} for entry in dataset.get("transforms") or () for name, arguments in entry.items()
    }
    encoder = next((name for name in JUDGES if name in transforms), None)
    judge = JUDGES[encoder](config, transforms) if encoder else _anything
    leads_to = effects(mode, config["Global"].get("unknown_characters", "drop-character"))
    entries = [(file, read_entries(file, delimiter)) for file in files]
    names = dict.fromkeys(name for _, read in entries for entry in read for name in entry.images)
    look = functools.partial(_look, Path(dataset["data_dir"]), transforms.get("DecodeImage", {}), host)
    pictures = {name: look(name) for name in _watched(names, f"{mode}: images")}

    def sample(entry):
        verdict = _judged(entry, pictures, judge)
        unusable = entry.name is None or any(leads_to[reason] in UNUSABLE for reason in verdict.reasons)
        same = verdict.label == entry.label
        line = entry.text if same else f"{entry.name}{delimiter}{verdict.label}"
        return Sample(entry, verdict, None if unusable else line)

    note = None if encoder else f"{mode}: labels are not checked: no transform is one of {', '.join(JUDGES)}."
    return Findings(mode, tuple((file, [sample(each) for each in read]) for file, read in entries), leads_to, note)


def _watched(items, title):
    """``items`` with a bar for people who wait."""
    return track(items, title, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _look(folder, decoding, host, name):
    # A clone of PaddleOCR may load from addresses; the wheel takes them for file names.
    if host.kind == "checkout" and name.startswith(("http://", "https://")):
        return Picture(("remote-image",))
    return inspect(folder / name, decoding.get("ignore_orientation", False))


def _judged(entry, pictures, judge):
    if entry.name is None:
        return Verdict(entry.reasons)
    # One label for several images is about images of one size.
    found = [pictures[name] for name in entry.images]
    verdict = judge(entry.label, found[0].size)
    of_images = dict.fromkeys(reason for picture in found for reason in picture.reasons)
    return verdict._replace(reasons=(*entry.reasons, *of_images, *verdict.reasons))


def _detection(config, transforms):
    return judge_detection


def _recognition(config, transforms):
    settings = {**transforms["CTCLabelEncode"], **config["Global"]}  # as PaddleOCR lets Global win
    path = settings.get("character_dict_path")
    alphabet = frozenset(read_dictionary(path, settings.get("use_space_char", False))) if path else WITHOUT_DICTIONARY
    shapes = [arguments.get("image_shape") for arguments in transforms.values()]
    widths = [shape[-1] for shape in shapes if isinstance(shape, (list, tuple))]
    frames = widths[-1] // PIXELS_PER_FRAME if widths else None
    longest = settings.get("max_text_length")
    return lambda label, size: judge_recognition(label, alphabet, longest, frames)


def _classification(config, transforms):
    label_list = {**transforms["ClsLabelEncode"], **config["Global"]}.get("label_list") or ()
    return lambda label, size: judge_classification(label, label_list)


def _replaced(config, transforms):
    return lambda label, size: Verdict((), label, objects=1)


def _anything(label, size):
    return Verdict((), label)


JUDGES = {
    "DetLabelEncode": _detection,
    "CTCLabelEncode": _recognition,
    # Before ClsLabelEncode: these replace whatever label there is by the class.
    "RandomHalfTurn": _replaced,
    "HalfTurnByName": _replaced,
    "ClsLabelEncode": _classification,
}
