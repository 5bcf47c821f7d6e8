"""`crop`: the lines and labels that are written, what is left out and said, and what is refused."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.data.reasons import REASONS

UPRIGHT_BOX = [[2, 1], [12, 1], [12, 6], [2, 6]]  # 10 pixels wide, 5 high


def run(*arguments):
    return CliRunner().invoke(main, ["crop", *map(str, arguments)])


def gradient(width=20, height=16):
    """A picture in which every pixel says where it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10, columns * 10, rows + columns], 2).astype(np.uint8)


def label_of(*boxes):
    """The line of a label file for boxes (text, points) in page.png."""
    label = json.dumps([{"transcription": text, "points": points} for text, points in boxes])
    return f"page.png\t{label}\n"


@pytest.fixture
def labelled(tmp_path):
    """A label file of one picture, beside it. Its boxes: a line, one that nobody can read, and another line."""
    cv2.imwrite(str(tmp_path / "page.png"), gradient())
    file = tmp_path / "train.txt"
    file.write_text(
        label_of(("total", UPRIGHT_BOX), ("###", UPRIGHT_BOX), ("1.50", [[0, 8], [6, 8], [6, 12], [0, 12]]))
    )
    return file


def test_lines_and_their_labels_are_written(labelled, tmp_path):
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "cut" / "labels.txt").read_text() == "page_1.png\ttotal\npage_3.png\t1.50\n"
    assert np.array_equal(cv2.imread(str(tmp_path / "cut" / "page_1.png")), gradient()[1:6, 2:12])


def test_images_may_lie_elsewhere(labelled, tmp_path):
    moved = tmp_path / "labels"
    moved.mkdir()
    file = labelled.rename(moved / "train.txt")
    assert run(file, "--data-dir", tmp_path, "--output", tmp_path / "cut").exit_code == 0


@pytest.mark.parametrize(("output", "name"), [("cut", "cut/page_1.png"), ("a/b", "a/b/page_1.png")])
def test_names_can_be_relative_to_a_folder_above(labelled, tmp_path, output, name):
    assert run(labelled, "--output", tmp_path / output, "--relative-to", tmp_path).exit_code == 0
    first = (tmp_path / output / "labels.txt").read_text().splitlines()[0]
    assert first == f"{name}\ttotal"
    assert (tmp_path / name).is_file()


def test_a_folder_beside_the_output_is_refused_and_nothing_is_written(labelled, tmp_path):
    (tmp_path / "other").mkdir()
    done = run(labelled, "--output", tmp_path / "cut", "--relative-to", tmp_path / "other")
    assert done.exit_code == 2
    assert "name a folder above it" in done.output
    assert not (tmp_path / "cut").exists()


def test_a_folder_above_that_is_not_there_is_refused(labelled, tmp_path):
    done = run(labelled, "--output", tmp_path / "lines" / "cut", "--relative-to", tmp_path / "lines")
    assert done.exit_code == 2
    assert f"--relative-to {tmp_path / 'lines'}: there is no such folder" in done.output
    assert not (tmp_path / "lines").exists()


def test_pictures_of_one_name_in_two_folders_are_both_kept(labelled, tmp_path):
    (tmp_path / "other").mkdir()
    cv2.imwrite(str(tmp_path / "other" / "page.png"), gradient() + 1)
    label = labelled.read_text().partition("\t")[2]
    labelled.write_text(f"page.png\t{label}other/page.png\t{label}")
    assert run(labelled, "--output", tmp_path / "cut").exit_code == 0
    assert len((tmp_path / "cut" / "labels.txt").read_text().splitlines()) == 4
    second = cv2.imread(str(tmp_path / "cut" / "page-2_1.png"))
    assert np.array_equal(second, gradient()[1:6, 2:12] + 1)


def test_a_picture_that_cannot_be_read_is_said_and_the_others_are_cut(labelled, tmp_path):
    labelled.write_text("missing.png\t[]\n" + labelled.read_text())
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 1
    assert "missing.png" in result.output
    assert "2 lines of 1 picture\n" in result.output


def test_a_broken_box_is_said_and_the_others_are_cut(labelled, tmp_path):
    labelled.write_text(labelled.read_text().replace("[12, 6]", "[900, 6]"))
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 1
    assert f"box 1 ('total') is left out: {REASONS['partly-outside'].rule}" in result.output
    assert (tmp_path / "cut" / "labels.txt").read_text() == "page_3.png\t1.50\n"


