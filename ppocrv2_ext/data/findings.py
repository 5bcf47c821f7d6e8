"""What a check of the data found, for people (a table a set) and for programs (plain data)."""

import json
import sys
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from ..errors import UserError
from .clean import characters, names
from .reasons import REASONS

SHOWN = 3  # places


def print_report(report, stderr=False):
    """Print a table for each set, as wide as it needs to be where no terminal sets limits: people search logs."""
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = 1000
    console.print(Group(*map(_table, report.sets), *map(Text, report.notes)))


def warn(report):
    """Print on stderr, before training or evaluation, those sets that are not handed on as they are."""
    sets = [found for found in report.sets if found.drops or found.needs_rewriting]
    if sets or report.notes:
        print_report(report._replace(sets=sets), stderr=True)
    for found in sets:
        lost = len(found.samples) - len(found.usable)
        if lost and found.mode == "Eval":
            counted = f"the metrics are of {len(found.usable)} lines; {lost} broken ones are not counted."
            print(f"ppocrv2: Eval: {counted}", file=sys.stderr)


def _table(found):
    parts = [Text(line) for line in summary(found)]
    if found.places:
        table = Table("", "finding", "what happens", "rule", "first at", box=box.SIMPLE_HEAD, show_edge=False)
        table.columns[0].justify = "right"
        for reason, places in found.places.items():
            effect = found.effects[reason]
            table.add_row(str(len(places)), reason, effect, Text(REASONS[reason].rule), Text(_first(places)))
        parts.append(table)
    return Group(*parts)


def summary(found):
    """Sentences: how much is usable, what is in it, which characters the dictionary lacks."""
    yield f"{found.mode}: {len(found.usable)} of {len(found.samples)} lines of {names(found)} are usable."
    if found.note:
        yield found.note
    if found.objects:
        yield f"  {found.objects} boxes, {found.ignored} of them ignored ({found.ignored / found.objects:.0%})"
    if found.lengths:
        yield f"  texts of {found.lengths[0]} to {found.lengths[-1]} characters, median {median(found.lengths):g}"
    if found.unknown:
        yield f"  not in the dictionary: {characters(found)}"


def _first(places):
    """``words.txt:3, 9, 12, ...``: the first few, a line once, its file only where it changes."""
    places = list(dict.fromkeys(places))
    shown, before = [], None
    for place in places[:SHOWN]:
        file, _, line = place.rpartition(":")
        shown.append(line if file == before else place)
        before = file
    return ", ".join([*shown, *(["..."] if len(places) > SHOWN else [])])


def write(report, file):
    """Write the report as JSON (:func:`as_data`)."""
    text = json.dumps(as_data(report), ensure_ascii=False, indent=1)
    try:
        Path(file).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror or error}.") from None


def as_data(report):
    """The report as JSON can hold it, with every place."""
    return {"notes": list(report.notes), **{found.mode: _set_as_data(found) for found in report.sets}}


def _set_as_data(found):
    return {
        "label_files": [str(file) for file, _ in found.files],
        "lines": len(found.samples),
        "usable": len(found.usable),
        "unusable_at": [sample.entry.place for sample in found.samples if sample.line is None],
        "boxes": found.objects,
        "ignored_boxes": found.ignored,
        "text_lengths": [found.lengths[0], median(found.lengths), found.lengths[-1]] if found.lengths else None,
        "unknown_characters": found.unknown,
        "findings": {
            reason: {"rule": REASONS[reason].rule, "effect": found.effects[reason], "at": places}
            for reason, places in found.places.items()
        },
        "note": found.note,
    }
