"""`compare`: two exported recognizers on the same lines, such as before and after a fine-tune."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ..checkpoints import published
from ..errors import UserError, finish
from ..write_checks import require_writable_file
from .inputs import list_label_inputs, list_model_files
from .terminal import make_table, print_table, warn_first

if TYPE_CHECKING:
    import numpy as np

    from ..deploy.labelled import Opened
    from ..report.comparison import Comparison

BATCH = 64  # lines whose pictures are in memory at once
CONFUSIONS_PRINTED = 8
ONE_SPACE = "Several spaces in a row are one, and those at the ends of a line are none."
WHAT_COUNTS = {  # where texts are compared, by (ignore_case, ignore_space)
    (False, False): f"Case and spaces count; --ignore-case and --ignore-space leave them out. {ONE_SPACE}",
    (True, False): f"Spaces count, case does not; --ignore-space leaves them out too. {ONE_SPACE}",
    (False, True): "Case counts, spaces do not; --ignore-case leaves it out too.",
    (True, True): "Neither case nor spaces count.",
}

Reader = Callable[[Sequence["np.ndarray"]], list]  # from lines (H, W, 3) BGR to [(text, score), ...]


def compare(
    before: str,
    after: str,
    data: Sequence[str],
    engine: str,
    ignore_case: bool = False,
    ignore_space: bool = False,
    page: str | None = None,
    data_dirs: Sequence[str] = (),
) -> int:
    """Read the lines of label files with two recognizers, and print what the second one mends and breaks.

    Args:
        before, after: folders of exported recognizers, or "official".
        data: label files, ``image<TAB>text``, such as new test lines, and lines that must still be read.
        engine: as :class:`~ppocrv2_ext.deploy.ocr.OCR` takes it.
        ignore_case, ignore_space: whether case, and spaces, do not count when texts are compared.
        page: an HTML file with the pictures; None for none.
        data_dirs: what the images of each label file are relative to; empty for the folder of the file.
    Returns:
        0, or 1 if a line could not be read, or contradicts another one: the others count.
    Raises:
        UserError: a model is missing or is no recognizer, no picture of a label file is there, none of its lines can
            be read, there are not as many folders of images as label files, or the page cannot be written.
    """
    if data_dirs and len(data_dirs) != len(data):
        raise UserError(f"give --data-dir once for each --data, got {len(data_dirs)} for {len(data)}.")
    from ..deploy.evaluation import normalize_text
    from ..deploy.labelled import open_samples, read_samples
    from ..deploy.pictures import open_line
    from ..report.comparison import Comparison, write_comparison

    folders: Sequence[str | None] = data_dirs or [None] * len(data)
    if page:
        inputs = itertools.chain(list_model_files(before, after), *map(list_label_inputs, data, folders))
        require_writable_file("--output", page, inputs)
    found = [read_samples(labels, folder, "rec") for labels, folder in zip(data, folders)]
    readers = [_load_reader(folder, engine) for folder in (before, after)]
    problems: list[str] = []
    comparisons = []
    normalize = functools.partial(normalize_text, ignore_case=ignore_case, ignore_space=ignore_space)
    for labels, (samples, lines_left_out) in zip(data, found):
        comparison = Comparison(labels, normalize)
        problems += lines_left_out
        for start in range(0, len(samples), BATCH):
            opened = open_samples(samples[start : start + BATCH], open_line)
            problems += opened.problems
            _read_with_both(comparison, opened, readers)
        if not comparison.count:
            raise UserError(finish(f"{labels}: none of its lines could be read; {problems[-1]}"))
        comparisons.append(comparison)
    warn_first(problems)
    rule = WHAT_COUNTS[ignore_case, ignore_space]
    _print(comparisons, rule)
    if page:
        write_comparison(page, (_describe(before), _describe(after)), comparisons, rule)
        click.echo(f"Written to {page}")
    return 1 if problems else 0


def _read_with_both(comparison: Comparison, opened: Opened, readers: Sequence[Reader]) -> None:
    before, after = ([text for text, _ in reader(opened.pictures)] for reader in readers)
    for sample, picture, old, new in zip(opened.samples, opened.pictures, before, after):
        comparison.add(sample.name, sample.label, old, new, picture[:, :, ::-1])


def _describe(folder: str) -> str:
    return "the official recognizer" if folder == published.KEYWORD else folder


def _load_reader(model: str, engine: str) -> Reader:
    from ..deploy.engine import load_engine
    from ..deploy.lines import read_texts
    from ..deploy.models import find_model

    _, path, settings = find_model(model, "rec")
    run = load_engine(path, engine)
    return lambda lines: read_texts(lines, run, settings)


def _print(comparisons: Sequence[Comparison], rule: str) -> None:
    from ..report.confusions import describe_confusion, list_frequent

    table = make_table("", "lines", "before", "after", "mended", "broken")
    table.columns[0].overflow = "fold"  # two long paths may differ at their ends alone
    for column in table.columns[1:]:
        column.justify = "right"
    for each in comparisons:
        shares = (f"{each.share_before:.3f}", f"{each.share_after:.3f}")
        table.add_row(each.title, str(each.count), *shares, str(each.mended_count), str(each.broken_count))
    print_table(table)
    click.echo(rule)
    for each in comparisons:
        for what, confusions in (("New", each.broken_confusions), ("Gone", each.mended_confusions)):
            listed = ", ".join(
                f"{describe_confusion(confusion)} ({count})"
                for confusion, count in list_frequent(confusions, CONFUSIONS_PRINTED)
            )
            if listed:
                click.echo(f"{what} confusions in {each.title}: {listed}")
