"""A label file split for validation: counts by hand, groups that stay together, bytes that stay as they are."""

import codecs
import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from hold_out import main, split_lines

from ppocrv2_ext.errors import UserError

EVERY_LINE = "(.*)"
PAGE = r"(.*)_\d+"
LINES = [f"page{page}_{line}.png\ttext {line}\n".encode() for page in range(10) for line in range(3)]


def page_of(line):
    return line.partition(b"_")[0]


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def label_file(tmp_path):
    file = tmp_path / "train.txt"
    file.write_bytes(b"".join(LINES))
    return file


class TestSplitLines:
    def test_value_by_hand(self):
        # Three lines are three groups, and a third of them is one: the first name of the shuffled ones.
        names = ["a", "b", "c"]
        random.Random(5).shuffle(names)
        train, validation = split_lines([b"c\t3\n", b"a\t1\n", b"b\t2\n"], 1 / 3, 5, EVERY_LINE)
        assert [line[:1].decode() for line in validation] == names[:1]
        assert [line[:1].decode() for line in train] == [name for name in "cab" if name != names[0]]

    @pytest.mark.parametrize(("share", "groups"), [(0.2, 2), (0.5, 5), (0.01, 1), (0.99, 9)])
    def test_the_share_is_of_the_groups_and_both_parts_have_one(self, share, groups):
        train, validation = split_lines(LINES, share, 1, PAGE)
        assert (len(validation), len(train)) == (3 * groups, 3 * (10 - groups))

    @pytest.mark.parametrize("seed", range(20))
    def test_groups_stay_together(self, seed):
        train, validation = split_lines(LINES, 0.3, seed, PAGE)
        assert {page_of(line) for line in train}.isdisjoint(page_of(line) for line in validation)

    @pytest.mark.parametrize("pattern", [EVERY_LINE, PAGE])
    def test_every_line_is_in_one_part_in_the_order_of_the_file(self, pattern):
        train, validation = split_lines(LINES, 0.3, 1, pattern)
        assert set(train).isdisjoint(validation)
        assert sorted(train + validation, key=LINES.index) == LINES
        assert all(sorted(part, key=LINES.index) == part for part in (train, validation))

    def test_the_same_seed_splits_alike_and_another_does_not(self):
        assert split_lines(LINES, 0.3, 1, PAGE) == split_lines(LINES, 0.3, 1, PAGE) != split_lines(LINES, 0.3, 2, PAGE)

    def test_the_order_of_the_file_does_not_change_who_validates(self):
        assert set(split_lines(LINES, 0.3, 1, PAGE)[1]) == set(split_lines(LINES[::-1], 0.3, 1, PAGE)[1])

    def test_lines_of_one_image_are_never_parted(self):
        repeated = [line.partition(b"\t")[0] + b"\tanother text\n" for line in LINES]
        train, validation = split_lines([*LINES, *repeated], 0.5, 1, EVERY_LINE)
        images = [{line.partition(b"\t")[0] for line in part} for part in (train, validation)]
        assert images[0].isdisjoint(images[1])

    def test_a_name_that_the_pattern_does_not_match_is_a_group_alone(self):
        # Three groups, of 1, 1 and 3 lines; two of them validate.
        lines = [b"cover.png\ta\n", b"back.png\tb\n", *LINES[:3]]
        counts = {len(split_lines(lines, 0.5, seed, PAGE)[1]) for seed in range(20)}
        assert counts == {1 + 1, 1 + 3}

    def test_a_group_that_takes_no_part_in_the_match_is_no_group(self):
        train, validation = split_lines([b"a1\tx\n", b"b2\ty\n"], 0.5, 1, "(a)?[12]")
        assert len(train) == len(validation) == 1

    @pytest.mark.parametrize("seed", range(8))
    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, seed):
        marked = [codecs.BOM_UTF8 + LINES[0], *LINES[1:6]]
        for part in split_lines(marked, 0.5, seed, PAGE):
            assert len(part) == 3

    @pytest.mark.parametrize(
        ("lines", "pattern", "problem"),
        [
            (LINES[:3], PAGE, "at least 2 groups of lines to split, got 1"),
            ([], EVERY_LINE, "at least 2 groups of lines to split, got 0"),
            (LINES, "page", r"'page' has no \(\.\.\.\)"),
            (LINES, "(page", "is no regular expression"),
        ],
    )
    def test_what_cannot_be_split_is_refused(self, lines, pattern, problem):
        with pytest.raises(UserError, match=problem):
            split_lines(lines, 0.5, 1, pattern)


class TestCommand:
    def test_both_files_hold_the_lines_byte_for_byte(self, tmp_path):
        lines = [
            "一_0.png\t出口\n".encode(),
            b"two_0.png\t\xff broken\r\n",
            b"three_0.png\t  spaces \n",
            b"four_0.png\tend",
        ]
        (tmp_path / "labels.txt").write_bytes(b"".join([lines[0], b"\n", *lines[1:]]))  # and one empty line
        done = run(tmp_path / "labels.txt", "--share", 0.5, "--output", tmp_path / "split")
        assert done.exit_code == 0, done.output
        train, validation = split_lines(lines, 0.5, 1, EVERY_LINE)
        assert (tmp_path / "split" / "train.txt").read_bytes() == b"".join(train)
        assert (tmp_path / "split" / "val.txt").read_bytes() == b"".join(validation)

    def test_the_command_says_how_many_lines_each_file_has(self, label_file, tmp_path):
        said = run(label_file, "--share", 0.2, "--group", PAGE, "--output", tmp_path / "split").output
        assert said.splitlines() == [
            f"{tmp_path / 'split' / 'train.txt'}: 24 lines",
            f"{tmp_path / 'split' / 'val.txt'}: 6 lines",
        ]

    def test_the_label_file_is_not_changed(self, label_file, tmp_path):
        run(label_file, "--output", tmp_path / "split")
        assert label_file.read_bytes() == b"".join(LINES)

    def test_a_label_file_is_not_overwritten_by_its_part(self, label_file):
        done = run(label_file, "--output", label_file.parent)
        assert done.exit_code == 2
        assert "would be overwritten" in done.output
        assert label_file.read_bytes() == b"".join(LINES)

    @pytest.mark.parametrize(
        "arguments",
        [["--share", 0], ["--share", 1], ["--group", "page"], ["--group", "(page"], ["--group", "(page)"]],
    )
    def test_a_mistake_ends_with_exit_code_2_and_writes_nothing(self, label_file, tmp_path, arguments):
        done = run(label_file, *arguments, "--output", tmp_path / "split")
        assert done.exit_code == 2, done.output
        assert not (tmp_path / "split").exists()

    def test_a_missing_file_is_refused(self, tmp_path):
        assert run(tmp_path / "absent.txt", "--output", tmp_path / "split").exit_code == 2

    def test_a_folder_that_cannot_be_made_is_refused(self, label_file):
        done = run(label_file, "--output", Path(label_file) / "below a file")
        assert done.exit_code == 2
        assert not isinstance(done.exception, OSError)
