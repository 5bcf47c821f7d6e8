"""Two recognizers on the same lines: what is mended, what is broken, which confusions are new."""

import numpy as np
import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.report.comparison import SHOWN, Comparison, write_comparison
from ppocrv2_ext.report.confusions import Confusion

PICTURE = np.full((8, 24, 3), 200, np.uint8)
LINES = [  # label, before, after
    ("tea", "tea", "tea"),
    ("oil", "oi1", "oil"),
    ("milk", "milk", "m1lk"),
    ("rice", "rlce", "r1ce"),
    ("salt", "s", "sal"),
]


def compare(lines, normalize=str):
    comparison = Comparison("words", normalize)
    for number, (label, before, after) in enumerate(lines):
        comparison.add(f"{number}.png", label, before, after, PICTURE)
    return comparison


def test_mended_and_broken_lines_are_counted():
    comparison = compare(LINES)
    assert (comparison.count, comparison.right_before, comparison.right_after) == (5, 2, 2)
    assert (comparison.mended_count, comparison.broken_count) == (1, 1)
    assert comparison.mended[0].label == "oil"
    assert comparison.broken[0].after == "m1lk"
    assert comparison.share_before == comparison.share_after == 0.4


def test_a_confusion_counts_for_the_recognizer_that_makes_it_alone():
    comparison = compare(LINES)
    assert comparison.broken_confusions == {Confusion("i", "1"): 2}
    expected = {Confusion("l", "1"): 1, Confusion("i", "l"): 1, Confusion("a", ""): 1, Confusion("l", ""): 1}
    assert comparison.mended_confusions == expected


def test_equal_texts_after_normalizing_are_right():
    comparison = compare([("Tea Bag", "teabag", "TEA BAG")], lambda text: text.replace(" ", "").casefold())
    assert comparison.right_before == comparison.right_after == 1
    assert not comparison.broken_confusions


def test_few_pictures_are_kept_and_all_lines_are_counted():
    comparison = compare([(str(number), "", str(number)) for number in range(SHOWN + 6)])
    assert comparison.mended_count == SHOWN + 6
    assert len(comparison.mended) == SHOWN


def test_without_lines_the_shares_are_zero():
    comparison = compare([])
    assert comparison.share_before == comparison.share_after == 0


def test_the_page_shows_texts_as_text_and_needs_no_other_file(tmp_path):
    file = tmp_path / "page.html"
    write_comparison(file, ("old", "<new>"), [compare([("<i>x", "<i>x", "")]), compare(LINES)])
    page = file.read_text(encoding="utf-8")
    assert "&lt;i&gt;x" in page
    assert "<i>x" not in page
    assert "&lt;new&gt; compared with old" in page
    assert 'src="data:image/jpeg;base64,' in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_says_what_counts(tmp_path):
    file = tmp_path / "page.html"
    write_comparison(file, ("old", "new"), [compare(LINES)], "Neither case nor spaces count.")
    assert "read as they are labelled. Neither case nor spaces count.</p>" in file.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        write_comparison(tmp_path / "file" / "page.html", ("a", "b"), [compare(LINES)])
