"""The transforms of a data set: as a config lists them, and what each of them is.

A new transform of this package needs an entry in STANDS_FOR or in ROLES. What a check asks of a transform is one of its
roles, and no list of names.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import chain
from typing import Any

# What a transform of this package does the work of, of PaddleOCR's or ours, one after the other. It has their arguments
# and their roles.
STANDS_FOR = {
    "TextLineAugment": ("RecAug",),
    "TextLineResize": ("RecResizeImg",),
    "TextLineEncode": ("CTCLabelEncode",),
    "RandomSceneCrop": ("IaaAugment", "EastRandomCropData"),
    "RandomSceneWindow": ("IaaAugment", "RandomTextWindow"),
    "TextBorderMap": ("MakeBorderMap",),
    "TextShrinkMap": ("MakeShrinkMap",),
    "NormalizeToCHW": ("NormalizeImage", "ToCHWImage"),
}
SUBSTITUTES = {  # the other way round: what may stand in a config in place of a transform, so that `-o` finds it
    theirs: tuple(ours for ours, work in STANDS_FOR.items() if theirs in work) for theirs in chain(*STANDS_FOR.values())
}
DIRECTIONS = ("0", "180")  # degrees: the classes of the transforms that set one, and of an exported classifier


class Role(Enum):
    """Something that a transform takes or does."""

    DECODES = "makes pixels of a file"
    TAKES_PICTURE = "takes a picture of (H, W, 3)"
    TAKES_PIXELS = "takes the pixels as they were read"
    NORMALISES = "makes the numbers of pixels that a network takes"
    PUTS_CHANNELS_FIRST = "makes (C, H, W)"
    ENCODES_LABEL = "makes of a label what a loss takes"
    DRAWS = "makes another sample each time"
    # of lines
    SETS_CLASS = "turns the picture or not, and sets the label that says so"
    AUGMENTS_LINE = "changes a picture, and its text stays"
    JOINS_LINES = "puts pictures and their texts together"
    RESIZES_LINE = "makes lines of one height, with the three channels of the picture"
    # of scenes
    MAKES_OUTLINES = "says where text is"
    READS_OUTLINES = "reads where text is"
    MOVES_TEXT = "moves text, or adds some"
    CROPS = "makes pictures of `size`"
    MAKES_MAPS = "makes maps of where text is"
    NOTES_FRAME = "says where in its window the picture ends"
    RESIZES_SCENE = "resizes a picture and leaves the outlines of its text"


PIXELS = {Role.TAKES_PICTURE, Role.TAKES_PIXELS}
LINE = {*PIXELS, Role.NORMALISES, Role.PUTS_CHANNELS_FIRST}
DRAWN_LINE = {*PIXELS, Role.AUGMENTS_LINE, Role.DRAWS}
SCENE = {*PIXELS, Role.READS_OUTLINES}
DRAWN_SCENE = {*SCENE, Role.MOVES_TEXT, Role.DRAWS}
MAP = {Role.TAKES_PICTURE, Role.READS_OUTLINES, Role.MAKES_MAPS}

# {transform: its roles}. A transform that STANDS_FOR others has theirs too. What ends in LabelEncode encodes labels.
ROLES: dict[str, set[Role]] = {
    "DecodeImage": {Role.DECODES},
    "NormalizeImage": {Role.NORMALISES},
    "ToCHWImage": {Role.TAKES_PICTURE, Role.PUTS_CHANNELS_FIRST},
    "ColorJitter": {*PIXELS, Role.DRAWS},
    # lines
    "RandomHalfTurn": {*PIXELS, Role.SETS_CLASS, Role.DRAWS},
    "HalfTurnByName": {Role.TAKES_PICTURE, Role.SETS_CLASS},
    "RandomSpan": {*PIXELS, Role.DRAWS},
    "RecConAug": {*PIXELS, Role.JOINS_LINES, Role.DRAWS},
    "RecAug": DRAWN_LINE,
    "BaseDataAugmentation": DRAWN_LINE,
    "RandAugment": DRAWN_LINE,
    "ABINetRecAug": DRAWN_LINE,
    "ParseQRecAug": DRAWN_LINE,
    "SVTRRecAug": DRAWN_LINE,
    "RecResizeImg": {*LINE, Role.RESIZES_LINE},
    "ClsResizeImg": {*LINE, Role.RESIZES_LINE},
    "SVTRRecResizeImg": {*LINE, Role.RESIZES_LINE},
    # those of other recognizers of PaddleOCR, which make pictures of other channels, or several of a line
    "ABINetRecResizeImg": LINE,
    "GrayRecResizeImg": LINE,
    "PRENResizeImg": LINE,
    "RFLRecResizeImg": LINE,
    "RobustScannerRecResizeImg": LINE,
    "SARRecResizeImg": LINE,
    "SPINRecResizeImg": LINE,
    "SRNRecResizeImg": LINE,
    "VLRecResizeImg": LINE,
    # scenes
    "DetLabelEncode": {Role.MAKES_OUTLINES},
    "CopyPaste": DRAWN_SCENE,
    "TextCopyPaste": DRAWN_SCENE,
    "IaaAugment": DRAWN_SCENE,
    "RandomPerspective": DRAWN_SCENE,
    "RandomCrop": {*DRAWN_SCENE, Role.CROPS},
    "EastRandomCropData": {*DRAWN_SCENE, Role.CROPS},
    "RandomTextWindow": {*SCENE, Role.CROPS, Role.DRAWS},  # cuts the maps too
    "RandomSceneWindow": {Role.NOTES_FRAME},
    "KeepVisibleText": {Role.TAKES_PICTURE, Role.READS_OUTLINES},
    "MakeBorderMap": MAP,
    "MakeShrinkMap": MAP,
    "DetResizeForTest": {Role.TAKES_PICTURE, Role.RESIZES_SCENE},
    # those of PaddleOCR's other networks
    "DRRGTargets": {Role.DRAWS},
    "EASTProcessTrain": {Role.DRAWS},
    "GroupRandomCropPadding": {Role.DRAWS},
    "GroupRandomHorizontalFlip": {Role.DRAWS},
    "GroupRandomRotate": {Role.DRAWS},
    "LatexTrainTransform": {Role.DRAWS},
    "PGProcessTrain": {Role.DRAWS},
    "RandomCropFlip": {Role.DRAWS},
    "RandomCropImgMask": {Role.DRAWS},
    "RandomCropPolyInstances": {Role.DRAWS},
    "RandomRotatePolyInstances": {Role.DRAWS},
    "RandomScale": {Role.DRAWS},
    "RandomScaling": {Role.DRAWS},
    "SASTProcessTrain": {Role.DRAWS},
    "SquareResizePad": {Role.DRAWS},
    "UniMERNetTrainTransform": {Role.DRAWS},
}


def list_transforms(dataset: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(name, arguments) of each transform of a ``dataset`` section, in order."""
    return [(name, given or {}) for entry in dataset.get("transforms") or () for name, given in entry.items()]


def list_originals(name: str) -> tuple[str, ...]:
    """The transforms that a transform stands for; itself if there are none."""
    return STANDS_FOR.get(name, (name,))


def plays(name: str) -> frozenset[Role]:
    """The roles of a transform; none if nothing is known of it."""
    originals = list_originals(name)
    encodes = {Role.ENCODES_LABEL} if originals[0].endswith("LabelEncode") else set()
    return frozenset(encodes.union(*(ROLES.get(each, ()) for each in {name, *originals})))


def list_players(role: Role) -> list[str]:
    """The transforms of ROLES that play a role."""
    return [name for name, roles in ROLES.items() if role in roles]


def prepares_labels(name: str) -> bool:
    """Whether a transform prepares labels or test samples, so that reading does without it."""
    return bool(plays(name) & {Role.ENCODES_LABEL, Role.SETS_CLASS})
