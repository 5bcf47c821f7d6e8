"""Looks at every sample of a config's data sets before training does: what is broken, where, and what is then done."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track

from .dictionary import read_dictionary
from .findings import Report, Sample, SetFindings
from .images import ImageCheck, check_image
from .labels import (
    Entry,
    LabelCheck,
    check_class_label,
    check_detection_label,
    check_recognition_label,
    list_label_files,
    read_entries,
)
from .reasons import UNUSABLE, list_effects

if TYPE_CHECKING:
    from ..host.find import Host

PIXELS_PER_FRAME = 4  # of the width of a recognizer's input
# The characters of PaddleOCR's recognizers whose config names no dictionary.
DEFAULT_ALPHABET = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

LabelChecker = Callable[[str, Any], LabelCheck]  # from a label and the (width, height) of its image, or None


def check_data(config: Mapping[str, Any], host: Host, modes: Sequence[str] = ("Train", "Eval")) -> Report:
    """Look at every line of the data sets of ``config``, and at every image that they name.

    Args:
        config: a resolved config.
        host: the PaddleOCR that is going to read the data.
        modes: the sections whose data sets are checked.
    Returns:
        What was found. Only a ``SimpleDataSet`` is checked; the report has a note for any other.
    Raises:
        UserError: a label file or the dictionary cannot be read.
    """
    names = {mode: config[mode]["dataset"].get("name") for mode in modes}
    sets = [_check_set(config, host, mode) for mode in modes if names[mode] == "SimpleDataSet"]
    notes = [
        f"{mode}.dataset is not checked: it is a {name}, not a SimpleDataSet."
        for mode, name in names.items()
        if name != "SimpleDataSet"
    ]
    return Report(tuple(sets), tuple(notes))


def _check_set(config: Mapping[str, Any], host: Host, mode: str) -> SetFindings:
    dataset = config[mode]["dataset"]
    files, delimiter = list_label_files(dataset), dataset.get("delimiter", "\t")
    transforms = {
        name: arguments or {} for entry in dataset.get("transforms") or () for name, arguments in entry.items()
    }
    encoder = next((name for name in LABEL_CHECKERS if name in transforms), None)
    check_label = LABEL_CHECKERS[encoder](config, transforms) if encoder else _accept_any_label
    effects = list_effects(mode, config["Global"].get("unknown_characters", "drop-character"))
    entries = [(file, read_entries(file, delimiter)) for file in files]
    names = dict.fromkeys(name for _, lines in entries for entry in lines for name in entry.images)
    look = functools.partial(_look, Path(dataset["data_dir"]), transforms.get("DecodeImage", {}), host)
    images = {name: look(name) for name in _with_progress_bar(names, f"{mode}: images")}

    def to_sample(entry: Entry) -> Sample:
        check = _check_entry(entry, images, check_label)
        is_unusable = entry.name is None or any(effects[reason] in UNUSABLE for reason in check.reasons)
        is_same = check.label == entry.label
        line = entry.text if is_same else f"{entry.name}{delimiter}{check.label}"
        return Sample(entry, check, None if is_unusable else line)

    note = None if encoder else f"{mode}: labels are not checked: no transform is one of {', '.join(LABEL_CHECKERS)}."
    samples = tuple((file, [to_sample(entry) for entry in lines]) for file, lines in entries)
    return SetFindings(mode, samples, effects, note)


def _with_progress_bar(items: Iterable[str], title: str) -> Iterable[str]:
    """``items``, with a progress bar on a terminal."""
    return track(items, title, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _look(folder: Path, decoding: Mapping[str, Any], host: Host, name: str) -> ImageCheck:
    # A clone of PaddleOCR can load an image from a web address. The wheel takes the address for a file name.
    if host.kind == "checkout" and name.startswith(("http://", "https://")):
        return ImageCheck(("remote-image",))
    return check_image(folder / name, decoding.get("ignore_orientation", False))


def _check_entry(entry: Entry, images: Mapping[str, ImageCheck], check_label: LabelChecker) -> LabelCheck:
    """The check of a line: of its label, with the reasons of the line itself and of its images."""
    if entry.name is None:
        return LabelCheck(entry.reasons)
    own = [images[name] for name in entry.images]
    # A line may name several images with one label, which then have one size.
    check = check_label(entry.label, own[0].size)
    of_images = dict.fromkeys(reason for image in own for reason in image.reasons)
    return check._replace(reasons=(*entry.reasons, *of_images, *check.reasons))


def _for_detection(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> LabelChecker:
    return check_detection_label


def _for_recognition(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> LabelChecker:
    settings = {**transforms["CTCLabelEncode"], **config["Global"]}  # in PaddleOCR, Global wins
    path = settings.get("character_dict_path")
    alphabet = frozenset(read_dictionary(path, settings.get("use_space_char", False))) if path else DEFAULT_ALPHABET
    shapes = [arguments.get("image_shape") for arguments in transforms.values()]
    widths = [shape[-1] for shape in shapes if isinstance(shape, (list, tuple))]
    frames = widths[-1] // PIXELS_PER_FRAME if widths else None
    longest = settings.get("max_text_length")
    return lambda label, size: check_recognition_label(label, alphabet, longest, frames)


def _for_classification(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> LabelChecker:
    label_list = {**transforms["ClsLabelEncode"], **config["Global"]}.get("label_list") or ()
    return lambda label, size: check_class_label(label, label_list)


def _for_half_turns(config: Mapping[str, Any], transforms: Mapping[str, Any]) -> LabelChecker:
    return lambda label, size: LabelCheck((), label, boxes=1)


def _accept_any_label(label: str, size: Any) -> LabelCheck:
    return LabelCheck((), label)


# {a transform that encodes labels: a function from (config, transforms) to the check of such labels}
LABEL_CHECKERS = {
    "DetLabelEncode": _for_detection,
    "CTCLabelEncode": _for_recognition,
    # Before ClsLabelEncode: these transforms replace any label by the class.
    "RandomHalfTurn": _for_half_turns,
    "HalfTurnByName": _for_half_turns,
    "ClsLabelEncode": _for_classification,
}