@pytest.mark.parametrize("points", [[], [[1, 2], [3, 4]], [[2, 1], [12, 1], [12, 6], [2, float("nan")]], "points"])
def test_a_box_without_an_outline_is_said_and_the_others_are_cut(labelled, tmp_path, points):
    labelled.write_text(label_of(("broken", points), ("total", UPRIGHT_BOX)))
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 1
    assert "box 1 ('broken') is left out" in result.output
    assert (tmp_path / "cut" / "labels.txt").read_text() == "page_2.png\ttotal\n"


@pytest.mark.parametrize("text", [None, True, ["a"], "half \ud83d"])
def test_a_box_without_a_text_that_can_be_written_is_said_and_the_others_are_cut(labelled, tmp_path, text):
    labelled.write_text(label_of((text, UPRIGHT_BOX), ("total", UPRIGHT_BOX)))
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 1
    assert f"box 1 ({text!r}) is left out" in result.output
    assert (tmp_path / "cut" / "labels.txt").read_text() == "page_2.png\ttotal\n"


def test_the_folder_above_is_named_where_the_names_of_the_pictures_begin_there(labelled, tmp_path):
    labelled.write_text(labelled.read_text().replace("page.png", f"{tmp_path.name}/page.png"))
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert f"so give `--data-dir {tmp_path.parent}`." in result.output
    assert run(labelled, "--data-dir", tmp_path.parent, "--output", tmp_path / "cut").exit_code == 0


def test_pictures_that_cannot_be_read_are_the_reason_where_all_of_them_are_so(labelled, tmp_path):
    (tmp_path / "page.png").write_bytes(b"no picture")
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 2
    assert "so nothing is written; none of its pictures can be read" in result.output


@pytest.mark.parametrize("texts", [["###"], ["*", ""], [None], []])
def test_without_a_line_to_cut_nothing_is_written(labelled, tmp_path, texts):
    labelled.write_text(label_of(*((text, UPRIGHT_BOX) for text in texts)))
    result = run(labelled, "--output", tmp_path / "new" / "cut")
    assert result.exit_code == 2
    assert f"{labelled} has no line to cut" in result.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"page.png\t\xff\n", "is not `image<TAB>label` in UTF-8"),
        (b"page.png\n", "is not `image<TAB>label` in UTF-8"),
        (b"page.png\ttotal\n", "is not a list of boxes"),
        (b"page.png\t{}\n", "is not a list of boxes"),
        (b"page.png\t[1, 2]\n", "is not a list of boxes"),
        (b"page.png\t" + b"[" * 100_000 + b"\n", "is not a list of boxes"),
    ],
)
def test_a_broken_line_of_the_label_file_is_named_and_nothing_is_written(labelled, tmp_path, line, problem):
    labelled.write_bytes(labelled.read_bytes() + line)
    result = run(labelled, "--output", tmp_path / "cut")
    assert result.exit_code == 2
    assert f"{labelled}:2: " in result.output
    assert problem in result.output
    assert not (tmp_path / "cut").exists()


def test_every_picture_of_a_line_with_several_is_cut(labelled, tmp_path):
    cv2.imwrite(str(tmp_path / "dark.png"), gradient() // 2)
    labelled.write_text(labelled.read_text().replace("page.png", '["page.png", "dark.png"]', 1))
    assert run(labelled, "--output", tmp_path / "cut").exit_code == 0
    names = [row.partition("\t")[0] for row in (tmp_path / "cut" / "labels.txt").read_text().splitlines()]
    assert names == ["page_1.png", "page_3.png", "dark_1.png", "dark_3.png"]


@pytest.mark.parametrize("output", ["page.png", "page.png/cut", "/proc/cut"])
def test_a_folder_that_cannot_be_made_is_named(labelled, tmp_path, output):
    result = run(labelled, "--output", tmp_path / output)
    assert result.exit_code == 2
    assert f"cannot write to {tmp_path / output}" in result.output


def test_a_folder_that_holds_something_is_refused(labelled, tmp_path):
    mine = tmp_path / "cut" / "page_1.png"
    mine.parent.mkdir()
    mine.write_text("mine")
    result = run(labelled, "--output", mine.parent)
    assert result.exit_code == 2
    assert "is not empty" in result.output
    assert [path.read_text() for path in mine.parent.iterdir()] == ["mine"]


def test_labels_of_lines_are_refused(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("line.png\ttotal\n")
    result = run(file, "--output", tmp_path / "cut")
    assert result.exit_code == 2
    assert f"{file}:1" in result.output
    assert not (tmp_path / "cut").exists()
