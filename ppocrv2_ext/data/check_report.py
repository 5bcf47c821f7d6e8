"""Reports of a check of the data: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ..files import PathLike, atomic_write
from .advice import advise
from .findings import Report, SetFindings, list_files, list_unknown_characters
from .reasons import BOX, CHARACTER, IGNORED, NOTHING_TO_DO, REASONS

PLACES_SHOWN = 3


def print_report(report: Report, stderr: bool = False) -> None:
    """Print a table for each data set.

    Outside a terminal, a table is as wide as it needs to be: people search a log for whole lines.
    """
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = 1000
    console.print(render(report))


def render(report: Report) -> Group:
    """What :func:`print_report` prints."""
    notes = [*_describe_dictionaries(report), *report.notes]
    return Group(*map(_describe_set, report.sets), *map(Text, notes))


def warn(report: Report) -> None:
    """Before training or evaluation, print on stderr the data sets that PaddleOCR does not read as they are."""
    sets = [each for each in report.sets if each.loses_data or each.needs_rewriting or each.is_doubtful]
    if sets or report.notes or report.dictionaries:
        print_report(report._replace(sets=sets), stderr=True)
    for data_set in (each for each in sets if each.mode == "Eval"):
        usable = len(data_set.usable_samples)
        lost = len(data_set.samples) - usable
        if lost:
            sentence = f"the metrics are of {usable} lines; {lost} broken ones are not counted."
            print(f"ppocrv2: Eval: {sentence}", file=sys.stderr)


def list_remarks(report: Report) -> list[str]:
    """What a reader of the metrics should know of the labels that they are of, a sentence for each."""
    remarks = []
    for data_set in (each for each in report.sets if each.mode == "Eval"):
        usable = data_set.usable_samples
        effects = [{data_set.effects[reason] for reason in sample.check.reasons} for sample in usable]
        shortened = sum(CHARACTER in each for each in effects)
        if shortened:
            unknown = list_unknown_characters(data_set, PLACES_SHOWN)
            remarks.append(
                f"Eval: {shortened} of {len(usable)} labels lost characters that the dictionary lacks, {unknown}, and"
                " count as right if the rest is read; name a dictionary that has them, or leave such lines out with -o"
                " Global.unknown_characters=skip."
            )
        boxes = sum(data_set.effects[reason] in (BOX, IGNORED) for each in usable for reason in each.check.reasons)
        if boxes:
            remarks.append(
                f"Eval: the metrics leave {boxes} of the boxes out, which are broken or ignored by the config."
            )
    return remarks


def _describe_dictionaries(report: Report) -> Iterator[str]:
    """A line for each finding about a dictionary: ``words.txt:1, 5: classes that no text can have: ...``"""
    for dictionary in report.dictionaries:
        for finding in dictionary.findings:
            places = _list_first([f"{dictionary.file}:{line}" for line in finding.lines])
            yield f"{places}: {finding.kind}, {finding.sentence}"


def _describe_set(data_set: SetFindings) -> Group:
    parts: list[Text | Table] = [Text(line) for line in _summarise(data_set)]
    if data_set.places:
        table = Table("", "finding", "what happens", "rule", "first at", box=box.SIMPLE_HEAD, show_edge=False)
        table.columns[0].justify = "right"
        for reason, places in data_set.places.items():
            effect = data_set.effects[reason]
            table.add_row(str(len(places)), reason, effect, Text(REASONS[reason].rule), Text(_list_first(places)))
        parts.append(table)
        parts += [Text(line) for line in _list_advice(data_set)]
    return Group(*parts)


def _list_advice(data_set: SetFindings) -> Iterator[str]:
    """A line for each finding that asks for something: ``  empty-image: copy the file again; it has 0 bytes.``"""
    for reason in data_set.places:
        advice = advise(data_set, reason)
        if advice != NOTHING_TO_DO:
            yield f"  {reason}: {advice}."


def _summarise(data_set: SetFindings) -> Iterator[str]:
    """Sentences: how much is usable, what is in it, and which characters the dictionary lacks."""
    usable, samples = len(data_set.usable_samples), len(data_set.samples)
    yield f"{data_set.mode}: {usable} of {samples} lines of {list_files(data_set)} are usable."
    if any(share < 1 for share in data_set.shares):
        shares = zip(data_set.files, data_set.counts, data_set.taken)
        parts = [f"{taken} of the {count} of {file}" for (file, _), count, taken in shares]
        yield f"  ratio_list takes {', '.join(parts)}"
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


def _list_first(places: Sequence[str]) -> str:
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
    with atomic_write(file) as part:
        part.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")


def to_data(report: Report) -> dict[str, Any]:
    """The report as JSON can hold it, with every place."""
    dictionaries = [
        {"file": str(dictionary.file), "findings": [finding._asdict() for finding in dictionary.findings]}
        for dictionary in report.dictionaries
    ]
    sets = {data_set.mode: _set_to_data(data_set) for data_set in report.sets}
    return {"notes": list(report.notes), "dictionaries": dictionaries, **sets}


def _set_to_data(data_set: SetFindings) -> dict[str, Any]:
    lengths = data_set.text_lengths
    return {
        "label_files": [str(file) for file, _ in data_set.files],
        "lines": len(data_set.samples),
        "usable": len(data_set.usable_samples),
        "taken": data_set.taken,
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
