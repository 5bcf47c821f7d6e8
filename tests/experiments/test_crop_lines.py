"""Lines cut out of labelled pictures: their pixels by hand, what is left out, and what is refused."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from crop_lines import cut_lines, main

from ppocrv2_ext.data.reasons import REASONS

UPRIGHT_BOX = [[2, 1], [12, 1], [12, 6], [2, 6]]  # 10 pixels wide, 5 high


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def gradient(width=20, height=16):
    """A picture in which every pixel says where it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10, columns * 10, rows + columns], 2).astype(np.uint8)


@pytest.fixture
def labelled(tmp_path):
    """A label file of one picture, beside it. Its boxes: a line, one that nobody can read, and another line."""
    cv2.imwrite(str(tmp_path / "page.png"), gradient())
    boxes = [("total", UPRIGHT_BOX), ("###", UPRIGHT_BOX), ("1.50", [[0, 8], [6, 8], [6, 12], [0, 12]])]
    label = json.dumps([{"transcription": text, "points": points} for text, points in boxes])
    file = tmp_path / "train.txt"
    file.write_text(f"page.png\t{label}\n")
    return file


class TestCutLines:
    def test_an_upright_rectangle_is_cut_as_it_is(self):
        [cut] = cut_lines(gradient(), [(UPRIGHT_BOX, "total")])
        assert (cut.number, cut.text, cut.reason) == (1, "total", None)
        assert np.array_equal(cut.line, gradient()[1:6, 2:12])

    @pytest.mark.parametrize("text", ["###", "*", "", " "])
    def test_a_box_without_a_known_text_is_left_out_and_counted(self, text):
        cut = cut_lines(gradient(), [(UPRIGHT_BOX, text), (UPRIGHT_BOX, "total")])
        assert [(each.number, each.text) for each in cut] == [(2, "total")]

    def test_a_text_is_written_on_one_line(self):
        [cut] = cut_lines(gradient(), [(UPRIGHT_BOX, "a\tb\nc")])
        assert cut.text == "a b c"

    @pytest.mark.parametrize(
        ("points", "reason"),
        [([[2, 1], [12, 1], [12, 1], [2, 1]], "zero-area"), ([[2, 1], [900, 1], [900, 6], [2, 6]], "partly-outside")],
    )
    def test_a_broken_outline_is_named_and_not_cut(self, points, reason):
        [cut] = cut_lines(gradient(), [(points, "total")])
        assert cut.line is None
        assert cut.reason == reason

    def test_a_line_that_is_written_upwards_is_turned_by_a_quarter(self):
        [(_, _, line, _)] = cut_lines(gradient(), [([[3, 0], [7, 0], [7, 12], [3, 12]], "up")])
        assert np.array_equal(line, np.rot90(gradient()[0:12, 3:7]))

    def test_a_polygon_of_many_points_is_cut_by_its_least_rectangle(self):
        outline = [[2, 1], [7, 1], [12, 1], [12, 6], [7, 6], [2, 6]]
        [(_, _, line, _)] = cut_lines(gradient(), [(outline, "total")])
        assert np.array_equal(line, gradient()[1:6, 2:12])


class TestMain:
    def test_lines_and_their_labels_are_written(self, labelled, tmp_path):
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 0, result.output
        assert (tmp_path / "cut" / "labels.txt").read_text() == "page_1.png\ttotal\npage_3.png\t1.50\n"
        assert np.array_equal(cv2.imread(str(tmp_path / "cut" / "page_1.png")), gradient()[1:6, 2:12])

    def test_images_may_lie_elsewhere(self, labelled, tmp_path):
        moved = tmp_path / "labels"
        moved.mkdir()
        file = labelled.rename(moved / "train.txt")
        assert run(file, "--data-dir", tmp_path, "--output", tmp_path / "cut").exit_code == 0

    @pytest.mark.parametrize(("output", "name"), [("cut", "cut/page_1.png"), ("a/b", "a/b/page_1.png")])
    def test_names_can_be_relative_to_a_folder_above(self, labelled, tmp_path, output, name):
        assert run(labelled, "--output", tmp_path / output, "--relative-to", tmp_path).exit_code == 0
        first = (tmp_path / output / "labels.txt").read_text().splitlines()[0]
        assert first == f"{name}\ttotal"
        assert (tmp_path / name).is_file()

    def test_a_folder_beside_the_output_is_refused_and_nothing_is_written(self, labelled, tmp_path):
        (tmp_path / "other").mkdir()
        done = run(labelled, "--output", tmp_path / "cut", "--relative-to", tmp_path / "other")
        assert done.exit_code == 2
        assert "name a folder above it" in done.output
        assert not (tmp_path / "cut").exists()

    def test_pictures_of_one_name_in_two_folders_are_both_kept(self, labelled, tmp_path):
        (tmp_path / "other").mkdir()
        cv2.imwrite(str(tmp_path / "other" / "page.png"), gradient() + 1)
        label = labelled.read_text().partition("\t")[2]
        labelled.write_text(f"page.png\t{label}other/page.png\t{label}")
        assert run(labelled, "--output", tmp_path / "cut").exit_code == 0
        assert len((tmp_path / "cut" / "labels.txt").read_text().splitlines()) == 4
        second = cv2.imread(str(tmp_path / "cut" / "page-2_1.png"))
        assert np.array_equal(second, gradient()[1:6, 2:12] + 1)

    def test_a_picture_that_cannot_be_read_is_said_and_the_others_are_cut(self, labelled, tmp_path):
        rest = labelled.read_text()
        labelled.write_text("missing.png\t[]\n" + rest)
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 1
        assert "missing.png" in result.output
        assert "2 lines of 1 pictures" in result.output

    def test_a_broken_box_is_said_and_the_others_are_cut(self, labelled, tmp_path):
        labelled.write_text(labelled.read_text().replace("[12, 6]", "[900, 6]"))
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 1
        assert f"box 1 (total) is left out: {REASONS['partly-outside'].rule}" in result.output
        assert (tmp_path / "cut" / "labels.txt").read_text() == "page_3.png\t1.50\n"

    def test_a_folder_that_holds_something_is_refused(self, labelled, tmp_path):
        mine = tmp_path / "cut" / "page_1.png"
        mine.parent.mkdir()
        mine.write_text("mine")
        result = run(labelled, "--output", mine.parent)
        assert result.exit_code == 2
        assert "is not empty" in result.output
        assert [path.read_text() for path in mine.parent.iterdir()] == ["mine"]

    def test_labels_of_lines_are_refused(self, tmp_path):
        file = tmp_path / "lines.txt"
        file.write_text("line.png\ttotal\n")
        result = run(file, "--output", tmp_path / "cut")
        assert result.exit_code == 2
        assert f"{file}:1" in result.output
        assert not (tmp_path / "cut").exists()
