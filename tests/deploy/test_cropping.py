"""Lines cut out of labelled pictures: their pixels by hand, their corners, and what is wrong with a box."""

import numpy as np
import pytest

from ppocrv2_ext.data.reasons import REASONS
from ppocrv2_ext.deploy.cropping import choose_corners, cut_lines

UPRIGHT_BOX = [[2, 1], [12, 1], [12, 6], [2, 6]]  # 10 pixels wide, 5 high


def gradient(width=20, height=16):
    """A picture in which every pixel says where it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10, columns * 10, rows + columns], 2).astype(np.uint8)


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
