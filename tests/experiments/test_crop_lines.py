"""Lines cut out of labelled pictures: their pixels by hand, what is left out, and what is refused."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from crop_lines import choose_corners, cut_lines, main

from ppocrv2_ext.data.reasons import REASONS

UPRIGHT_BOX = [[2, 1], [12, 1], [12, 6], [2, 6]]  # 10 pixels wide, 5 high


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


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


class TestCutLines:
    def test_an_upright_rectangle_is_cut_as_it_is(self):
        [cut] = cut_lines(gradient(), [(UPRIGHT_BOX, "total")])
        assert (cut.number, cut.text, cut.fault) == (1, "total", None)
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
        [
            ([[2, 1], [12, 1], [12, 1], [2, 1]], "zero-area"),
            ([[2, 1], [900, 1], [900, 6], [2, 6]], "partly-outside"),
            ([[2, 1], [12, 6], [12, 1], [2, 6]], "crossing"),
            ([[2, 1], [12, 1], [12, 6], [2, float("nan")]], "not-finite"),
            ([[2, 1], [12, 1]], "few-points"),
            ([], "few-points"),
            (None, "few-points"),
        ],
    )
    def test_a_broken_outline_is_named_and_not_cut(self, points, reason):
        [cut] = cut_lines(gradient(), [(points, "total")])
        assert cut.line is None
        assert cut.fault == f"{REASONS[reason].rule}; {REASONS[reason].advice}"

    @pytest.mark.parametrize("text", [None, True, 7, 1.5, ["a"], {"a": 1}])
    def test_a_transcription_that_is_no_text_is_not_cut(self, text):
        [cut] = cut_lines(gradient(), [(UPRIGHT_BOX, text)])
        assert cut.line is None
        assert "must be a text" in cut.fault

    def test_half_of_a_surrogate_pair_is_not_cut(self):
        [cut] = cut_lines(gradient(), [(UPRIGHT_BOX, "a\ud83d")])
        assert cut.line is None
        assert "half of a surrogate pair" in cut.fault

    def test_a_line_that_is_written_upwards_is_turned_by_a_quarter(self):
        [(_, _, line, _)] = cut_lines(gradient(), [([[3, 0], [7, 0], [7, 12], [3, 12]], "up")])
        assert np.array_equal(line, np.rot90(gradient()[0:12, 3:7]))

    def test_a_polygon_of_many_points_is_cut_by_its_least_rectangle(self):
        outline = [[2, 1], [7, 1], [12, 1], [12, 6], [7, 6], [2, 6]]
        [(_, _, line, _)] = cut_lines(gradient(), [(outline, "total")])
        assert np.array_equal(line, gradient()[1:6, 2:12])

    @pytest.mark.parametrize("first", range(4))
    def test_an_anticlockwise_outline_is_cut_as_the_clockwise_one(self, first):
        anticlockwise = np.roll([[2, 1], [2, 6], [12, 6], [12, 1]], first, axis=0)
        clockwise = [anticlockwise[0], *anticlockwise[:0:-1]]
        [cut], [expected] = (cut_lines(gradient(), [(points, "total")]) for points in (anticlockwise, clockwise))
        assert np.array_equal(cut.line, expected.line)

    # cut_line begins with the pixel at the first corner: further right or lower, the line is a pixel further too.
    @pytest.mark.parametrize(("first", "top"), [(0, 1), (1, 2)])
    def test_an_anticlockwise_line_is_upright_from_its_upper_or_lower_left_corner(self, first, top):
        outline = np.roll([[2, 1], [2, 6], [12, 6], [12, 1]], -first, axis=0)
        [cut] = cut_lines(gradient(), [(outline, "total")])
        assert np.array_equal(cut.line, gradient()[top : top + 5, 2:12])

    def test_an_anticlockwise_line_on_its_head_is_read_from_its_first_corner(self):
        [cut] = cut_lines(gradient(), [([[12, 6], [12, 1], [2, 1], [2, 6]], "total")])
        assert np.array_equal(cut.line, np.rot90(gradient()[2:7, 3:13], 2))

    @pytest.mark.parametrize("step", [1, -1])
    def test_a_concave_quadrangle_is_cut_by_its_least_rectangle(self, step):
        outline = [[2, 1], [7, 3], [12, 1], [7, 6]][::step]
        [cut] = cut_lines(gradient(), [(outline, "total")])
        assert np.array_equal(cut.line, gradient()[1:6, 2:12])


class TestChooseCorners:
    @pytest.mark.parametrize("first", range(4))
    def test_a_clockwise_quadrangle_stays_as_it_is(self, first):
        outline = np.roll(np.array([[1, 2], [9, 1], [8, 6], [0, 5]], np.float32), first, axis=0)
        assert np.array_equal(choose_corners(outline), outline)

    def test_an_anticlockwise_quadrangle_is_reversed_and_begins_at_the_same_corner(self):
        outline = np.array([[1, 2], [0, 5], [8, 6], [9, 1]], np.float32)
        assert choose_corners(outline).tolist() == [[1, 2], [9, 1], [8, 6], [0, 5]]

    @pytest.mark.parametrize(
        "outline",
        [
            [[0, 0], [10, 0], [10, 5], [0, 0]],  # one corner twice
            [[0, 0], [5, 0], [10, 0], [0, 5]],  # three corners on a line
            [[0, 0], [5, 0.01], [10, 0], [0, 5]],  # almost on a line
            [[0, 0], [10, 0], [2, 1], [0, 5]],  # concave
            [[0, 5], [2, 1], [10, 0], [0, 0]],  # concave, anticlockwise
            [[0, 0], [10, 0], [0, 5]],
            [[0, 0], [6, 0], [10, 0], [10, 5], [0, 5]],
        ],
    )
    def test_any_other_outline_has_the_corners_of_its_least_rectangle(self, outline):
        corners = choose_corners(np.array(outline, np.float32))
        (a, b), (c, d) = corners[1] - corners[0], corners[2] - corners[1]
        assert a * c + b * d == pytest.approx(0, abs=0.01)  # a right angle
        assert a * d - b * c == pytest.approx(50, rel=0.01)  # the area, > 0 clockwise


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
        labelled.write_text("missing.png\t[]\n" + labelled.read_text())
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 1
        assert "missing.png" in result.output
        assert "2 lines of 1 pictures" in result.output

    def test_a_broken_box_is_said_and_the_others_are_cut(self, labelled, tmp_path):
        labelled.write_text(labelled.read_text().replace("[12, 6]", "[900, 6]"))
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 1
        assert f"box 1 ('total') is left out: {REASONS['partly-outside'].rule}" in result.output
        assert (tmp_path / "cut" / "labels.txt").read_text() == "page_3.png\t1.50\n"

    @pytest.mark.parametrize("points", [[], [[1, 2], [3, 4]], [[2, 1], [12, 1], [12, 6], [2, float("nan")]], "points"])
    def test_a_box_without_an_outline_is_said_and_the_others_are_cut(self, labelled, tmp_path, points):
        labelled.write_text(label_of(("broken", points), ("total", UPRIGHT_BOX)))
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 1
        assert "box 1 ('broken') is left out" in result.output
        assert (tmp_path / "cut" / "labels.txt").read_text() == "page_2.png\ttotal\n"

    @pytest.mark.parametrize("text", [None, True, ["a"], "half \ud83d"])
    def test_a_box_without_a_text_that_can_be_written_is_said_and_the_others_are_cut(self, labelled, tmp_path, text):
        labelled.write_text(label_of((text, UPRIGHT_BOX), ("total", UPRIGHT_BOX)))
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 1
        assert f"box 1 ({text!r}) is left out" in result.output
        assert (tmp_path / "cut" / "labels.txt").read_text() == "page_2.png\ttotal\n"

    def test_the_folder_above_is_named_where_the_names_of_the_pictures_begin_there(self, labelled, tmp_path):
        labelled.write_text(labelled.read_text().replace("page.png", f"{tmp_path.name}/page.png"))
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 2
        assert result.output.count("\n") == 1
        assert f"so give `--data-dir {tmp_path.parent}`." in result.output
        assert run(labelled, "--data-dir", tmp_path.parent, "--output", tmp_path / "cut").exit_code == 0

    def test_pictures_that_cannot_be_read_are_the_reason_where_all_of_them_are_so(self, labelled, tmp_path):
        (tmp_path / "page.png").write_bytes(b"no picture")
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 2
        assert "so nothing is written; none of its pictures can be read" in result.output

    @pytest.mark.parametrize("texts", [["###"], ["*", ""], [None], []])
    def test_without_a_line_to_cut_nothing_is_written(self, labelled, tmp_path, texts):
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
    def test_a_broken_line_of_the_label_file_is_named_and_nothing_is_written(self, labelled, tmp_path, line, problem):
        labelled.write_bytes(labelled.read_bytes() + line)
        result = run(labelled, "--output", tmp_path / "cut")
        assert result.exit_code == 2
        assert f"{labelled}:2: " in result.output
        assert problem in result.output
        assert not (tmp_path / "cut").exists()

    def test_every_picture_of_a_line_with_several_is_cut(self, labelled, tmp_path):
        cv2.imwrite(str(tmp_path / "dark.png"), gradient() // 2)
        labelled.write_text(labelled.read_text().replace("page.png", '["page.png", "dark.png"]', 1))
        assert run(labelled, "--output", tmp_path / "cut").exit_code == 0
        names = [row.partition("\t")[0] for row in (tmp_path / "cut" / "labels.txt").read_text().splitlines()]
        assert names == ["page_1.png", "page_3.png", "dark_1.png", "dark_3.png"]

    @pytest.mark.parametrize("output", ["page.png/cut", "/proc/cut"])
    def test_a_folder_that_cannot_be_made_is_named(self, labelled, tmp_path, output):
        result = run(labelled, "--output", tmp_path / output)
        assert result.exit_code == 2
        assert f"cannot write to {tmp_path / output}" in result.output

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
