"""Looks at every sample of a config's data sets before training does: what is broken, where, and what is then done."""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from rich.console import Console
from rich.progress import track

from .dictionary import check_dictionary, read_dictionary
from .findings import DictionaryReport, Report, Rules, Sample, SetFindings
from .images import MOST_PIXELS, ImageCheck
from .labels import (
    Entry,
    Form,
    LabelCheck,
    check_class_label,
    check_detection_label,
    check_recognition_label,
)
from .reasons import UNUSABLE, list_effects
from .sources import CHECKED_SETS, Source, read_sources

if TYPE_CHECKING:
    from ..host.find import Host

PIXELS_PER_FRAME = 4  # of the width of a recognizer's input
# The characters of PaddleOCR's recognizers whose config names no dictionary.
DEFAULT_ALPHABET = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
THREADS = min(8, os.cpu_count() or 1)  # reading files and decoding images let other threads run
CHUNK = 128  # images that a thread looks at before it asks for more
# When coordinates count as percent: none is above 100 in this many scenes, and no side of a picture is below this.
LEAST_SCENES, PERCENT, LEAST_SIDE = 3, 100, 250

LabelChecker = Callable[[str, Any], LabelCheck]  # from a label and the (width, height) of its image, or None


def check_data(config: Mapping[str, Any], host: Host, modes: Sequence[str] = ("Train", "Eval")) -> Report:
    """Look at every line of the data sets of ``config``, and at every image that they name.

    Args:
        config: a resolved config.
        host: the PaddleOCR that is going to read the data.
        modes: the sections whose data sets are checked.
    Returns:
        What was found. Only data sets of label files and LMDBs are checked; the report has a note for any other.
    Raises:
        UserError: a label file, an LMDB or the dictionary cannot be read.
    """
    names = {mode: config[mode]["dataset"].get("name") for mode in modes}
    checked = [mode for mode in modes if names[mode] in CHECKED_SETS]
    dictionaries = [_check_dictionary(config, mode) for mode in checked]
    sets = [_check_set(config, host, mode) for mode in checked]
    notes = [
        f"{mode}.dataset is not checked: it is a {name}, not a SimpleDataSet, a MultiScaleDataSet or an LMDBDataSet."
        for mode, name in names.items()
        if mode not in checked
    ]
    unusual = dict.fromkeys(report for report in dictionaries if report and report.findings)
    return Report(tuple(sets), tuple(notes), tuple(unusual))


def _check_set(config: Mapping[str, Any], host: Host, mode: str) -> SetFindings:
    dataset, settings = config[mode]["dataset"], config["Global"]
    transforms = _list_transforms(dataset)
    encoder = next((name for name in LABEL_CHECKERS if name in transforms), None)
    check_label, rules = LABEL_CHECKERS[encoder](config, transforms) if encoder else (_accept_any_label, Rules())
    effects = list_effects(mode, settings)
    sources = read_sources(config, mode, host.kind == "checkout")
    try:
        images = _look_at_images(sources, f"{mode}: images")
    finally:
        for source in sources:
            source.close()
    checks = [[_check_entry(entry, images[source.look], check_label) for entry in source.entries] for source in sources]
    if _look_like_percent(checks, [images[source.look].values() for source in sources]):
        checks = [[_doubt_percent(check) for check in each] for each in checks]

    delimiter = dataset.get("delimiter", "\t")
    unusable = frozenset(reason for reason, effect in effects.items() if effect in UNUSABLE)

    def to_sample(entry: Entry, check: LabelCheck) -> Sample:
        if entry.name is None or not unusable.isdisjoint(check.reasons):
            return Sample(entry, check, None)
        is_same = check.label == entry.label
        line = entry.text if is_same else delimiter.join([entry.name, check.label, *entry.columns])
        return Sample(entry, check, line)

    note = None
    if encoder is None:
        unheeded = ", and Global.unknown_characters has no effect" if "unknown_characters" in settings else ""
        note = f"{mode}: labels are not checked{unheeded}: no transform is one of {', '.join(LABEL_CHECKERS)}."
    samples = tuple((source.file, list(map(to_sample, source.entries, each))) for source, each in zip(sources, checks))
    rules = rules._replace(
        kind=dataset["name"],
        data_dir=Path(dataset["data_dir"]),
        most_pixels=settings.get("max_image_pixels") or MOST_PIXELS,
        unicode_form=_unicode_form(settings),
    )
    return SetFindings(mode, samples, effects, note, rules)


def _list_transforms(dataset: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arguments or {} for entry in dataset.get("transforms") or () for name, arguments in entry.items()}


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


def _check_entry(entry: Entry, images: Mapping[str, ImageCheck], check_label: LabelChecker) -> LabelCheck:
    """The check of a line: of its label, with the reasons of the line itself and of its images."""
    if entry.name is None:
        return LabelCheck(entry.reasons)
    own = [images[name] for name in entry.images]
    # A line may name several images with one label, which then have one size.
    check = check_label(entry.label, own[0].size)
    if not entry.reasons and not any(image.reasons for image in own):
        return check
    of_images = dict.fromkeys(reason for image in own for reason in image.reasons)
    return check._replace(reasons=(*entry.reasons, *of_images, *check.reasons))


