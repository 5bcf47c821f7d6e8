"""Which check the labels of a data set get: the transform that encodes them decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .dictionary import read_dictionary
from .findings import Rules
from .images import MOST_PIXELS
from .labels import Form, LabelCheck, check_class_label, check_detection_label, check_recognition_label
from .line_frames import Frames
from .transforms import Role, list_originals, list_players, list_transforms

# The characters of PaddleOCR's recognizers whose config names no dictionary.
DEFAULT_ALPHABET = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

# From a label and the (width, height) of its image, or of the line that a sampler makes of it, or None.
LabelChecker = Callable[[str, Any], LabelCheck]


class TextEncoder(NamedTuple):
    """A transform that encodes texts."""

    reserve: int  # characters of ``max_text_length`` that it keeps for itself: a text may have fewer by so many
    is_read_by_ctc: bool


TEXT_ENCODERS = {
    "CTCLabelEncode": TextEncoder(0, True),
    "MultiLabelEncode": TextEncoder(2, True),  # CTC in its first branch; its second takes fewer
    "SARLabelEncode": TextEncoder(2, False),
    "NRTRLabelEncode": TextEncoder(2, False),
    "AttnLabelEncode": TextEncoder(1, False),
    "SEEDLabelEncode": TextEncoder(1, False),
    "PRENLabelEncode": TextEncoder(1, False),
    "ViTSTRLabelEncode": TextEncoder(1, False),
    "ABINetLabelEncode": TextEncoder(1, False),
    "ParseQLabelEncode": TextEncoder(3, False),
}


def choose_label_checker(
    config: Mapping[str, Any], mode: str, frames: Frames | None
) -> tuple[LabelChecker, Rules, str | None]:
    """How the labels of a data set are checked.

    Args:
        config: a resolved config.
        mode: "Train" or "Eval".
        frames: that the network makes of the lines of the set; None if it is not known, or no recognizer.
    Returns:
        (check, rules, note): the rules are those that the check follows. The note is a sentence if labels are not
        checked, else None.
    Raises:
        UserError: the dictionary cannot be read.
    """
    dataset, settings = config[mode]["dataset"], config["Global"]
    rules = Rules(
        kind=dataset["name"],
        data_dir=Path(dataset["data_dir"]),
        most_pixels=settings.get("max_image_pixels") or MOST_PIXELS,
        unicode_form=_unicode_form(settings),
    )
    encoder = _find_encoder(dataset)
    if encoder is None:
        no_effect = ", and Global.unknown_characters has no effect" if "unknown_characters" in settings else ""
        note = f"{mode}: labels are not checked{no_effect}: no transform is one of {', '.join(LABEL_CHECKERS)}."
        return _accept_any_label, rules, note
    # In PaddleOCR, Global wins over the arguments of a transform.
    options = {**_map_originals(dataset)[encoder], **settings}
    if encoder in TEXT_ENCODERS:
        rules = rules._replace(frames=frames)
    return *LABEL_CHECKERS[encoder](encoder, options, rules), None


def is_read_by_ctc(dataset: Mapping[str, Any]) -> bool:
    """Whether CTC reads the labels of a ``dataset`` section."""
    encoder = TEXT_ENCODERS.get(_find_encoder(dataset) or "")
    return encoder is not None and encoder.is_read_by_ctc


def _find_encoder(dataset: Mapping[str, Any]) -> str | None:
    transforms = _map_originals(dataset)
    return next((name for name in LABEL_CHECKERS if name in transforms), None)


def _map_originals(dataset: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{transform: its arguments}, by the name of the transform that it stands for."""
    return {list_originals(name)[0]: arguments for name, arguments in list_transforms(dataset)}


def _for_scenes(encoder: str, options: Mapping[str, Any], rules: Rules) -> tuple[LabelChecker, Rules]:
    ignore = options.get("difficult_boxes") == "ignore"
    return lambda label, size: check_detection_label(label, size, ignore), rules


def _for_texts(encoder: str, options: Mapping[str, Any], rules: Rules) -> tuple[LabelChecker, Rules]:
    reserve, is_ctc = TEXT_ENCODERS[encoder]
    path, space = options.get("character_dict_path"), bool(options.get("use_space_char", False))
    alphabet = frozenset(read_dictionary(path, space)[1:]) if path else DEFAULT_ALPHABET
    longest = options.get("max_text_length")
    most_known = longest - reserve if reserve and isinstance(longest, int) else None
    frames, form = rules.frames.number if rules.frames and is_ctc else None, _unicode_form(options)
    by_ratio = rules.frames.by_ratio if rules.frames and is_ctc else ()

    def check(label: str, size: Any) -> LabelCheck:
        # Without a dictionary, PaddleOCR reads small letters alone.
        found = check_recognition_label(label, alphabet, longest, frames, form, most_known, lower=not path)
        if not (by_ratio and size) or "few-frames" in found.reasons:
            return found
        heights = min(max(1, round(size[0] / size[1])), len(by_ratio))
        fits = found.frames <= by_ratio[heights - 1]
        return found if fits else found._replace(reasons=(*found.reasons, "narrow-line"))

    return check, rules._replace(longest=longest, reserve=reserve, alphabet=alphabet, dictionary=path, space=space)


def _unicode_form(settings: Mapping[str, Any]) -> Form | None:
    """The Unicode form that texts are brought into, or None."""
    form = settings.get("unicode_form", "as-written")
    return None if form == "as-written" else form


def _for_classes(encoder: str, options: Mapping[str, Any], rules: Rules) -> tuple[LabelChecker, Rules]:
    classes = tuple(options.get("label_list") or ())
    return lambda label, size: check_class_label(label, classes), rules._replace(classes=classes)


def _for_any_label(encoder: str, options: Mapping[str, Any], rules: Rules) -> tuple[LabelChecker, Rules]:
    return _accept_any_label, rules


def _accept_any_label(label: str, size: Any) -> LabelCheck:
    return LabelCheck((), label)


# {a transform that encodes labels: a function from (its name, its arguments and Global, rules of the data set) to the
# check of such labels, and the rules with those that the check follows}. The first that a data set has counts.
LABEL_CHECKERS: dict[str, Callable[[str, Mapping, Rules], tuple[LabelChecker, Rules]]] = {
    "DetLabelEncode": _for_scenes,
    **dict.fromkeys(TEXT_ENCODERS, _for_texts),
    # Before ClsLabelEncode: these transforms replace any label by the class.
    **dict.fromkeys(list_players(Role.SETS_CLASS), _for_any_label),
    "ClsLabelEncode": _for_classes,
}
