"""What to do about a finding, with the value to set where there is one."""

from __future__ import annotations

import difflib
import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import shorten
from .characters import quote_character
from .dictionary import is_one_row, mend_class
from .findings import Sample, SetFindings, list_characters
from .line_frames import suggest_width
from .reasons import DOUBTFUL, NOTHING_TO_DO, REASONS

SHOWN = 5  # characters or classes named in one sentence
SUFFIX = r"\.(?:bmp|gif|jpe?g|png|tiff?|webp)"
# The name of an image, and what stands between it and its label where no tab does.
NAME_WITHOUT_TAB = re.compile(rf'"?[^ ,;|"]+{SUFFIX}"?([ ,;|])("?)', re.IGNORECASE)
ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]")  # how a path begins that starts from no folder
SEPARATORS = {" ": "space", ",": "comma", ";": "semicolon", "|": "bar"}


def advise(data_set: SetFindings, reason: str) -> str:
    """A sentence without its full stop: how many samples break a rule, by how much, and the next step."""
    if reason in ("unknown-character", "no-known-character") and is_one_row(data_set.rules.alphabet):
        return f"{data_set.rules.dictionary} has all its characters on one line; put each on its own line"
    samples = [sample for sample in data_set.samples if reason in sample.check.reasons]
    if reason not in ADVICE:
        return REASONS[reason].advice
    return f"in {len(samples)} of {len(data_set.samples)} lines {ADVICE[reason](data_set, samples)}"


def advise_tabs(lines: Sequence[str]) -> str:
    """How lines without a tab get one: half a sentence, with a command if all have the same sign in its place.

    The first one may be a header, which names no image.
    """
    matches = list(filter(None, map(NAME_WITHOUT_TAB.match, lines)))
    signs = {match[1] for match in matches}
    has_header = not re.search(SUFFIX, lines[0], re.IGNORECASE)
    if len(signs) != 1 or len(matches) < len(lines) - has_header:
        return "put a tab between the image and its label"
    (sign,) = signs
    command = f"sed '/\\t/! s/{sign} */\\t/' OLD > NEW"
    if any(match[2] for match in matches):  # quotes around what may have the sign in it
        dialect = f"csv.reader(sys.stdin, delimiter='{sign}')"
        command = f"""python -c "import csv, sys; [print(*row, sep='\\t') for row in {dialect}]" < OLD > NEW"""
    return f"write a tab in place of the first {SEPARATORS[sign]} of each line, such as by `{command}`"


def _no_tab(data_set: SetFindings, samples: list[Sample]) -> str:
    return f"there is no tab; {advise_tabs([sample.entry.text for sample in samples])}"


def _long_label(data_set: SetFindings, samples: list[Sample]) -> str:
    rules, longest = data_set.rules, max(sample.check.text_length for sample in samples)
    most = (rules.longest or 0) - rules.reserve
    reason = f" ({rules.reserve} more than that, which its encoder keeps for itself)" if rules.reserve else ""
    return (
        f"the text is longer than {most}, up to {longest} characters;"
        f" set Global.max_text_length={longest + rules.reserve}{reason}"
    )


def _few_frames(data_set: SetFindings, samples: list[Sample]) -> str:
    frames, longest = data_set.rules.frames, max(samples, key=lambda sample: sample.check.frames)
    if frames is None:  # of no network
        return REASONS["few-frames"].rule
    needed, is_doubtful = longest.check.frames, data_set.effects["few-frames"] == DOUBTFUL
    unread = ", and CTC learns nothing of it" if is_doubtful else ""
    return (
        f"the text needs more than the {frames.number} frames that {frames.backbone} makes of {frames.width} pixels,"
        f" up to {needed} for {shorten(longest.check.label)}{unread}; {suggest_width(frames, needed)}"
    )


def _narrow_line(data_set: SetFindings, samples: list[Sample]) -> str:
    longest = max(samples, key=lambda sample: sample.check.frames)
    return (
        f"the text needs more frames than the network makes of a line as wide as its batch, up to"
        f" {longest.check.frames} for {shorten(longest.check.label)}, and CTC learns nothing of it; leave these lines"
        f" out, or set {data_set.mode}.dataset.ds_width=false"
    )


def _unknown_character(data_set: SetFindings, samples: list[Sample]) -> str:
    rules, file = data_set.rules, data_set.rules.dictionary
    lacking = _count_lacking(samples, rules.alphabet)
    wants_space = file and not rules.space and lacking.pop(" ", 0) > 0
    steps = ["there is a space; set Global.use_space_char=true"] if wants_space else []
    if _can_be_mended(data_set, samples):
        steps.append(f"there are characters whose lines in {file} are to be mended first, as `check` says of it")
    if lacking:
        listed = list_characters(lacking, SHOWN)
        steps += [
            f"there are characters that {file} lacks: {listed}"
            if file
            else f"without a dictionary PaddleOCR reads digits and Latin letters alone, and there are {listed}",
            "add them to a copy of it and name that in Global.character_dict_path"
            if file
            else "write a dictionary, one character a line, and name it in Global.character_dict_path",
            "or set Global.unknown_characters=skip to leave these lines out",
        ]
    unseen = [character for character in lacking if unicodedata.category(character) in ("Cf", "Cc")]
    if unseen:
        steps.insert(-2, f"delete {', '.join(map(quote_character, unseen[:SHOWN]))} from the labels, it shows nothing")
    return "; ".join(steps or ["letters and accents are apart; set Global.unicode_form=NFC"])