def _look_like_percent(checks: Iterable[Iterable[LabelCheck]], images: Iterable[Iterable[ImageCheck]]) -> bool:
    """Whether no coordinate of several large pictures is above 100. Half of 100 is reached, so they are not tiny."""
    extents = [check.extent for each in checks for check in each if check.extent]
    if len(extents) < LEAST_SCENES or not PERCENT / 2 < max(extents) <= PERCENT:
        return False
    return all(min(image.size) >= LEAST_SIDE for each in images for image in each if image.size)


def _doubt_percent(check: LabelCheck) -> LabelCheck:
    return check._replace(reasons=(*check.reasons, "percent-boxes")) if check.extent else check


def _for_detection(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> tuple[LabelChecker, Rules]:
    ignore = config["Global"].get("difficult_boxes") == "ignore"
    return lambda label, size: check_detection_label(label, size, ignore), Rules()


def _for_text(encoder: str, fewer: int, has_frames: bool) -> Callable[[Mapping, Mapping], tuple[LabelChecker, Rules]]:
    """The check for a transform that encodes texts.

    Args:
        fewer: how many characters less than ``max_text_length`` the transform takes, of those in the dictionary.
        has_frames: whether CTC is what reads the text.
    """

    def for_text(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> tuple[LabelChecker, Rules]:
        settings = {**transforms[encoder], **config["Global"]}  # in PaddleOCR, Global wins
        path = settings.get("character_dict_path")
        space = bool(settings.get("use_space_char", False))
        alphabet = frozenset(read_dictionary(path, space)[1:]) if path else DEFAULT_ALPHABET
        resize, width = _find_width(transforms)
        frames = width // PIXELS_PER_FRAME if width and has_frames else None
        longest = settings.get("max_text_length")
        most_known = longest - fewer if fewer and isinstance(longest, int) else None
        form = _unicode_form(settings)
        rules = Rules(
            longest=longest, fewer=fewer, frames=frames, resize=resize, alphabet=alphabet, dictionary=path, space=space
        )
        return lambda label, size: check_recognition_label(label, alphabet, longest, frames, form, most_known), rules

    return for_text


def _unicode_form(settings: Mapping[str, Any]) -> Form | None:
    """The Unicode form that texts are brought into, or None."""
    form = settings.get("unicode_form", "as-written")
    return None if form == "as-written" else form


def _find_width(transforms: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """The last transform that says how wide the network's input is, and the width in pixels."""
    for name, arguments in reversed(list(transforms.items())):
        shape = arguments.get("image_shape")
        if isinstance(shape, (list, tuple)) and shape:
            return name, shape[-1]
    return None, None


def _for_classification(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> tuple[LabelChecker, Rules]:
    label_list = {**transforms["ClsLabelEncode"], **config["Global"]}.get("label_list") or ()
    return lambda label, size: check_class_label(label, label_list), Rules(classes=tuple(label_list))


def _for_half_turns(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> tuple[LabelChecker, Rules]:
    return lambda label, size: LabelCheck((), label, boxes=1), Rules()


def _accept_any_label(label: str, size: Any) -> LabelCheck:
    return LabelCheck((), label)


# Transforms that encode texts: how many characters less than `max_text_length` each takes, and whether CTC reads them.
TEXT_ENCODERS = {
    "CTCLabelEncode": (0, True),
    "TextLineEncode": (0, True),
    "MultiLabelEncode": (2, False),  # for the second branch; of the first it is not known how many frames it has
    "SARLabelEncode": (2, False),
    "NRTRLabelEncode": (2, False),
    "AttnLabelEncode": (1, False),
    "SEEDLabelEncode": (1, False),
    "PRENLabelEncode": (1, False),
    "ViTSTRLabelEncode": (1, False),
    "ABINetLabelEncode": (1, False),
    "ParseQLabelEncode": (3, False),
}
# {a transform that encodes labels: a function from (config, transforms) to the check of such labels, and its rules}
LABEL_CHECKERS: dict[str, Callable[[Mapping, Mapping], tuple[LabelChecker, Rules]]] = {
    "DetLabelEncode": _for_detection,
    **{name: _for_text(name, fewer, has_frames) for name, (fewer, has_frames) in TEXT_ENCODERS.items()},
    # Before ClsLabelEncode: these transforms replace any label by the class.
    "RandomHalfTurn": _for_half_turns,
    "HalfTurnByName": _for_half_turns,
    "ClsLabelEncode": _for_classification,
}


def _check_dictionary(config: Mapping[str, Any], mode: str) -> DictionaryReport | None:
    """What is unusual about the dictionary of a recognizer's data set; None if it has none."""
    transforms = _list_transforms(config[mode]["dataset"])
    encoder = next((name for name in TEXT_ENCODERS if name in transforms), None)
    if encoder is None:
        return None
    settings = {**transforms[encoder], **config["Global"]}
    path = settings.get("character_dict_path")
    if not path:
        return None
    return DictionaryReport(Path(path), tuple(check_dictionary(path, bool(settings.get("use_space_char", False)))))
