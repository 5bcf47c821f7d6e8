"""Options of several scripts, looked at before anything is measured: a mistake ends in a sentence and exit code 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from ppocrv2_ext.checkpoints.paths import require_file
from ppocrv2_ext.data.label_files import NO_SAMPLE, read_entries
from ppocrv2_ext.data.labels import is_detection_label, read_boxes
from ppocrv2_ext.deploy.labelled import Sample
from ppocrv2_ext.errors import UserError

LABELS = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def check_paddleocr(context: click.Context, _: click.Parameter, directory: str | None) -> str | None:
    """Callback of ``--paddleocr DIR``: PaddleOCR is there or, if no DIR is given, where `ppocrv2` looks for it."""
    from ppocrv2_ext.host import find_host  # it imports Paddle, which most mistakes need not wait for

    try:
        find_host(directory)
    except UserError as error:
        raise click.UsageError(str(error), context) from None
    return directory


def check_weights(context: click.Context, option: click.Parameter, path: str | None) -> Path | None:
    """Callback of an option that names weights: their file, which is there; None if none are given."""
    try:
        return require_file(option.opts[0], path) if path else None
    except UserError as error:
        raise click.UsageError(str(error), context) from None


def read_labelled(labels: Path, kind: str) -> Iterator[Sample]:
    """The first picture of each line of a label file, and its label. Pictures lie relative to the file.

    Args:
        kind: "det" for scenes, whose labels are boxes as outline and text, or "rec" for lines.
    Raises:
        click.UsageError: the file cannot be read, or a line is no sample of this kind.
    """
    try:
        for entry in read_entries(labels):
            if entry.is_blank:
                continue
            if not entry.images:
                raise click.UsageError(f"{entry.place}: {NO_SAMPLE}; leave the line out.")
            label = READERS[kind](entry.label)
            yield Sample(labels.parent / entry.images[0], label, entry.images[0], entry.place)
    except UserError as error:
        raise click.UsageError(str(error)) from None
    except ValueError as error:
        raise click.UsageError(f"{entry.place}: {error}; name a label file of {FORMS[kind]}.") from None


def _read_text(label: str) -> str:
    if is_detection_label(label):
        raise ValueError("it is a list of boxes")
    return label


READERS: dict[str, Callable[[str], Any]] = {"det": read_boxes, "rec": _read_text}
FORMS = {"det": 'scenes, image<TAB>[{"transcription": ..., "points": ...}, ...]', "rec": "lines, image<TAB>text"}
