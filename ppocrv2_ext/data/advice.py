"""What to do about a finding, with the value to set where there is one."""

from __future__ import annotations

import difflib
import json
import math
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

from .characters import quote_character
from .dictionary import is_one_row
from .findings import Sample, SetFindings, list_unknown_characters
from .labels import PIXELS_PER_FRAME
from .reasons import REASONS

WIDTH_STEP = 32  # pixels; widths of inputs are multiples of it
SHOWN = 5  # characters or classes named in one sentence


def advise(data_set: SetFindings, reason: str) -> str:
    """A sentence without its full stop: how many samples break a rule, by how much, and the next step."""
    if reason in ("unknown-character", "no-known-character") and is_one_row(data_set.rules.alphabet):
        return f"{data_set.rules.dictionary} has all its characters on one line; put each on its own line"
    samples = [sample for sample in data_set.samples if reason in sample.check.reasons]
    return ADVICE[reason](data_set, samples) if reason in ADVICE else REASONS[reason].advice


def _long_label(data_set: SetFindings, samples: list[Sample]) -> str:
    rules, longest = data_set.rules, max(sample.check.text_length for sample in samples)
    most = (rules.longest or 0) - rules.fewer
    reserve = f" ({rules.fewer} more than that, which its encoder keeps for itself)" if rules.fewer else ""
    return (
        f"{_count(data_set, samples)} are longer than {most}; the longest has {longest},"
        f" set Global.max_text_length={longest + rules.fewer}{reserve}"
    )


def _few_frames(data_set: SetFindings, samples: list[Sample]) -> str:
    rules, needed = data_set.rules, max(sample.check.frames for sample in samples)
    width = WIDTH_STEP * math.ceil(PIXELS_PER_FRAME * needed / WIDTH_STEP)
    return (
        f"{_count(data_set, samples)} need more than {rules.frames} frames; the longest needs {needed}, make the width"
        f" of {rules.resize}.image_shape {width}"
    )


def _unknown_character(data_set: SetFindings, samples: list[Sample]) -> str:
    unknown, file = data_set.unknown_characters, data_set.rules.dictionary or "the dictionary"
    if set(unknown) == {" "} and not data_set.rules.space:
        return f"{_count(data_set, samples)} have a space; set Global.use_space_char=true"
    listed = list_unknown_characters(data_set, SHOWN)
    steps = [
        f"{_count(data_set, samples)} have {len(unknown)} characters that {file} lacks, such as {listed}",
        "add them to a copy of it and name that in Global.character_dict_path",
        "or set Global.unknown_characters=skip to leave these lines out",
    ]
    unseen = [character for character in unknown if unicodedata.category(character) in ("Cf", "Cc")]
    if unseen:
        steps.insert(1, f"delete {', '.join(map(quote_character, unseen[:SHOWN]))} from the labels, it shows nothing")
    return "; ".join(steps)


def _decomposed(data_set: SetFindings, samples: list[Sample]) -> str:
    if data_set.rules.unicode_form:
        return f"{_count(data_set, samples)} were brought into {data_set.rules.unicode_form}; nothing needs to be done"
    alphabet = data_set.rules.alphabet
    cured = sum(set(unicodedata.normalize("NFC", sample.entry.label)) <= alphabet for sample in samples)
    return (
        f"{cured} of these {len(samples)} texts are in the dictionary in composed form (NFC);"
        " set Global.unicode_form=NFC"
    )


def _missing_image(data_set: SetFindings, samples: list[Sample]) -> str:
    folder, sample = data_set.rules.data_dir, samples[0]
    name = next((name for name in sample.entry.images if not os.path.isfile(folder / name)), sample.entry.images[0])
    key = f"{data_set.mode}.dataset.data_dir"
    other = _find_elsewhere(folder, name, sample.entry.file.parent, key)
    return (
        f"{_count(data_set, samples)} name an image that is not there, the first is {os.path.abspath(folder / name)};"
        f" {other or f'set {key} to the folder that the names start from'}"
    )


def _find_elsewhere(folder: Path, name: str, label_folder: Path, key: str) -> str | None:
    """Where an image lies that is not where it was looked for: in another folder, or under a similar name."""
    parts = Path(name).parts
    for base in (label_folder, folder.parent, Path()):
        if os.path.isfile(base / name):
            return f"there is {base / name}: set {key}={base}"
    for base in (folder, label_folder):
        for start in range(1, len(parts)):
            shorter = Path(*parts[start:])
            if os.path.isfile(base / shorter):
                return f"there is {base / shorter}: names begin with {Path(*parts[:start])} too much for {key}={base}"
    if "\\" in name and os.path.isfile(folder / name.replace("\\", "/")):
        return "write / in place of \\ in the label file"
    if name != name.strip() and os.path.isfile(folder / name.strip()):
        return f"take the spaces around {name!r} out of the label file"
    beside = folder / Path(name).parent
    try:
        names = os.listdir(beside)
    except (OSError, ValueError):
        return None
    same_stem = [other for other in names if Path(other).stem.lower() == Path(name).stem.lower()]
    near = same_stem or difflib.get_close_matches(Path(name).name, names, n=1, cutoff=0.8)
    return f"there is {beside / near[0]}" if near else None


def _huge_image(data_set: SetFindings, samples: list[Sample]) -> str:
    limit = data_set.rules.most_pixels
    return (
        f"{_count(data_set, samples)} name a picture of more than {limit:,} pixels ({3 * limit / 1e9:.1f} GB decoded);"
        " make the pictures smaller, or raise Global.max_image_pixels"
    )


def _not_json(data_set: SetFindings, samples: list[Sample]) -> str:
    plain = sum(not sample.entry.label.lstrip().startswith(("[", "{")) for sample in samples)
    if plain == len(samples):
        return (
            f"{_count(data_set, samples)} are plain texts, as a recognizer's labels (rec_gt.txt) are; a detector takes"
            " PPOCRLabel's Label.txt"
        )
    return f"{_count(data_set, samples)} are no JSON: {_why_not_json(samples[0].entry.label)}; export them again"


def _why_not_json(label: str) -> str:
    try:
        json.loads(label)
    except (ValueError, RecursionError) as error:
        return f"the first says {error}" if isinstance(error, ValueError) else "the first is nested too deep"
    return "the first is broken"


def _unknown_class(data_set: SetFindings, samples: list[Sample]) -> str:
    found = sorted({sample.entry.label for sample in samples})
    names = ", ".join(map(repr, found[:SHOWN])) + (f" and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
    return f"{_count(data_set, samples)} have the label {names}; label_list is {list(data_set.rules.classes)}"


def _count(data_set: SetFindings, samples: list[Sample]) -> str:
    return f"{len(samples)} of {len(data_set.samples)} lines"


ADVICE: dict[str, Callable[[SetFindings, list[Sample]], str]] = {
    "long-label": _long_label,
    "few-frames": _few_frames,
    "unknown-character": _unknown_character,
    "decomposed": _decomposed,
    "missing-image": _missing_image,
    "huge-image": _huge_image,
    "not-json": _not_json,
    "unknown-class": _unknown_class,
}
