"""Looks at every sample of a config's data sets before training does: what is broken, where, and what is then done."""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image
from rich.console import Console
from rich.progress import track

from .dictionary import check_dictionary
from .findings import DictionaryReport, Report, Sample, SetFindings
from .images import UPRIGHT_RATIO, ImageCheck
from .label_files import Entry
from .label_rules import LabelChecker, choose_label_checker
from .labels import LabelCheck
from .line_frames import Frames
from .line_shapes import find_batch_ratios
from .reasons import DOUBTFUL, UNUSABLE, list_effects
from .sources import CHECKED_SETS, Source, list_ratios, read_sources

THREADS = min(8, os.cpu_count() or 1)  # reading files and decoding images let other threads run
CHUNK = 128  # images that a thread looks at before it asks for more
# When coordinates count as percent: none is above 100 in this many scenes, and no side of a picture is below this.
LEAST_SCENES, PERCENT, LEAST_SIDE = 3, 100, 250
LEAST_TEXTS = 10  # equal texts of a label file that no file of texts would have


def check_data(
    config: Mapping[str, Any],
    modes: Sequence[str] = ("Train", "Eval"),
    frames: Mapping[str, Frames] = MappingProxyType({}),
    loads_addresses: bool = False,
) -> Report:
    """Look at every line of the data sets of ``config``, and at every image that they name.

    Args:
        config: a resolved config.
        modes: the sections whose data sets are checked.
        frames: that the network makes of the lines of each section; without them no text is too long for CTC.
        loads_addresses: whether the PaddleOCR that is going to read the data loads an image from a web address.
    Returns:
        What was found. Only data sets of label files and LMDBs are checked; the report has a note for any other.
    Raises:
        UserError: a label file, an LMDB or the dictionary cannot be read.
    """
    names = {mode: config[mode]["dataset"].get("name") for mode in modes}
    sets = [
        _check_set(config, mode, frames.get(mode), loads_addresses) for mode in modes if names[mode] in CHECKED_SETS
    ]
    notes = [
        f"{mode}.dataset is not checked: it is a {name}, not a SimpleDataSet, a MultiScaleDataSet or an LMDBDataSet."
        for mode, name in names.items()
        if name not in CHECKED_SETS
    ]
    dictionaries = dict.fromkeys((each.rules.dictionary, each.rules.space) for each in sets if each.rules.dictionary)
    reports = [DictionaryReport(Path(file), tuple(check_dictionary(file, space))) for file, space in dictionaries]
    return Report(tuple(sets), tuple(notes), tuple(report for report in reports if report.findings))


def _check_set(config: Mapping[str, Any], mode: str, frames: Frames | None, loads_addresses: bool) -> SetFindings:
    effects = list_effects(mode, config["Global"])
    check_label, rules, note = choose_label_checker(config, mode, frames)
    if mode == "Train" and rules.reserve:  # a second branch still learns from a text that is too long for CTC
        effects["few-frames"] = DOUBTFUL
    sources = read_sources(config, mode, loads_addresses)
    try:
        images = _look_at_images(sources, f"{mode}: images")
    finally:
        for source in sources:
            source.close()
    ratios = _find_ratios(config[mode], sources) if rules.frames and rules.frames.by_ratio else {}
    checks = [
        [_check_entry(entry, images[source.look], check_label, ratios.get(entry.place)) for entry in source.entries]
        for source in sources
    ]
    if _look_like_percent(checks, [images[source.look].values() for source in sources]):
        checks = [[_doubt_percent(check) for check in each] for each in checks]
    checks = list(map(_doubt_equal_texts, checks))
    unusable = frozenset(reason for reason, effect in effects.items() if effect in UNUSABLE)
    delimiter = config[mode]["dataset"].get("delimiter", "\t")
    samples = [
        (source.file, [_make_sample(*each, unusable, delimiter) for each in zip(source.entries, own)])
        for source, own in zip(sources, checks)
    ]
    return SetFindings(mode, samples, effects, note, rules, list_ratios(mode, config[mode]["dataset"]))


