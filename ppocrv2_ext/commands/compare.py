"""`compare`: two exported recognizers on the same lines, such as before and after a fine-tune."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..checkpoints import official
from ..errors import UserError, finish
from .terminal import make_table, print_table, warn_first

if TYPE_CHECKING:
    import numpy as np

    from ..report.comparison import Comparison

BATCH = 64  # lines that are read before the next images are opened
CONFUSIONS_PRINTED = 8
WHAT_COUNTS = {  # where texts are compared, by (ignore_case, ignore_space)
    (False, False): "Case and spaces count; --ignore-case and --ignore-space leave them out.",
    (True, False): "Spaces count, case does not; --ignore-space leaves them out too.",
    (False, True): "Case counts, spaces do not; --ignore-case leaves it out too.",
    (True, True): "Neither case nor spaces count.",
}

Reader = Callable[[Sequence["np.ndarray"]], list]  # from lines (H, W, 3) BGR to [(text, score), ...]
Batch = tuple[list[str], list[str], list]  # names, texts and images of a few lines


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
        0, or 1 if a line could not be read: the others count.
    Raises:
        UserError: a model is missing or is no recognizer, no picture of a label file is there, none of its lines can
            be read, there are not as many folders of images as label files, or the page cannot be written.
    """
    if data_dirs and len(data_dirs) != len(data):
        raise UserError(f"give --data-dir once for each --data, got {len(data_dirs)} for {len(data)}.")
    from ..deploy.labelled import require_pictures
    from ..deploy.places import require_file_place
    from ..report.comparison import Comparison, write_comparison

    if page:
        require_file_place("--output", page, data)
    folders = data_dirs or [str(Path(labels).parent) for labels in data]
    for labels, folder in zip(data, folders):
        require_pictures(labels, folder)
    readers = [_load_reader(folder, engine) for folder in (before, after)]
    problems: list[str] = []
    comparisons = []
    for labels, folder in zip(data, folders):
        comparison = Comparison(labels, lambda text: _normalize(text, ignore_case, ignore_space))
        _read_with_both(comparison, _read_batches(labels, Path(folder), problems), readers)
        if not comparison.count:
            reason = problems[-1] if problems else "it is empty"
            raise UserError(finish(f"{labels}: none of its lines could be read; {reason}"))
        comparisons.append(comparison)
    warn_first(problems)
    rule = WHAT_COUNTS[ignore_case, ignore_space]
    _print(comparisons, rule)
    if page:
        write_comparison(page, (_describe(before), _describe(after)), comparisons, rule)
        click.echo(f"Written to {page}")
    return 1 if problems else 0


def _read_with_both(comparison: Comparison, batches: Iterable[Batch], readers: Sequence[Reader]) -> None:
    for names, texts, images in batches:
        before, after = ([text for text, _ in reader(images)] for reader in readers)
        for name, label, image, old, new in zip(names, texts, images, before, after):
            comparison.add(name, label, old, new, image[:, :, ::-1])


def _describe(folder: str) -> str:
    return "the official recognizer" if folder == official.KEYWORD else folder


def _load_reader(folder: str, engine: str) -> Reader:
    from ..deploy.engine import load_engine
    from ..deploy.lines import read_texts
    from ..deploy.places import has_folder
    from ..deploy.settings import official_settings, read_settings

    if folder == official.KEYWORD:
        run, settings = load_engine(official.require_model("rec"), engine, 0), official_settings("rec")
    else:
        if not has_folder(folder):
            raise UserError(f"{folder}: there is no such folder; export a recognizer with `ppocrv2 export`.")
        run, settings = load_engine(folder, engine, 0), read_settings(folder, "rec")
    return lambda lines: read_texts(lines, run, settings)


def _read_batches(labels: str, folder: Path, problems: list[str]) -> Iterator[Batch]:
    """The lines of a label file. What cannot be read is added to ``problems``."""
    from ..data.label_files import NO_SAMPLE, read_entries
    from ..data.labels import is_detection_label
    from ..deploy.pictures import explain, open_line

    names, texts, images = [], [], []
    for entry in read_entries(labels):
        if entry.is_blank:
            continue
        if not entry.images:
            problems.append(f"{entry.place}: {NO_SAMPLE}")
            continue
        if is_detection_label(entry.label):
            problems.append(f"{entry.place}: the label is a list of boxes, and not the text of a line")
            continue
        path = folder / entry.images[0]
        try:
            images.append(open_line(path))
        except (OSError, ValueError) as error:
            problems.append(f"{entry.place}: {path}: {explain(error)}")
            continue
        names.append(entry.images[0])
        texts.append(entry.label)
        if len(images) == BATCH:
            yield names, texts, images
            names, texts, images = [], [], []
    if images:
        yield names, texts, images


def _normalize(text: str, ignore_case: bool, ignore_space: bool) -> str:
    text = re.sub(r"\s", "", text) if ignore_space else text
    return text.casefold() if ignore_case else text


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
