"""The report of the quickstart: counts by hand, lines that show what changed, errors marked where they are."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

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
        assert rows[2] == ["all", "4", "50.0 %", "50.0 % (+0.0)", "13.3 %", "33.3 % (+20.0)"]
        assert [row[0] for row in rows[2:6]] == ["all", "Chinese", "Latin", "figures"]
        assert rows[3][1:4] == ["1", "0.0 %", "100.0 % (+100.0)"]
        assert markdown.endswith("Fine-tuning mended 1 line and broke 1.\n")

    def test_a_change_is_the_difference_of_the_numbers_beside_it(self):
        # 316 and 269 of 2500 are 12.64 and 10.76 %, which differ by 1.88
        labels = ["a"] * 2500
        before, after = ([(label, "b" if n < wrong else "a") for n, label in enumerate(labels)] for wrong in (316, 269))
        _, markdown = quickstart.make_table(before, after)
        assert "| 12.6 % | 10.8 % (-1.8) |" in markdown

    def test_every_column_has_a_name_of_its_own(self):
        names = [cell.strip() for cell in quickstart.make_table(BEFORE, AFTER)[1].splitlines()[0].strip("|").split("|")]
        assert len(set(names)) == len(names) == 6

    def test_the_names_of_the_columns_stay_on_one_line_of_80_columns(self):
        labels = ["出口"] * 1000 + ["EXIT"] * 20 + ["42"] * 7
        grid, _ = quickstart.make_table([(label, label[1:]) for label in labels], [(each, each) for each in labels])
        console = Console(width=80, record=True, file=io.StringIO())
        console.print(grid)
        shown = console.export_text().splitlines()
        assert any(all(name in line for name in quickstart.HEADER) for line in shown)
        assert any("0.0 %" in line and "100.0 % (+100.0)" in line and "(-50.0)" in line for line in shown)

    def test_the_table_for_the_terminal_has_the_numbers_of_the_markdown(self):
        console = Console(width=120, record=True, file=io.StringIO())
        grid, markdown = quickstart.make_table(BEFORE, AFTER)
        console.print(grid)
        shown = console.export_text()
        assert all(cell.strip() in shown for row in markdown.splitlines()[2:6] for cell in row.strip("|").split("|"))

    def test_different_labels_before_and_after_are_refused(self):
        with pytest.raises(ValueError, match="same labels"):
            quickstart.make_table(BEFORE, AFTER[:3])


class TestChanges:
    def test_each_line_goes_where_it_belongs(self):
        changes = quickstart.find_changes(
            ["ab", "ab", "ab", "ab", "ab"], ["a", "ab", "a", "b", "ab"], ["ab", "a", "b", "b", "ab"]
        )
        assert changes == ([0], [1], [2], [3, 4])
        assert changes.different == 3

    def test_a_line_of_which_only_a_space_differs_is_the_same(self):
        assert quickstart.find_changes(["a b", "a b"], ["ab", "b"], ["a b", " b"]).same == [0, 1]

    def test_an_image_that_could_not_be_read_is_a_line_without_characters(self):
        assert quickstart.find_changes(["a", "a", "a"], [None, "a", None], ["a", None, ""]) == ([0], [1], [], [2])


class TestChoice:
    @pytest.mark.parametrize(
        ("mended", "broken", "still_wrong", "shown"),
        [
            (4, 2, 9, (4, 2, 2)),  # there is room for all that were mended or broken, and for two more
            (8, 2, 9, (6, 2, 0)),  # 8 * 2 / 10 is 1.6
            (90, 1, 9, (7, 1, 0)),  # one of those that were broken, though its part is less than half a line
            (1, 90, 9, (1, 7, 0)),
            (20, 0, 9, (8, 0, 0)),
            (0, 20, 9, (0, 8, 0)),
            (0, 0, 9, (0, 0, 8)),
            (1, 0, 2, (1, 0, 2)),  # lines that did not change fill nothing up
        ],
    )
    def test_mended_lines_come_first_and_then_broken_ones(self, mended, broken, still_wrong, shown):
        kinds = [[f"{kind}{number}" for number in range(n)] for kind, n in zip("mbs", (mended, broken, still_wrong))]
        chosen = quickstart.choose_lines(quickstart.Changes(*kinds, ["same"]), 8)
        assert chosen == [each for kind, count in zip(kinds, shown) for each in kind[:count]]

    def test_lines_that_are_the_same_are_shown_if_no_line_changed(self):
        assert quickstart.choose_lines(quickstart.Changes([], [], [], [3, 4, 5]), 2) == [3, 4]


class TestDescription:
    def test_counts_by_hand(self):
        title, note = quickstart.describe(quickstart.Changes([1, 2], [3], [4, 5], [6]), 4)
        assert title == "Fine-tuning mended 2 lines and broke 1"
        assert note.startswith("4 of 5 lines that are read differently: ")

    def test_it_says_that_no_line_changed(self):
        title, note = quickstart.describe(quickstart.Changes([], [], [], [1, 2, 3]), 2)
        assert title == "Fine-tuning mended 0 lines and broke 0"
        assert note == "No line is read differently. Here are 2 of 3 lines."


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
        quickstart.draw_sheet([(line, "出口", "出口", "出口")], tmp_path / "right.png", "title")
        quickstart.draw_sheet([(line, "出口", "出日", "口")], tmp_path / "wrong.png", "title")
        assert self._colours(tmp_path / "right.png", quickstart.WRONG) == 0
        assert self._colours(tmp_path / "wrong.png", quickstart.WRONG) > 50

    def test_the_sheet_grows_with_its_lines(self, tmp_path):
        row = (np.zeros((20, 60, 3), np.uint8), "a", "a", "a")
        sizes = []
        for count, columns in ((1, 2), (2, 2), (3, 2), (3, 1)):
            quickstart.draw_sheet([row] * count, tmp_path / "sheet.png", "title", columns=columns)
            sizes.append(Image.open(tmp_path / "sheet.png").size)
        assert sizes[0][0] * 2 == sizes[1][0] == sizes[2][0]
        assert sizes[2][1] - sizes[1][1] == sizes[3][1] - sizes[2][1] > 100

    def test_the_title_and_the_note_are_above_the_first_line(self, tmp_path):
        row = (np.full((20, 60, 3), 255, np.uint8), "a", "a", "a")
        tops = []
        for number, texts in enumerate((("", ""), ("title", ""), ("title", "note"))):
            file = tmp_path / f"{number}.png"
            quickstart.draw_sheet([row], file, *texts)
            tops.append(np.asarray(Image.open(file).convert("L"))[: quickstart.PADDING + quickstart.PICTURE_HEIGHT])
        assert (tops[0] == 255).all()
        assert (tops[1] < 100).any()
        assert (tops[2] != tops[1]).any()

    def test_a_very_long_line_stays_in_its_cell(self, tmp_path):
        line = np.zeros((20, 4000, 3), np.uint8)
        quickstart.draw_sheet([(line, "永" * 80, "永" * 79, None)], tmp_path / "sheet.png", "title")
        pixels = np.asarray(Image.open(tmp_path / "sheet.png"))
        assert (pixels[:, -quickstart.PADDING :] == 255).all()

    def test_an_unreadable_file_becomes_a_grey_box(self, tmp_path):
        quickstart.draw_sheet([(tmp_path / "absent.png", "永", None, None)], tmp_path / "sheet.png", "title")
        assert self._colours(tmp_path / "sheet.png", quickstart.RULE) > 10000

    def test_a_sheet_without_lines_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="must not be empty"):
            quickstart.draw_sheet([], tmp_path / "sheet.png", "title")
