"""What a check of the data found."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .characters import quote_character
from .dictionary import DictionaryFinding
from .images import MOST_PIXELS
from .label_files import Entry
from .labels import LabelCheck
from .line_frames import Frames
from .reasons import DOUBTFUL, DROPS, REASONS, REWRITES
from .sources import count_taken

CHARACTERS_SHOWN = 20


class Sample(NamedTuple):
    """A line of a label file, and what is wrong with it."""

    entry: Entry
    check: LabelCheck  # its reasons are those of the line, its images and its label together
    line: str | None  # the line without what is broken; None if it is unusable


class Rules(NamedTuple):
    """What the config asks of the samples of a set. Advice is worked out from it."""

    kind: str = "SimpleDataSet"
    data_dir: Path = Path()
    most_pixels: int = MOST_PIXELS
    longest: int | None = None  # Global.max_text_length
    reserve: int = 0  # characters of it that the encoder keeps for itself
    frames: Frames | None = None  # that the network makes of a line
    alphabet: frozenset[str] = frozenset()  # the characters of the dictionary
    dictionary: str | None = None  # its path
    space: bool = False  # Global.use_space_char
    unicode_form: str | None = None  # that texts are brought into
    classes: tuple[Any, ...] = ()  # label_list


class DictionaryReport(NamedTuple):
    """What is unusual about a dictionary."""

    file: Path
    findings: tuple[DictionaryFinding, ...]


@dataclass(frozen=True)
class SetFindings:
    """What the check found in one data set.

    Args:
        mode: "Train" or "Eval".
        files: (label file or LMDB, its samples) pairs in order. A config may name a file twice to give it more weight.
        effects: {reason: what is done}, of :func:`~.reasons.list_effects`.
        note: a sentence on what was not checked, or None.
        rules: what the config asks of the samples.
        shares: that ``ratio_list`` takes of each of the files.
    """

    mode: str
    files: Sequence[tuple[Path, list[Sample]]]
    effects: Mapping[str, str]
    note: str | None
    rules: Rules
    shares: Sequence[float] = ()

    @functools.cached_property
    def samples(self) -> list[Sample]:
        """The samples of all files, without blank lines."""
        every = [sample for _, samples in self.files for sample in samples]
        return [sample for sample in every if "blank-line" not in sample.check.reasons]

    @functools.cached_property
    def usable_samples(self) -> list[Sample]:
        """The samples that training or evaluation can use."""
        return [sample for sample in self.samples if sample.line is not None]

    @functools.cached_property
    def counts(self) -> list[int]:
        """The number of usable samples of each file."""
        return [sum(sample.line is not None for sample in samples) for _, samples in self.files]

    @property
    def taken(self) -> list[int]:
        """How many of the usable samples of each file ``ratio_list`` takes."""
        return list(map(count_taken, self.counts, self.shares))

    @functools.cached_property
    def places(self) -> dict[str, list[str]]:
        """{reason: ["file:line", ...]}. A line with several broken boxes is listed once for each."""
        places = {reason: [] for reason in REASONS}
        for _, samples in self.files:
            for sample in samples:
                for reason in sample.check.reasons:
                    places[reason].append(sample.entry.place)
        return {reason: lines for reason, lines in places.items() if lines}

    @functools.cached_property
    def unknown_characters(self) -> dict[str, int]:
        """{character that the dictionary lacks: how often it occurs}, the most frequent first."""
        return dict(Counter(c for sample in self.samples for c in sample.check.unknown_characters).most_common())

    @functools.cached_property
    def text_lengths(self) -> list[int]:
        """The number of characters of each usable text, sorted; empty for detection and classification."""
        return sorted(sample.check.text_length for sample in self.usable_samples if sample.check.text_length)

    @property
    def boxes(self) -> int:
        """The number of boxes in usable scenes; 0 for recognition."""
        return sum(sample.check.boxes for sample in self.usable_samples)

    @property
    def ignored_boxes(self) -> int:
        """How many of the :attr:`boxes` have ignored text."""
        return sum(sample.check.ignored_boxes for sample in self.usable_samples)

    @property
    def loses_data(self) -> bool:
        """Whether a line, a box or a character is left out."""
        return any(self.effects[reason] in DROPS for reason in self.places)

    @property
    def is_doubtful(self) -> bool:
        """Whether a sample is kept that its user should look at."""
        return any(self.effects[reason] == DOUBTFUL for reason in self.places)

    @functools.cached_property
    def has_no_text(self) -> bool:
        """Whether all text of a detector is ignored, or every text of a recognizer is made of spaces."""
        texts = [sample.check.label for sample in self.usable_samples if sample.check.text_length]
        return 0 < self.boxes == self.ignored_boxes or (bool(texts) and not any(map(str.strip, texts)))

    @property
    def needs_rewriting(self) -> bool:
        """Whether PaddleOCR has to read other label files than these."""
        return any(self.effects[reason] in REWRITES for reason in self.places)


class Report(NamedTuple):
    """What the check found in all data sets."""

    sets: Sequence[SetFindings]  # of the sets that were checked
    notes: Sequence[str]  # sentences about the sets that were not
    dictionaries: Sequence[DictionaryReport] = ()  # those that are unusual

    @property
    def counts(self) -> dict[str, list[int]]:
        """{section: the number of usable samples of each file}"""
        return {data_set.mode: data_set.counts for data_set in self.sets}

    @property
    def is_sound(self) -> bool:
        """Whether a training would use all the data, doubt none of it, and have texts to learn and to evaluate."""
        return not any(each.loses_data or each.is_doubtful or each.has_no_text for each in self.sets)


def list_files(data_set: SetFindings) -> str:
    """The label files of a data set, as they are written in a sentence."""
    return ", ".join(str(file) for file, _ in data_set.files)


def list_unknown_characters(data_set: SetFindings, shown: int = CHARACTERS_SHOWN) -> str:
    """What the dictionary lacks, the most frequent first."""
    return list_characters(data_set.unknown_characters, shown)


def list_characters(numbers: Mapping[str, int], shown: int = CHARACTERS_SHOWN) -> str:
    """Characters and how often they occur, in the order given: ``'é' (12 times), 'ü' (once) and 5 more``."""
    counts = list(numbers.items())
    times = {character: "once" if count == 1 else f"{count} times" for character, count in counts[:shown]}
    first = [f"{quote_character(character)} ({often})" for character, often in times.items()]
    more = len(counts) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def explain_no_text(data_set: SetFindings) -> str:
    """The sentence about a set that :attr:`SetFindings.has_no_text`."""
    files = list_files(data_set)
    if data_set.boxes:
        said = f"every box of {files} is ignored (### or *)"
        effect = "hmean is 0 whatever the network finds"
    else:
        said = f"every text of {files} is only spaces"
        effect = "acc counts the lines of which the network reads nothing"
    if data_set.mode == "Train":
        return f"Train: {said}: there is nothing to learn."
    return f"{data_set.mode}: {said}, so {effect}; name a label file with text."
