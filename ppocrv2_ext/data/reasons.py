"""What can be wrong with a sample, and what is then done: a table with a row for each reason.

The functions in :mod:`.labels` and :mod:`.images` return only the names of reasons. What follows from a reason is
looked up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# What is done, as a report says it.
KEPT = "kept"
DOUBTFUL = "kept, doubtful"
MENDED = "mended"
CHARACTER = "character left out"
IGNORED = "box ignored"  # its text becomes "###": the loss then counts the box neither as text nor as background
BOX = "box left out"
LINE = "line left out"
FAIL = "stops"
DROPS = frozenset({CHARACTER, IGNORED, BOX, LINE, FAIL})  # part of the data is lost
UNUSABLE = frozenset({LINE, FAIL})  # the whole line is lost
REWRITES = frozenset({MENDED, IGNORED, BOX, LINE, FAIL})  # PaddleOCR has to read another label file

# Settings of `Global` that choose what is done: {setting: (reason, {value: effect})}. The first value is the default.
CHOICES: dict[str, tuple[str, dict[str, str]]] = {
    "unknown_characters": ("unknown-character", {"drop-character": CHARACTER, "skip": LINE, "fail": FAIL}),
    "outside_images": ("outside-image", {"warn": DOUBTFUL, "allow": KEPT, "skip": LINE}),
    "difficult_boxes": ("difficult-box", {"keep": KEPT, "ignore": IGNORED}),
    "unicode_form": ("decomposed", {"as-written": KEPT, "NFC": MENDED, "NFKC": MENDED}),
}
NOTHING_TO_DO = "nothing needs to be done"


class Reason(NamedTuple):
    """A rule, what is done with a sample that breaks it, and what its user can do."""

    rule: str  # a sentence: what a sample must be, or what happens to it
    effect: str  # one of the constants above
    advice: str = ""  # the next step; module ``advice`` replaces those that depend on what was found


REASONS: dict[str, Reason] = {
    # the label file and its lines
    "not-utf8": Reason(
        "a label file must be UTF-8 text",
        LINE,
        "save the file as UTF-8, such as by `iconv -f GB18030 -t UTF-8 OLD > NEW` if it is in Chinese",
    ),
    "utf-16-file": Reason("a label file must be UTF-8 text, and this one is UTF-16", MENDED, "save the file as UTF-8"),
    "byte-order-mark": Reason(
        "the mark at the start of the file would be part of the first image's name",
        MENDED,
        "save the file as UTF-8 without a byte-order mark",
    ),
    "no-tab": Reason("a line must be `image<TAB>label`", LINE),
    "no-size": Reason(
        "with ds_width, a line must be `image<TAB>label<TAB>width<TAB>height`",
        LINE,
        "add the width and the height of the image in pixels, or set ds_width to false",
    ),
    "windows-line-end": Reason(
        "the carriage return would be part of the label", MENDED, "save the file with line ends of Unix (dos2unix)"
    ),
    "blank-line": Reason("a blank line is no sample", MENDED, NOTHING_TO_DO),
    "more-columns": Reason(
        "what follows a second tab is not read", KEPT, "take the tab out if it is a part of the label"
    ),
    # the image
    "missing-image": Reason("the image must be a file in data_dir that can be read", LINE),
    "not-a-file": Reason(
        "the image must be a file, not a folder, a pipe or a device", LINE, "name the image file in the label file"
    ),
    "outside-image": Reason(
        "the image lies outside data_dir",
        DOUBTFUL,
        "set data_dir to a folder above all images, or set Global.outside_images=allow if this is meant",
    ),
    "empty-image": Reason("the image file must not be empty", LINE, "copy the file again; it has 0 bytes"),
    "broken-image": Reason(
        "the image must decode, from its first line to its last", LINE, "copy or export the file again"
    ),
    "huge-image": Reason("the image must have no more pixels than Global.max_image_pixels", LINE),
    "remote-image": Reason("an image at a web address is not checked", KEPT, "download it to have it checked"),
    "grey-image": Reason("a grey image is read as three equal channels", KEPT, NOTHING_TO_DO),
    "transparent-image": Reason(
        "transparency is dropped; the colours below it show", KEPT, "look at such an image with `ppocrv2 preview`"
    ),
    "16-bit-image": Reason("16 bits per channel are cut to 8", KEPT, "nothing needs to be done if it is bright enough"),
    "tiny-image": Reason(
        "an image of less than 4 pixels on a side shows no text", LINE, "cut the text out of its picture again"
    ),
    # detection
    "not-json": Reason("a detection label must be JSON", LINE),
    "not-objects": Reason(
        'a detection label must be a list of {"transcription", "points"}', LINE, "export the labels from PPOCRLabel"
    ),
    "few-points": Reason("points must be three or more [x, y] pairs", BOX, "draw the box again"),
    "not-finite": Reason("coordinates must be numbers within a million", BOX, "draw the box again"),
    "zero-area": Reason("a polygon must cover at least one pixel", BOX, "draw the box again or delete it"),
    "sliver": Reason(
        "a polygon must be at least one pixel across: PaddleOCR's MakeBorderMap fails on a thinner one",
        IGNORED,
        "draw the box again or delete it",
    ),
    "outside": Reason(
        "a polygon must lie in its picture", BOX, "see if the picture was rotated or scaled after it was labelled"
    ),
    "partly-outside": Reason(
        "a polygon must not reach more than 5 pixels out of its picture",
        IGNORED,
        "see if the picture was rotated or scaled after it was labelled",
    ),
    "crossing": Reason(
        "the outline of a polygon must not cross itself", IGNORED, "list the corners clockwise from the upper left"
    ),
    "fraction-boxes": Reason(
        "coordinates must be pixels, not fractions from 0 to 1",
        LINE,
        "multiply x by the width and y by the height of the picture",
    ),
    "percent-boxes": Reason(
        "coordinates must be pixels; no coordinate of the set is above 100",
        DOUBTFUL,
        "if they are percent, multiply x by the width and y by the height of the picture and divide by 100",
    ),
    "not-a-text": Reason(
        'a transcription must be a text such as "total"', DOUBTFUL, "write the text, or ### if nobody knows it"
    ),
    "difficult-box": Reason(
        'PaddleOCR does not read "difficult": true, the box is trained like any other',
        KEPT,
        "set Global.difficult_boxes=ignore to leave such boxes out of the loss",
    ),
    "no-text": Reason(
        "PaddleOCR cannot use a picture without any box",
        LINE,
        'for a picture without text, label its whole area {"transcription": "###", ...}',
    ),
    "all-ignored": Reason(
        "all text of the picture is ignored (### or *)", KEPT, "nothing needs to be done if that is meant"
    ),
    "strip-image": Reason(
        "a scene must not be over 50 times as long as wide: enlarging its short side would fill the memory",
        LINE,
        "cut the picture into parts",
    ),
    # recognition
    "detection-label": Reason(
        "the label is one of detection (PPOCRLabel's Label.txt), and a recognizer reads texts",
        LINE,
        "cut the lines out with `ppocrv2 crop` and name its labels.txt, or name the rec_gt.txt that PPOCRLabel exports"
        " with the cut-out lines, and its folder",
    ),
    "equal-texts": Reason("the texts of a label file should differ", DOUBTFUL),
    "upright-line": Reason(
        "a line stands upright, over 1.5 times as high as wide: it is squeezed as it stands, where `ocr` turns it",
        KEPT,
        "if the text is written up or down, turn the picture by a quarter, so that it reads from left to right",
    ),
    "empty-label": Reason("the text must not be empty", LINE, "write the text, or delete the line"),
    "outer-space": Reason(
        "a space at an end of the text is learnt like a letter, though nobody sees it in the picture",
        KEPT,
        "take it out of the label",
    ),
    "long-label": Reason("the text must not be longer than Global.max_text_length", LINE),
    "decomposed": Reason("the text has letters and accents apart, which the dictionary has together", KEPT),
    "unknown-character": Reason("every character must be in the dictionary", CHARACTER),
    "no-known-character": Reason(
        "at least one character must be in the dictionary", LINE, "see if the dictionary is that of the language"
    ),
    "few-frames": Reason("CTC needs a frame for each character, and one more between equal neighbours", LINE),
    "narrow-line": Reason(
        "CTC needs a frame for each character, and with ds_width a line is as wide as those of its batch on average",
        DOUBTFUL,
    ),
    # classification
    "unknown-class": Reason("the label must be in label_list, whose entries must be text: '0', not 0", LINE),
    # an LMDB
    "no-entry": Reason(
        "an LMDB must have an image and a label for each number up to num-samples", LINE, "write the LMDB again"
    ),
}


# A recognizer cannot learn a text that needs more frames than it has, and a detector cannot learn from a picture too
# small for text, which a random scale may even shrink to nothing. An evaluation still counts both: what is not read
# there is an error of the model.
KEPT_IN_EVALUATION = ("few-frames", "narrow-line", "tiny-image")


def list_effects(mode: str, settings: Mapping[str, Any] | None = None) -> dict[str, str]:
    """{reason: effect} for one data set.

    Args:
        mode: "Train" or "Eval".
        settings: the section ``Global``, in which the keys of :data:`CHOICES` choose effects.
    """
    effects = {name: reason.effect for name, reason in REASONS.items()}
    for setting, (reason, choices) in CHOICES.items():
        effects[reason] = choices[(settings or {}).get(setting, next(iter(choices)))]
    if mode == "Eval":
        effects.update(dict.fromkeys(KEPT_IN_EVALUATION, KEPT))
    return effects
