"""`eval-system`: detector and recognizer together, on labelled pictures."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import UserError, pluralize
from ..files import atomic_write, printable
from ..write_checks import require_writable_file
from .inputs import list_label_inputs, list_model_files
from .terminal import make_table, print_table, warn_first

if TYPE_CHECKING:
    from ..deploy.evaluation import Counts, PageScore
    from ..deploy.labelled import Sample
    from ..deploy.ocr import OCR

WRONG_SHOWN = 3  # texts of one picture


def evaluate(
    det: str | None,
    rec: str | None,
    cls: str | None,
    engine: str,
    data: str,
    data_dir: str | None = None,
    least_score: float = 0.5,
    worst: int = 5,
    report_file: str | None = None,
) -> int:
    """Read labelled pictures, and print how many boxes and texts are right.

    Args:
        det, rec, cls, engine, least_score: as :class:`~ppocrv2_ext.deploy.ocr.OCR` takes them.
        data: a label file, ``image<TAB>[{"transcription", "points"}, ...]``.
        data_dir: what its images are relative to; None for its folder.
        worst: how many of the worst pictures are shown.
        report_file: JSON with all numbers; None for none.
    Returns:
        0, or 1 if a line or a picture could not be read: the others count.
    Raises:
        UserError: the file has no labelled picture, none of them is there, a model is missing, or the report cannot be
            written.
    """
    from ..deploy.evaluation import Counts
    from ..deploy.labelled import read_samples
    from ..deploy.ocr import OCR

    if report_file:
        inputs = itertools.chain(list_model_files(det, rec, cls), list_label_inputs(data, data_dir))
        require_writable_file("--json", report_file, inputs)
    samples, problems = read_samples(data, data_dir, "det")
    reader = OCR(det, rec, cls, engine, least_score=least_score)
    scores, unreadable, losses = _score(reader, samples)
    problems += unreadable
    warn_first(problems)
    warn_first(losses)
    if not scores:
        raise UserError(f"{data}: none of its pictures could be read; the problems are listed above.")
    names = list(next(iter(scores.values())).end_to_end)
    detection = sum((score.detection for score in scores.values()), Counts())
    end_to_end = {name: sum((score.end_to_end[name] for score in scores.values()), Counts()) for name in names}
    _print(detection, end_to_end, scores, worst)
    if report_file:
        pages = {path: _describe(score.detection, score.end_to_end) for path, score in scores.items()}
        content = {"pictures": len(scores), **_describe(detection, end_to_end), "pages": pages}
        with atomic_write(report_file) as part:
            part.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return 1 if problems else 0


def _score(reader: OCR, samples: Sequence[Sample]) -> tuple[dict[str, PageScore], list[str], list[str]]:
    """({picture: how well it is read}, a sentence for each that cannot be read, what was lost of the others)"""
    from ..deploy.evaluation import score_page
    from ..deploy.pages import find_losses, read_in_order
    from ..deploy.sources import open_first_pictures

    scores: dict[str, PageScore] = {}
    problems: list[str] = []
    losses: list[str] = []
    pictures = open_first_pictures(sample.path for sample in samples)
    for sample, (picture, page) in zip(samples, read_in_order(reader, pictures)):
        if page is None:
            problems.append(f"{sample.place}: {sample.path}: {picture.problem}")
            continue
        losses += find_losses(reader, picture, page)
        scores[printable(sample.path)] = score_page(sample.label, [(line.polygon, line.text) for line in page])
    return scores, problems, losses


def _print(detection: Counts, end_to_end: dict[str, Counts], scores: dict[str, PageScore], worst: int) -> None:
    table = make_table("", "precision", "recall", "F1", "right")
    rows = {"boxes": detection, **{f"boxes and texts, {name}": counts for name, counts in end_to_end.items()}}
    for title, counts in rows.items():
        shares = (counts.precision, counts.recall, counts.f1)
        table.add_row(title, *(f"{share:.3f}" for share in shares), str(counts.right))
    print_table(table)
    click.echo(f"Boxes in {pluralize(len(scores), 'picture')}: {detection.labelled} labelled, {detection.found} found.")
    for name, counts in end_to_end.items():
        share = counts.right / detection.right if detection.right else 0.0
        click.echo(f"{share:.3f} of the {detection.right} boxes that were found are read right, {name}.")
    first = next(iter(end_to_end))
    order = sorted(scores.items(), key=lambda item: item[1].end_to_end[first].f1)[:worst]
    if order:
        click.echo("Worst first:")
    for path, score in order:
        counts = score.end_to_end[first]
        texts = ", ".join(f"{read!r} for {label!r}" for label, read in score.wrong[:WRONG_SHOWN])
        missed = counts.labelled - score.detection.right
        click.echo(
            f"  {counts.f1:.3f}  {path}: {missed} of {counts.labelled} boxes missed" + (f"; {texts}" if texts else "")
        )


def _describe(detection: Counts, end_to_end: dict[str, Counts]) -> dict:
    """The numbers as JSON has them."""

    def numbers(counts: Counts) -> dict:
        return {**counts._asdict(), "precision": counts.precision, "recall": counts.recall, "f1": counts.f1}

    return {"detection": numbers(detection), "end_to_end": {name: numbers(c) for name, c in end_to_end.items()}}
