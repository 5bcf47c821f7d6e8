"""What can be wrong with a sample, and what is then done: one row a reason.

The functions that judge (:mod:`.labels`, :mod:`.images`) only name reasons; what a reason leads to is looked up here.
"""

from typing import NamedTuple

KEPT = "kept"
MENDED = "mended"
CHARACTER = "character left out"
IGNORED = "box ignored"  # its text becomes "###", so that it is neither text nor background
BOX = "box left out"
LINE = "line left out"
FAIL = "stops"
DROPS = frozenset({CHARACTER, IGNORED, BOX, LINE, FAIL})  # something of the data is lost
UNUSABLE = frozenset({LINE, FAIL})  # the line is not handed on
REWRITES = frozenset({MENDED, IGNORED, BOX, LINE, FAIL})  # PaddleOCR is to get another label file

UNKNOWN_CHARACTERS = {"fail": FAIL, "skip": LINE, "drop-character": CHARACTER}  # `Global.unknown_characters`


class Reason(NamedTuple):
    """A rule, as a sentence about what a sample must be or what becomes of it, and what breaking it leads to."""

    rule: str
    effect: str


REASONS = {
    # the line
    "not-utf8": Reason("a label file must be UTF-8 text", LINE),
    "no-tab": Reason("a line must be `image<TAB>label`", LINE),
    "byte-order-mark": Reason("the mark at the start of the file would be part of the first image's name", MENDED),
    "windows-line-end": Reason("the carriage return would be part of the label", MENDED),
    "blank-line": Reason("a blank line is no sample", MENDED),
    "more-columns": Reason("nothing reads what follows a second tab", KEPT),
    # the image
    "missing-image": Reason("the image must be a file in data_dir that can be read", LINE),
    "empty-image": Reason("the image file must not be empty", LINE),
    "broken-image": Reason("the image must decode, from its first line to its last", LINE),
    "remote-image": Reason("an image at an address is not looked at", KEPT),
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
        "a scene over 50 times as long as wide takes any memory once its short side is enlarged", LINE
    ),
    # recognition
    "empty-label": Reason("the text must not be empty", LINE),
    "long-label": Reason("the text must not be longer than Global.max_text_length", LINE),
    "unknown-character": Reason("every character must be in the dictionary", CHARACTER),
    "no-known-character": Reason("at least one character must be in the dictionary", LINE),
    "few-frames": Reason("CTC needs a frame a character and one between equal neighbours; a frame is 4 pixels", LINE),
    # classification
    "unknown-class": Reason("the label must be in label_list, whose entries are text: '0', not 0", LINE),
}


def effects(mode, unknown_characters="drop-character"):
    """{reason: effect} for a set.

    Args:
        mode: "Train" or "Eval". Nothing is learnt from a text with too few frames, nor from a picture too small for
            any, which a random scale may even shrink to nothing; both are fair questions.
        unknown_characters: a key of :data:`UNKNOWN_CHARACTERS`.
    """
    found = {name: reason.effect for name, reason in REASONS.items()}
    found["unknown-character"] = UNKNOWN_CHARACTERS[unknown_characters]
    if mode == "Eval":
        found.update(dict.fromkeys(("few-frames", "tiny-image"), KEPT))
    return found