def _count_lacking(samples: list[Sample], alphabet: frozenset[str]) -> dict[str, int]:
    """How often each character occurs that the dictionary lacks when its lines are mended and the texts composed."""
    mended = frozenset(map(mend_class, alphabet))

    def lacking(text: str) -> list[str]:
        return [character for character in text if character not in mended]

    counts: Counter[str] = Counter()
    for label in (sample.check.label for sample in samples):
        as_written, composed = lacking(label), lacking(unicodedata.normalize("NFC", label))
        counts.update(composed if len(composed) < len(as_written) else as_written)
    return dict(counts.most_common())


def _can_be_mended(data_set: SetFindings, samples: list[Sample]) -> bool:
    """Whether mended lines of the dictionary have characters of these texts that it lacks as it is."""
    alphabet = data_set.rules.alphabet
    mended = frozenset(map(mend_class, alphabet)) - alphabet
    return any(not mended.isdisjoint(unicodedata.normalize("NFC", sample.check.label)) for sample in samples)


def _no_known_character(data_set: SetFindings, samples: list[Sample]) -> str:
    if _can_be_mended(data_set, samples):
        return f"no character is in {data_set.rules.dictionary}; mend its lines first, as `check` says of it"
    return f"no character is in the dictionary; {REASONS['no-known-character'].advice}"


def _equal_texts(data_set: SetFindings, samples: list[Sample]) -> str:
    text, file = samples[0].check.label, samples[0].entry.file
    if text in ("0", "1") and all(ABSOLUTE.match(sample.entry.name or "") for sample in samples):
        return (
            f"the text is {text!r}: {file} looks like PPOCRLabel's fileState.txt, a list of pictures that are done;"
            " name the rec_gt.txt that PPOCRLabel exports"
        )
    return f"the text is {shorten(text)}; see if {file} has texts, not classes or states"


def _decomposed(data_set: SetFindings, samples: list[Sample]) -> str:
    if data_set.rules.unicode_form:
        return f"the text was brought into {data_set.rules.unicode_form}; {NOTHING_TO_DO}"
    alphabet = data_set.rules.alphabet
    known = sum(set(unicodedata.normalize("NFC", sample.entry.label)) <= alphabet for sample in samples)
    return (
        f"letters and accents are apart, the dictionary has {known} in composed form (NFC); set Global.unicode_form=NFC"
    )


def _missing_image(data_set: SetFindings, samples: list[Sample]) -> str:
    folder, sample = data_set.rules.data_dir, samples[0]
    name = next((name for name in sample.entry.images if not os.path.isfile(folder / name)), sample.entry.images[0])
    key = f"{data_set.mode}.dataset.data_dir"
    other = _find_elsewhere(folder, name, sample.entry.file.parent, key)
    return (
        f"the image is not there, the first missing one is {os.path.abspath(folder / name)};"
        f" {other or f'set {key} to the folder that the names start from'}"
    )


def _find_elsewhere(folder: Path, name: str, label_folder: Path, key: str) -> str | None:
    """The place of an image that is not where it was looked for: in another folder, or under a similar name."""
    parts = Path(name).parts
    for base in (label_folder, folder.parent, Path()):
        if os.path.isfile(base / name):
            return f"there is {base / name}: set {key}={base}"
    for base in (folder, label_folder):
        for start in range(1, len(parts)):
            shorter = Path(*parts[start:])
            if os.path.isfile(base / shorter):
                front = Path(*parts[:start])
                return f"there is {base / shorter}: take {front} off the front of the names for {key}={base}"
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
        f"the picture has more than {limit:,} pixels ({3 * limit / 1e9:.1f} GB decoded);"
        " make it smaller, or raise Global.max_image_pixels"
    )


def _not_json(data_set: SetFindings, samples: list[Sample]) -> str:
    plain = sum(not sample.entry.label.lstrip().startswith(("[", "{")) for sample in samples)
    if plain == len(samples):
        return "the label is plain text, as a recognizer's (rec_gt.txt) is; a detector takes PPOCRLabel's Label.txt"
    return f"the label is not JSON: {_why_not_json(samples[0].entry.label)}; export it again"


def _why_not_json(label: str) -> str:
    try:
        json.loads(label)
    except (ValueError, RecursionError) as error:
        return f"the first says {error}" if isinstance(error, ValueError) else "the first is nested too deep"
    return "the first is broken"


def _unknown_class(data_set: SetFindings, samples: list[Sample]) -> str:
    found = sorted({sample.entry.label for sample in samples})
    names = " or ".join(map(repr, found[:SHOWN])) + (f" or {len(found) - SHOWN} others" if len(found) > SHOWN else "")
    return f"the label is {names}; label_list is {list(data_set.rules.classes)}"


# {reason: the rest of a sentence that begins with "in N of M lines"}
ADVICE: dict[str, Callable[[SetFindings, list[Sample]], str]] = {
    "no-tab": _no_tab,
    "long-label": _long_label,
    "few-frames": _few_frames,
    "narrow-line": _narrow_line,
    "unknown-character": _unknown_character,
    "no-known-character": _no_known_character,
    "equal-texts": _equal_texts,
    "decomposed": _decomposed,
    "missing-image": _missing_image,
    "huge-image": _huge_image,
    "not-json": _not_json,
    "unknown-class": _unknown_class,
}