def _make_sample(entry: Entry, check: LabelCheck, unusable: frozenset[str], delimiter: str) -> Sample:
    if entry.name is None or not unusable.isdisjoint(check.reasons):
        return Sample(entry, check, None)
    is_same = check.label == entry.label
    return Sample(entry, check, entry.text if is_same else delimiter.join([entry.name, check.label, *entry.columns]))


def _look_at_images(sources: Sequence[Source], title: str) -> dict[Callable, dict[str, ImageCheck]]:
    """{look of a source: {name of an image: its check}}. Each image is looked at once."""
    wanted: dict[Callable, dict[str, None]] = {}
    for source in sources:
        names = itertools.chain.from_iterable(entry.images for entry in source.entries)
        wanted.setdefault(source.look, {}).update(dict.fromkeys(names))
    return {look: dict(zip(names, _look_in_threads(look, list(names), title))) for look, names in wanted.items()}


def _look_in_threads(look: Callable[[str], ImageCheck], names: Sequence[str], title: str) -> Iterator[ImageCheck]:
    """The checks of images, in their order, with a progress bar on a terminal."""
    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    threads = ThreadPoolExecutor(THREADS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is one of ours
            results: Iterable[list[ImageCheck]] = threads.map(lambda chunk: list(map(look, chunk)), chunks)
            bar = Console(stderr=True)
            for checks in track(
                results, title, len(chunks), console=bar, transient=True, disable=not sys.stderr.isatty()
            ):
                yield from checks
    finally:
        threads.shutdown(cancel_futures=True)


def _find_ratios(section: Mapping[str, Any], sources: Iterable[Source]) -> dict[str, float]:
    """{place: width in heights} of the lines whose width and height a sampler reads."""
    entries = [entry for source in sources for entry in source.entries if entry.columns]
    pictures = [float(width) / float(height) for width, height in (entry.columns for entry in entries)]
    return dict(zip((entry.place for entry in entries), find_batch_ratios(section["sampler"], pictures)))


def _check_entry(
    entry: Entry, images: Mapping[str, ImageCheck], check_label: LabelChecker, ratio: float | None
) -> LabelCheck:
    """The check of a line: of its label, with the reasons of the line itself and of its images.

    Args:
        ratio: width by height of the line in its batch, if that is not the shape of its image.
    """
    if entry.name is None:
        return LabelCheck(entry.reasons)
    own = [images[name] for name in entry.images]
    # A line may name several images with one label, which then have one size.
    check = check_label(entry.label, own[0].size if ratio is None else (ratio, 1.0))
    of_shape = ("upright-line",) if check.text_length > 1 and any(map(_is_upright, own)) else ()
    if not entry.reasons and not of_shape and not any(image.reasons for image in own):
        return check
    of_images = dict.fromkeys(reason for image in own for reason in image.reasons)
    return check._replace(reasons=(*entry.reasons, *of_images, *of_shape, *check.reasons))


def _is_upright(image: ImageCheck) -> bool:
    """Whether `ocr` would turn the line in a picture."""
    return image.size is not None and image.size[1] >= UPRIGHT_RATIO * image.size[0]


def _doubt_equal_texts(checks: list[LabelCheck]) -> list[LabelCheck]:
    """The checks of a label file, with a reason at each text if all are equal, as those of a list of states are."""
    texts = [check.label for check in checks if check.text_length]
    if len(texts) < LEAST_TEXTS or len(set(texts)) > 1:
        return checks
    return [check._replace(reasons=(*check.reasons, "equal-texts")) if check.text_length else check for check in checks]


def _look_like_percent(checks: Iterable[Iterable[LabelCheck]], images: Iterable[Iterable[ImageCheck]]) -> bool:
    """Whether no coordinate of several large pictures is above 100. Half of 100 is reached, so they are not tiny."""
    extents = [check.extent for each in checks for check in each if check.extent]
    if len(extents) < LEAST_SCENES or not PERCENT / 2 < max(extents) <= PERCENT:
        return False
    return all(min(image.size) >= LEAST_SIDE for each in images for image in each if image.size)


def _doubt_percent(check: LabelCheck) -> LabelCheck:
    return check._replace(reasons=(*check.reasons, "percent-boxes")) if check.extent else check
