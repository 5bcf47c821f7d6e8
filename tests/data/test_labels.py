"""Labels of scenes, lines and classes: the reasons of broken ones, and sound ones unchanged."""

import json
import math
import re

import pytest
from shapely import Polygon

from ppocrv2_ext.data.labels import (
    check_class_label,
    check_detection_label,
    check_recognition_label,
    count_needed_frames,
    read_boxes,
)
from ppocrv2_ext.data.reasons import list_effects

SIZE = (100, 60)
SQUARE = [[10, 10], [30, 10], [30, 20], [10, 20]]
BOW_TIE = [[10, 10], [30, 20], [30, 10], [10, 20]]


def objects(*polygons, text="EXIT"):
    return json.dumps([{"transcription": text, "points": points} for points in polygons])


@pytest.mark.parametrize(
    ("label", "reasons"),
    [
        (objects(SQUARE), ()),
        ("EXIT", ("not-json",)),
        ("[" * 100_000, ("not-json",)),
        ("{}", ("not-objects",)),
        ("[1]", ("not-objects",)),
        ('[{"points": [[1, 2], [3, 4], [5, 9]]}]', ("not-objects",)),
        ('[{"transcription": "A"}]', ("not-objects",)),
        ("[]", ("no-text",)),
        (objects(SQUARE, text="###"), ("all-ignored",)),
        (objects(SQUARE, text="*"), ("all-ignored",)),
        (objects(SQUARE, SQUARE[:2]), ("few-points",)),
        (objects(SQUARE[:2]), ("few-points", "no-text")),
        (objects(BOW_TIE), ("crossing", "all-ignored")),
    ],
)
def test_the_reasons_of_a_detection_label(label, reasons):
    assert check_detection_label(label, SIZE).reasons == reasons


def test_a_broken_box_with_a_visible_outline_becomes_ignored_text():
    check = check_detection_label(objects(SQUARE, BOW_TIE, SQUARE[:2], text="北京"), SIZE)
    sound, mended = json.loads(check.label)
    assert sound == {"transcription": "北京", "points": SQUARE}
    assert mended["transcription"] == "###"
    assert Polygon(mended["points"]).equals(Polygon(SQUARE))
    assert (check.boxes, check.ignored_boxes) == (2, 1)
    assert "北京" in check.label


def test_a_sound_label_is_left_unchanged_to_the_letter():
    label = '[{"points":[[10,10],[30,10],[30,20]],"transcription":"a","difficult":false}]'
    assert check_detection_label(label, SIZE).label == label


def test_a_label_with_half_a_surrogate_pair_can_be_written_as_utf8():
    label = check_detection_label(objects(SQUARE, BOW_TIE, text="\ud800"), SIZE).label
    assert json.loads(label.encode("utf-8"))[0]["transcription"] == "\ud800"


@pytest.mark.parametrize(
    ("label", "reasons"),
    [
        ("abc", ()),
        ("", ("empty-label",)),
        ("ab ", ("unknown-character",)),
        ("abcabc", ("long-label", "few-frames")),
        ("ab€", ("unknown-character",)),
        ("€", ("unknown-character", "no-known-character")),
        ("aaaa", ("few-frames",)),
        ("aa€a", ("unknown-character",)),  # five frames: what the dictionary lacks needs none
    ],
)
def test_the_reasons_of_a_text(label, reasons):
    assert check_recognition_label(label, frozenset("abc"), longest=5, frames=5).reasons == reasons


def test_a_capital_and_its_small_letter_are_equal_neighbours_where_small_letters_are_read():
    alphabet = frozenset("aAb")
    assert check_recognition_label("aAb", alphabet).frames == 3
    assert check_recognition_label("aAb", alphabet, lower=True).frames == 4


def test_the_frames_of_a_text_are_the_fewest_that_its_alignment_fits_in():
    import paddle

    from ppocrv2_ext.plugins.ctc.alignment import is_feasible

    for text in ("a", "ab", "aa", "aab", "abba", "aaa"):
        label = paddle.to_tensor([[ord(character) for character in text]])
        needed, length = count_needed_frames(text), paddle.to_tensor([len(text)])
        assert [bool(is_feasible(label, length, frames)) for frames in (needed - 1, needed)] == [False, True], text


def test_classes_are_compared_as_text():
    assert check_class_label("180", ["0", "180"]).reasons == ()
    assert check_class_label("180", [0, 180]).reasons == ("unknown-class",)


def test_a_text_with_too_few_frames_is_left_out_of_training_and_kept_in_evaluation():
    assert list_effects("Train")["few-frames"] == "line left out"
    assert list_effects("Eval")["few-frames"] == "kept"


@pytest.mark.parametrize(
    ("size", "reasons"), [((5000, 100), ()), ((5001, 100), ("strip-image",)), ((9, 451), ("strip-image",))]
)
def test_a_scene_that_is_a_strip_is_left_out_of_training_and_evaluation(size, reasons):
    label = json.dumps([{"transcription": "a", "points": [[1, 1], [8, 1], [8, 9], [1, 9]]}])
    check = check_detection_label(label, size)
    assert (check.reasons, check.label) == (reasons, label)
    assert list_effects("Train")["strip-image"] == list_effects("Eval")["strip-image"] == "line left out"


