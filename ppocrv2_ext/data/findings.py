"""What a check of the data found: as a record, as tables for people, and as JSON for programs."""

from __future__ import annotations

import functools
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ..errors import UserError
from ..files import PathLike
from .characters import quote_character
from .dictionary import DictionaryFinding
from .images import MOST_PIXELS
from .labels import Entry, LabelCheck
from .reasons import DOUBTFUL, DROPS, NOTHING_TO_DO, REASONS, REWRITES

PLACES_SHOWN = 3
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
    fewer: int = 0  # characters less than that which the encoder takes
    frames: int | None = None  # that the network has
    resize: str | None = None  # the transform that chooses its width
    alphabet: frozenset[str] = frozenset()  # the characters of the dictionary
    dictionary: str | None = None  # its path
    space: bool = False  # Global.use_space_char
    unicode_form: str | None = None  # that texts are brought into
    classes: tuple[Any, ...] = ()  # label_list


NO_RULES = Rules()


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
    """

    mode: str
    files: Sequence[tuple[Path, list[Sample]]]
    effects: Mapping[str, str]
    note: str | None
    rules: Rules = NO_RULES

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

    @property
    def has_nothing_to_learn(self) -> bool:
        """Whether this is the training set of a detector in which all text is ignored."""
        return self.mode == "Train" and 0 < self.boxes == self.ignored_boxes

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
    def loses_data(self) -> bool:
        """Whether a line, a box or a character of any set is left out."""
        return any(data_set.loses_data for data_set in self.sets)

    @property
    def is_doubtful(self) -> bool:
        """Whether a sample of any set is kept that its user should look at."""
        return any(data_set.is_doubtful for data_set in self.sets)


def print_report(report: Report, stderr: bool = False) -> None:
    """Print a table for each data set.

    Outside a terminal, a table is as wide as it needs to be: people search a log for whole lines.
    """
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = 1000
    console.print(report_parts(report))


def report_parts(report: Report) -> Group:
    """What :func:`print_report` prints."""
    notes = [*list_dictionary_findings(report), *report.notes]
    return Group(*map(_table, report.sets), *map(Text, notes))


def warn(report: Report) -> None:
    """Before training or evaluation, print on stderr the data sets that PaddleOCR does not read as they are."""
    sets = [each for each in report.sets if each.loses_data or each.needs_rewriting or each.is_doubtful]
    if sets or report.notes or report.dictionaries:
        print_report(report._replace(sets=sets), stderr=True)
    for data_set in sets:
        usable = len(data_set.usable_samples)
        lost = len(data_set.samples) - usable
        if lost and data_set.mode == "Eval":
            print(
                f"ppocrv2: Eval: the metrics are of {usable} lines; {lost} broken ones are not counted.",
                file=sys.stderr,
            )


def list_advice(data_set: SetFindings) -> Iterator[str]:
    """A line for each finding that asks for something: ``  long-label: 369 of 3000 lines are longer than 25; ...``"""
    from .advice import advise

    for reason in data_set.places:
        advice = advise(data_set, reason)
        if advice != NOTHING_TO_DO:
            yield f"  {reason}: {advice}."


def list_dictionary_findings(report: Report) -> Iterator[str]:
    """A line for each finding about a dictionary: ``words.txt:1, 5: classes that no text can have: ...``"""
    for dictionary in report.dictionaries:
        for finding in dictionary.findings:
            places = _first_places([f"{dictionary.file}:{line}" for line in finding.lines])
            yield f"{places}: {finding.kind}, {finding.sentence}"


def _table(data_set: SetFindings) -> Group:
    parts: list[Text | Table] = [Text(line) for line in summarise(data_set)]
    if data_set.places:
        table = Table("", "finding", "what happens", "rule", "first at", box=box.SIMPLE_HEAD, show_edge=False)
        table.columns[0].justify = "right"
        for reason, places in data_set.places.items():
            effect = data_set.effects[reason]
            table.add_row(str(len(places)), reason, effect, Text(REASONS[reason].rule), Text(_first_places(places)))
        parts.append(table)
        parts += [Text(line) for line in list_advice(data_set)]
    return Group(*parts)


def summarise(data_set: SetFindings) -> Iterator[str]:
    """Sentences: how much is usable, what is in it, and which characters the dictionary lacks."""
    usable, samples = len(data_set.usable_samples), len(data_set.samples)
    yield f"{data_set.mode}: {usable} of {samples} lines of {list_files(data_set)} are usable."
    if data_set.note:
        yield data_set.note
    if data_set.boxes:
        share = data_set.ignored_boxes / data_set.boxes
        yield f"  {data_set.boxes} boxes, {data_set.ignored_boxes} of them ignored ({share:.0%})"
    lengths = data_set.text_lengths
    if lengths:
        yield f"  texts of {lengths[0]} to {lengths[-1]} characters, median {median(lengths):g}"
    if data_set.unknown_characters:
        yield f"  not in the dictionary: {list_unknown_characters(data_set)}"


def list_files(data_set: SetFindings) -> str:
    """The label files of a data set, as they are written in a sentence."""
    return ", ".join(str(file) for file, _ in data_set.files)


def list_unknown_characters(data_set: SetFindings, shown: int = CHARACTERS_SHOWN) -> str:
    """What the dictionary lacks, the most frequent first: ``'é' (12 times), 'ü' (3 times) and 5 more``."""
    counts = list(data_set.unknown_characters.items())
    first = [f"{quote_character(character)} ({count} times)" for character, count in counts[:shown]]
    more = len(counts) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "")


def explain_nothing_to_learn(data_set: SetFindings) -> str:
    """The sentence about a training set in which all text is ignored."""
    return (
        f"{data_set.mode}: all {data_set.boxes} boxes of {list_files(data_set)} are ignored (### or *):"
        " there is nothing to learn."
    )


def _first_places(places: Sequence[str]) -> str:
    """``words.txt:3, 9, 12, ...``: the first places, each line once, the file only where it changes."""
    places = list(dict.fromkeys(places))
    parts, before = [], None
    for place in places[:PLACES_SHOWN]:
        file, _, line = place.rpartition(":")
        parts.append(line if file == before else place)
        before = file
    return ", ".join([*parts, *(["..."] if len(places) > PLACES_SHOWN else [])])


def write_json(report: Report, file: PathLike) -> None:
    """Write the report as JSON (:func:`to_data`).

    Raises:
        UserError: the file cannot be written.
    """
    text = json.dumps(to_data(report), ensure_ascii=False, indent=1)
    try:
        Path(file).write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror or error}.") from None


def to_data(report: Report) -> dict[str, Any]:
    """The report as JSON can hold it, with every place."""
    dictionaries = [
        {"file": str(dictionary.file), "findings": [finding._asdict() for finding in dictionary.findings]}
        for dictionary in report.dictionaries
    ]
    sets = {data_set.mode: _set_to_data(data_set) for data_set in report.sets}
    return {"notes": list(report.notes), "dictionaries": dictionaries, **sets}


def _set_to_data(data_set: SetFindings) -> dict[str, Any]:
    from .advice import advise

    lengths = data_set.text_lengths
    return {
        "label_files": [str(file) for file, _ in data_set.files],
        "lines": len(data_set.samples),
        "usable": len(data_set.usable_samples),
        "unusable_at": [sample.entry.place for sample in data_set.samples if sample.line is None],
        "boxes": data_set.boxes,
        "ignored_boxes": data_set.ignored_boxes,
        "text_lengths": [lengths[0], median(lengths), lengths[-1]] if lengths else None,
        "unknown_characters": data_set.unknown_characters,
        "findings": {
            reason: {
                "rule": REASONS[reason].rule,
                "effect": data_set.effects[reason],
                "advice": advise(data_set, reason),
                "at": places,
            }
            for reason, places in data_set.places.items()
        },
        "note": data_set.note,
    }
