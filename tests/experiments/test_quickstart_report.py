"""The report of the quickstart: counts by hand, errors marked where they are, a sheet with every line on it."""

import io

import numpy as np
import pytest
from PIL import Image

from ppocrv2_ext.preview.fonts import FONT_PACKAGE

quickstart = pytest.importorskip("experiments.quickstart_report")

LABELS = ["出口", "EXIT 2", "Open", "3.50"]
BEFORE = list(zip(LABELS, ["出日", "EXIT2", "Oren", "3.50"]))
AFTER = list(zip(LABELS, ["出口", "EXIT 2", None, "8.50"]))


class TestScore:
    def test_right_lines_and_character_errors_by_hand(self):
        # 2 + 5 + 4 + 4 characters without spaces; 日 for 口 and r for p
        assert quickstart.Score.of(BEFORE) == (4, 2, 15, 2)

    def test_an_unreadable_image_has_all_characters_wrong(self):
        assert quickstart.Score.of([("abc", None)]) == (1, 0, 3, 3)


class TestTable:
    def test_markdown_by_hand(self):
        _, markdown = quickstart.make_table(BEFORE, AFTER)
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in markdown.splitlines()]
        assert rows[2] == ["all", "4", "50.0 %", "50.0 %", "+0.0", "13.3 %", "33.3 %", "+20.0"]
        assert [row[0] for row in rows[2:6]] == ["all", "Chinese", "Latin", "figures"]
        assert rows[3][1:5] == ["1", "0.0 %", "100.0 %", "+100.0"]
        assert markdown.endswith("1 lines mended, 1 broken.\n")

    def test_the_table_for_the_terminal_has_the_numbers_of_the_markdown(self):
        from rich.console import Console

        console = Console(width=120, record=True, file=io.StringIO())
        grid, markdown = quickstart.make_table(BEFORE, AFTER)
        console.print(grid)
        shown = console.export_text()
        assert all(cell.strip() in shown for row in markdown.splitlines()[2:6] for cell in row.strip("|").split("|"))

    def test_different_labels_before_and_after_are_refused(self):
        with pytest.raises(ValueError, match="same labels"):
            quickstart.make_table(BEFORE, AFTER[:3])


class TestMarks:
    @pytest.mark.parametrize(
        ("text", "label", "marked"),
        [
            ("abc", "abc", "abc"),
            ("abX", "abc", "ab[X]"),
            ("ac", "abc", "a[]c"),
            ("abbc", "abc", "ab[b]c"),
            ("", "ab", "[][]"),
            ("a bXc d", "ab cd", "a b[X]c d"),
        ],
    )
    def test_errors_are_marked_where_they_are(self, text, label, marked):
        marks = quickstart.mark_errors(text, label)
        written = "".join(character if is_right else f"[{character}]" for character, is_right in marks)
        assert written.replace("[b]b", "b[b]") == marked  # either b may be the one too many


class TestPicture:
    @pytest.fixture(autouse=True)
    def _fonts(self):
        pytest.importorskip(FONT_PACKAGE)

    def _colours(self, path, colour):
        pixels = np.asarray(Image.open(path)).astype(int)
        return (np.abs(pixels - [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).max(2) < 8).sum()

    def test_wrong_characters_are_red_and_right_lines_are_not(self, tmp_path):
        line = np.full((20, 60, 3), 128, np.uint8)
        quickstart.draw_sheet([(line, "出口", "出口", "出口")], tmp_path / "right.png")
        quickstart.draw_sheet([(line, "出口", "出日", "口")], tmp_path / "wrong.png")
        assert self._colours(tmp_path / "right.png", quickstart.WRONG) == 0
        assert self._colours(tmp_path / "wrong.png", quickstart.WRONG) > 50

    def test_the_sheet_grows_with_its_lines(self, tmp_path):
        row = (np.zeros((20, 60, 3), np.uint8), "a", "a", "a")
        sizes = []
        for count, columns in ((1, 2), (2, 2), (3, 2), (3, 1)):
            quickstart.draw_sheet([row] * count, tmp_path / "sheet.png", columns)
            sizes.append(Image.open(tmp_path / "sheet.png").size)
        assert sizes[0][0] * 2 == sizes[1][0] == sizes[2][0]
        assert sizes[2][1] - sizes[1][1] == sizes[3][1] - sizes[2][1] > 100

    def test_a_very_long_line_stays_in_its_cell(self, tmp_path):
        line = np.zeros((20, 4000, 3), np.uint8)
        quickstart.draw_sheet([(line, "永" * 80, "永" * 79, None)], tmp_path / "sheet.png")
        pixels = np.asarray(Image.open(tmp_path / "sheet.png"))
        assert (pixels[:, -quickstart.PADDING :] == 255).all()

    def test_an_unreadable_file_becomes_a_grey_box(self, tmp_path):
        quickstart.draw_sheet([(tmp_path / "absent.png", "永", None, None)], tmp_path / "sheet.png")
        assert self._colours(tmp_path / "sheet.png", quickstart.RULE) > 10000

    def test_a_sheet_without_lines_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="must not be empty"):
            quickstart.draw_sheet([], tmp_path / "sheet.png")
