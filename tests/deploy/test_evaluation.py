"""What counts where two texts are compared: the same in each command."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import compare
from ppocrv2_ext.deploy import accuracy
from ppocrv2_ext.deploy.evaluation import TEXT_RULES, normalize_text, score_page

BOX = [[0, 0], [9, 0], [9, 9], [0, 9]]
PAIRS = [  # (label, read, whether that is right)
    ("a b", "a b", True),
    ("a  b", "a b", True),
    (" a b ", "a b", True),
    ("a\u3000b", "a b", True),
    ("a\xa0b", "a b", True),
    ("ab", "a b", False),
    ("A b", "a b", False),
    ("a b", "", False),
]


@pytest.mark.parametrize(("label", "read", "is_right"), PAIRS)
def test_compare_eval_system_and_compress_agree_on_what_is_right(label, read, is_right, tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((32, 90, 3), 255, np.uint8))
    (tmp_path / "labels.txt").write_text(f"a.png\t{label}\n", encoding="utf-8")
    monkeypatch.setattr(compare, "_load_reader", lambda *_: lambda lines: [(read, 1.0)] * len(lines))
    compared = CliRunner().invoke(main, ["compare", "x", "x", "--data", str(tmp_path / "labels.txt")])
    assert compared.output.splitlines()[1].split()[1:3] == ["1", f"{is_right:.3f}"]
    score = score_page([(BOX, label)], [(BOX, read)])
    assert (score.end_to_end["exact"].right, score.wrong) == (is_right, [] if is_right else [(label, read)])
    monkeypatch.setattr(accuracy, "read_texts", lambda *_: [(read, 1.0)])
    assert accuracy.measure_accuracy("rec", None, None, [None], [label]) == 100 * is_right


def test_case_and_spaces_can_be_left_out():
    text = " STRASSE\u3000 a\tB "
    assert normalize_text(text) == "STRASSE a B"
    assert normalize_text(text, ignore_case=True) == normalize_text("straße A b", ignore_case=True) == "strasse a b"
    assert normalize_text(text, ignore_space=True) == "STRASSEaB"
    assert TEXT_RULES["without case and spaces"](text) == "strasseab"
