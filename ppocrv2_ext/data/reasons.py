"""What can be wrong with a sample, and what is then done: a table with a row for each reason.

The functions in :mod:`.labels` and :mod:`.images` return only the names of reasons. What follows from a reason is
looked up here.
"""

from __future__ import annotations

from typing import NamedTuple

# What is done, as a report says it.
KEPT = "kept"
MENDED = "mended"
CHARACTER = "character left out"
IGNORED = "box ignored"  # its text becomes "###": the loss then counts the box neither as text nor as background
BOX = "box left out"
LINE = "line left out"
FAIL = "stops"
DROPS = frozenset({CHARACTER, IGNORED, BOX, LINE, FAIL})  # part of the data is lost
UNUSABLE = frozenset({LINE, FAIL})  # the whole line is lost
REWRITES = frozenset({MENDED, IGNORED, BOX, LINE, FAIL})  # PaddleOCR has to read another label file

UNKNOWN_CHARACTERS = {"fail": FAIL, "skip": LINE, "drop-character": CHARACTER}  # `Global.unknown_characters`


class Reason(NamedTuple):
    """A rule, and what is done with a sample that breaks it."""

    rule: str  # a sentence: what a sample must be, or what happens to it
    effect: str  # one of the constants above


REASONS: dict[str, Reason] = {
    # the line
    "not-utf8": Reason("a label file must be UTF-8 text", LINE),
    "no-tab": Reason("a line must be `image<TAB>label`", LINE),
    "byte-order-mark": Reason("the mark at the start of the file would be part of the first image's name", MENDED),
    "windows-line-end": Reason("the carriage return would be part of the label", MENDED),
    "blank-line": Reason("a blank line is no sample", MENDED),
    "more-columns": Reason("what follows a second tab is not read", KEPT),
    # the image
    "missing-image": Reason("the image must be a file in data_dir that can be read", LINE),
    "empty-image": Reason("the image file must not be empty", LINE),
    "broken-image": Reason("the image must decode, from its first line to its last", LINE),
    "remote-image": Reason("an image at a web address is not checked", KEPT),
    "grey-image": Reason("a grey image is read as three equal channels", KEPT),
    "transparent-image": Reason("transparency is dropped; the colours below it show", KEPT),
    "16-bit-image": Reason("16 bits per channel are cut to 8", KEPT),
    "tiny-image": Reason("an image of less than 4 pixels on a side shows no text", LINE),
    # detection
    "not-json": Reason("a detection label must be JSON", LINE),
    "not-objects": Reason('a detection label must be a list of {"transcription", "points"}', LINE),
    "few-points": Reason("points must be three or more [x, y] pairs", BOX),
    "not-finite": Reason("coordinates must be numbers within a million", BOX),
    "zero-area": Reason("a polygon must cover at least one pixel", BOX),
    "outside": Reason("a polygon must lie in its picture", BOX),
    "partly-outside": Reason("a polygon must not reach more than 5 pixels out of its picture", IGNORED),
    "crossing": Reason("the outline of a polygon must not cross itself", IGNORED),
    "no-text": Reason("PaddleOCR cannot use a picture without any box", LINE),
    "all-ignored": Reason("all text of the picture is ignored (### or *)", KEPT),
    "strip-image": Reason(
        "a scene must not be over 50 times as long as wide: enlarging its short side would fill the memory", LINE
    ),
    # recognition
    "empty-label": Reason("the text must not be empty", LINE),
    "long-label": Reason("the text must not be longer than Global.max_text_length", LINE),
    "unknown-character": Reason("every character must be in the dictionary", CHARACTER),
    "no-known-character": Reason("at least one character must be in the dictionary", LINE),
    "few-frames": Reason("CTC needs a frame of 4 pixels for each character, and one between equal neighbours", LINE),
    # classification
    "unknown-class": Reason("the label must be in label_list, whose entries must be text: '0', not 0", LINE),
}


# A recognizer cannot learn a text that needs more frames than it has, and a detector cannot learn from a picture too
# small for text, which a random scale may even shrink to nothing. An evaluation still counts both: what is not read
# there is an error of the model.
KEPT_IN_EVALUATION = ("few-frames", "tiny-image")


def list_effects(mode: str, unknown_characters: str = "drop-character") -> dict[str, str]:
    """{reason: effect} for one data set.

    Args:
        mode: "Train" or "Eval".
        unknown_characters: what is done with a character that the dictionary lacks, a key of
            :data:`UNKNOWN_CHARACTERS`.
    """
    effects = {name: reason.effect for name, reason in REASONS.items()}
    effects["unknown-character"] = UNKNOWN_CHARACTERS[unknown_characters]
    if mode == "Eval":
        effects.update(dict.fromkeys(KEPT_IN_EVALUATION, KEPT))
    return effects