@pytest.mark.parametrize(("thickness", "text"), [(0.05, "###"), (0.5, "###"), (0.99, "###"), (1.05, "EXIT")])
def test_a_box_thinner_than_a_pixel_becomes_an_ignored_box(thickness, text):
    check = check_detection_label(
        objects(SQUARE, [[10, 30], [90, 30], [90, 30 + thickness], [10, 30 + thickness]]), SIZE
    )
    assert check.reasons == (() if text == "EXIT" else ("sliver",))
    assert [each["transcription"] for each in json.loads(check.label)] == ["EXIT", text]


def test_boxes_in_fractions_are_named_as_such():
    label = objects([[0.1, 0.2], [0.5, 0.2], [0.5, 0.9], [0.1, 0.9]])
    assert check_detection_label(label, SIZE).reasons == ("fraction-boxes",)


@pytest.mark.parametrize("broken", [None, 5, "ab", {}, [], [1, 2], [[0.5, None]], [[5, math.nan]], [[10**400, 1]]])
def test_a_broken_box_does_not_hide_that_the_others_are_in_fractions(broken):
    fractions = [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9], [0.1, 0.9]]
    for label in (objects(fractions, broken), objects(broken, fractions)):
        check = check_detection_label(label, SIZE)
        assert (check.reasons, check.extent) == (("fraction-boxes",), 0.9)


def test_difficult_boxes_are_kept_and_named_or_ignored_where_the_config_says_so():
    label = json.dumps([{"transcription": text, "points": SQUARE, "difficult": text == "A"} for text in ("A", "B")])
    kept, ignored = (check_detection_label(label, SIZE, ignore) for ignore in (False, True))
    assert kept.reasons == ignored.reasons == ("difficult-box",)
    assert kept.label == label
    assert [each["transcription"] for each in json.loads(ignored.label)] == ["###", "B"]


NO_TEXTS = [None, True, 12, 1.5, ["a"], {"a": "b"}]


@pytest.mark.parametrize("text", NO_TEXTS)
def test_a_transcription_that_is_no_text_is_named_and_trained_as_it_is(text):
    label = json.dumps([{"transcription": each, "points": SQUARE} for each in ("EXIT", text)])
    check = check_detection_label(label, SIZE)
    assert (check.reasons, check.label) == (("not-a-text",), label)
    assert (check.boxes, check.ignored_boxes) == (2, 0)
    assert list_effects("Train")["not-a-text"] == list_effects("Eval")["not-a-text"] == "kept, doubtful"


def test_a_difficult_box_without_a_text_is_ignored_where_the_config_says_so():
    label = json.dumps([{"transcription": None, "points": SQUARE, "difficult": True}])
    kept, ignored = (check_detection_label(label, SIZE, ignore) for ignore in (False, True))
    assert kept.reasons == ("not-a-text",)
    assert (ignored.reasons, ignored.ignored_boxes) == (("difficult-box", "all-ignored"), 1)


@pytest.mark.parametrize("text", NO_TEXTS)
def test_no_text_is_made_up_for_an_evaluation(text):
    message = f'a transcription must be a text such as "total", got {text!r}; write the text, or ### if nobody knows it'
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        read_boxes(objects(SQUARE, text=text))


def test_a_detection_label_given_to_a_recognizer_is_named_as_such():
    assert check_recognition_label(objects(SQUARE), frozenset("abc"), longest=5).reasons == ("detection-label",)
    assert check_recognition_label("[06]", frozenset("[06]"), longest=5).reasons == ()


DECOMPOSED = "cafe\u0301"


def test_a_text_that_the_dictionary_has_in_composed_form_is_told():
    check = check_recognition_label(DECOMPOSED, frozenset("cafeé"))
    assert check.reasons == ("decomposed", "unknown-character")
    assert check_recognition_label(DECOMPOSED, frozenset("cafe")).reasons == ("unknown-character",)
    assert check_recognition_label(DECOMPOSED, frozenset("cafe\u0301")).reasons == ()


def test_a_text_is_brought_into_the_form_that_the_config_says():
    check = check_recognition_label(DECOMPOSED, frozenset("cafeé"), form="NFC")
    assert (check.reasons, check.label) == (("decomposed",), "café")
    assert check_recognition_label("\uff21\uff22", frozenset("AB"), form="NFKC").label == "AB"


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("[" * 100_000, "nested too deep"),
        ("EXIT", "it is not JSON"),
        *((label, "not a list of boxes but ") for label in ("7", "{}", '""', "null")),
        ('[{"points": [[0, 0], [9, 0], [9, 9]]}]', "not a list of boxes: KeyError"),
        *(
            (json.dumps([{"transcription": "x", "points": points}]), message)
            for points, message in (
                ([[0, 0], [9, 0]], "the outline of 'x' is not 3 to 1000 points"),
                ([[0, 0], [9, 0], [9]], "the outline of 'x' is not 3"),
                ("points", "the outline of 'x' is not 3"),
                ([[i % 9, i % 7] for i in range(1001)], "the outline of 'x' is not 3 to 1000"),
                ([[0, 0], [9, 0], [9, float("nan")]], "the outline of 'x' is not finite"),
                ([[0, 0], [9, 0], [9, 1e300]], "the outline of 'x' is not finite"),
            )
        ),
    ],
)
def test_what_is_no_box_is_not_evaluated(label, message):
    with pytest.raises(ValueError, match=message):
        read_boxes(label)


def test_boxes_to_evaluate_are_those_of_the_label():
    points = [[0, 0], [9, 0], [9, 9]]
    assert read_boxes(json.dumps([{"transcription": "x", "points": points}])) == [(points, "x")]
