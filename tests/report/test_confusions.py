"""Which characters are taken for which."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from ppocrv2_ext.report.confusions import Confusion, describe_confusion, find_confusions, list_frequent

TEXTS = st.text(alphabet="ab1京皖", max_size=8)


def test_confusions_by_hand():
    assert find_confusions("京A12", "皖A1") == [Confusion("京", "皖"), Confusion("2", "")]
    assert find_confusions("ab", "axb") == [Confusion("", "x")]


@pytest.mark.parametrize(
    ("written", "read", "described"),
    [
        ("o", "0", "'o' as '0'"),
        ("", "-", "'-' added"),
        (",", "", "',' left out"),
        (" ", "", "' ' left out"),
        ("'", "总", "\"'\" as '总'"),
        ("\x1b", "\u200d", "U+001B as U+200D (ZERO WIDTH JOINER)"),
    ],
)
def test_a_confusion_is_described_in_words_and_what_cannot_be_seen_by_its_number(written, read, described):
    assert describe_confusion(Confusion(written, read)) == described


def test_confusions_that_were_made_once_are_not_frequent():
    confusions = Counter({Confusion("o", "0"): 2, Confusion("l", "1"): 1, Confusion("i", "l"): 5})
    assert list_frequent(confusions, 24) == [(Confusion("i", "l"), 5), (Confusion("o", "0"), 2)]
    assert list_frequent(confusions, 1) == [(Confusion("i", "l"), 5)]


@given(TEXTS)
def test_a_line_that_is_right_has_no_confusion(text):
    assert find_confusions(text, text) == []


@given(TEXTS, TEXTS)
def test_there_are_as_many_confusions_as_the_edit_distance(written, read):
    assert len(find_confusions(written, read)) == Levenshtein.distance(written, read)


@given(TEXTS)
def test_a_reading_of_nothing_leaves_every_character_out(text):
    assert find_confusions(text, "") == [Confusion(character, "") for character in text]
