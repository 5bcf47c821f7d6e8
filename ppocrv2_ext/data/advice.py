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
from .reasons import REASONS

WIDTH_STEP = 32  # pixels; widths of inputs are multiples of it
PIXELS_PER_FRAME = 4
SHOWN = 5  # characters named in one sentence


def advise(data_set: SetFindings, reason: str) -> str:
    """A sentence without its full stop: how many samples break a rule, by how much, and the next step."""
    samples = [sample for sample in data_set.samples if reason in sample.check.reasons]
    return ADVICE[reason](data_set, samples) if reason in ADVICE else REASONS[reason].advice


def _long_label(data_set: SetFindings, samples: list[Sample]) -> str:
    rules, longest = data_set.rules, max(sample.check.text_length for sample in samples)
    most = (rules.longest or 0) - rules.fewer
    reserve = f" ({rules.fewer} more than that, which its encoder keeps for itself)" if rules.fewer else ""
    return (
        f"{_share(data_set, samples)} are longer than {most}; the longest has {longest},"
        f" set Global.max_text_length={longest + rules.fewer}{reserve}"
    )


def _few_frames(data_set: SetFindings, samples: list[Sample]) -> str:
    rules, needed = data_set.rules, max(sample.check.frames for sample in samples)
    width = WIDTH_STEP * math.ceil(PIXELS_PER_FRAME * needed / WIDTH_STEP)
    return (
        f"{_share(data_set, samples)} need more than {rules.frames} frames; the longest needs {needed}, make the width"
        f" of {rules.resize}.image_shape {width}"
    )


def _unknown_character(data_set: SetFindings, samples: list[Sample]) -> str:
    unknown, file = data_set.unknown_characters, data_set.rules.dictionary or "the dictionary"
    if set(unknown) == {" "} and not data_set.rules.space:
        return f"{_share(data_set, samples)} have a space; set Global.use_space_char=true"
    if is_one_row(data_set.rules.alphabet):
        return f"{file} has all its characters on one line; put each on its own line"
    listed = list_unknown_characters(data_set, SHOWN)
    steps = [
        f"{_share(data_set, samples)} have {len(unknown)} characters that {file} lacks, such as {listed}",
        "add them to a copy of it and name that in Global.character_dict_path",
        "or set Global.unknown_characters=skip to leave these lines out",
    ]
    unseen = [character for character in unknown if unicodedata.category(character) in ("Cf", "Cc")]
    if unseen:
        steps.insert(1, f"delete {', '.join(map(quote_character, unseen[:SHOWN]))} from the labels, it shows nothing")
    return "; ".join(steps)


def _no_known_character(data_set: SetFindings, samples: list[Sample]) -> str:
    if is_one_row(data_set.rules.alphabet):
        return f"{data_set.rules.dictionary} has all its characters on one line; put each on its own line"
    return REASONS["no-known-character"].advice


def _decomposed(data_set: SetFindings, samples: list[Sample]) -> str:
    if data_set.rules.unicode_form:
        return f"{_share(data_set, samples)} were brought into {data_set.rules.unicode_form}; nothing needs to be done"
    alphabet = data_set.rules.alphabet
    cured = sum(set(unicodedata.normalize("NFC", sample.entry.label)) <= alphabet for sample in samples)
    return (
        f"{cured} of these {len(samples)} texts are in the dictionary in composed form (NFC);"
        " set Global.unicode_form=NFC"
    )


def _missing_image(data_set: SetFindings, samples: list[Sample]) -> str:
    folder, sample = data_set.rules.data_dir, samples[0]
    name = next((name for name in sample.entry.images if not _is_file(folder / name)), sample.entry.images[0])
    looked = (
        f"{_share(data_set, samples)} name an image that is not there, the first is {os.path.abspath(folder / name)}"
    )
    key = f"{data_set.mode}.dataset.data_dir"
    other = _find_elsewhere(folder, name, sample.entry.file.parent, key)
    return f"{looked}; {other}" if other else f"{looked}; set {key} to the folder that the names start from"


def _find_elsewhere(folder: Path, name: str, label_folder: Path, key: str) -> str | None:
    """Where an image lies that is not where it was looked for: in another folder, or under a similar name."""
    if "\0" in name:
        return None
    parts = Path(name).parts
    for base in (label_folder, folder.parent, Path()):
        if _is_file(base / name):
            return f"there is {base / name}: set {key}={base}"
    for base in (folder, label_folder):
        for start in range(1, len(parts)):
            shorter = Path(*parts[start:])
            if _is_file(base / shorter):
                return f"there is {base / shorter}: names begin with {Path(*parts[:start])} too much for {key}={base}"
    if "\\" in name and _is_file(folder / name.replace("\\", "/")):
        return "write / in place of \\ in the label file"
    if name != name.strip() and _is_file(folder / name.strip()):
        return f"take the spaces around {name!r} out of the label file"
    beside = folder / Path(name).parent
    try:
        names = os.listdir(beside)
    except (OSError, ValueError):
        return None
    same_stem = [other for other in names if Path(other).stem.lower() == Path(name).stem.lower()]
    near = same_stem or difflib.get_close_matches(Path(name).name, names, n=1, cutoff=0.8)
    return f"there is {beside / near[0]}" if near else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _huge_image(data_set: SetFindings, samples: list[Sample]) -> str:
    limit = data_set.rules.most_pixels
    return (
        f"{_share(data_set, samples)} name a picture of more than {limit:,} pixels ({3 * limit / 1e9:.1f} GB decoded);"
        " make the pictures smaller, or raise Global.max_image_pixels"
    )


def _not_json(data_set: SetFindings, samples: list[Sample]) -> str:
    plain = sum(not sample.entry.label.lstrip().startswith(("[", "{")) for sample in samples)
    if plain == len(samples):
        return (
            f"{_share(data_set, samples)} are plain texts, as a recognizer's labels (rec_gt.txt) are; a detector takes"
            " PPOCRLabel's Label.txt"
        )
    return f"{_share(data_set, samples)} are no JSON: {_why_not_json(samples[0].entry.label)}; export them again"


def _why_not_json(label: str) -> str:
    try:
        json.loads(label)
    except (ValueError, RecursionError) as error:
        return f"the first says {error}" if isinstance(error, ValueError) else "the first is nested too deep"
    return "the first is broken"


def _unknown_class(data_set: SetFindings, samples: list[Sample]) -> str:
    found = sorted({sample.entry.label for sample in samples})
    names = ", ".join(map(repr, found[:5])) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return f"{_share(data_set, samples)} have the label {names}; label_list is {list(data_set.rules.classes)}"


def _share(data_set: SetFindings, samples: list[Sample]) -> str:
    return f"{len(samples)} of {len(data_set.samples)} lines"


ADVICE: dict[str, Callable[[SetFindings, list[Sample]], str]] = {
    "long-label": _long_label,
    "few-frames": _few_frames,
    "unknown-character": _unknown_character,
    "no-known-character": _no_known_character,
    "decomposed": _decomposed,
    "missing-image": _missing_image,
    "huge-image": _huge_image,
    "not-json": _not_json,
    "unknown-class": _unknown_class,
}
