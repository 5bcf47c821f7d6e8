"""A label file split for validation: counts by hand, groups that stay together, files that stay as they are."""

import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hold_out import main, split_lines

from ppocrv2_ext.errors import UserError

EVERY_LINE = "(.*)"
PAGE = r"(.*)_\d+"
LINES = [f"page{page}_{line}.png\ttext {line}" for page in range(10) for line in range(3)]
CONTENT = "".join(f"{line}\n" for line in LINES)


def page_of(line):
    return line.partition("_")[0]


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def label_file(tmp_path):
    file = tmp_path / "train.txt"
    file.write_text(CONTENT)
    return file


def contents(folder):
    """{name: content} of the files in a folder."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


class TestSplitLines:
    def test_value_by_hand(self):
        # Three lines are three groups, and a third of them is one: the first name of the shuffled ones.
        names = ["a", "b", "c"]
        random.Random(5).shuffle(names)
        train, validation = split_lines(["c\t3", "a\t1", "b\t2"], 1 / 3, 5, EVERY_LINE)
        assert [line[:1] for line in validation] == names[:1]
        assert [line[:1] for line in train] == [name for name in "cab" if name != names[0]]

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
        repeated = [line.partition("\t")[0] + "\tanother text" for line in LINES]
        train, validation = split_lines([*LINES, *repeated], 0.5, 1, EVERY_LINE)
        images = [{line.partition("\t")[0] for line in part} for part in (train, validation)]
        assert images[0].isdisjoint(images[1])

    @pytest.mark.parametrize("spelling", ["./{}", "w/../{}", "w//../{}", '["{}", "b/{}"]', '["b/{}", "./{}"]'])
    @pytest.mark.parametrize("seed", range(5))
    def test_a_picture_is_in_one_part_however_it_is_named(self, spelling, seed):
        names = [f"{number}.png" for number in range(20)]
        lines = [f"{name}\ttext" for name in names] + [f"{spelling.replace('{}', name)}\ttext" for name in names]
        train, validation = split_lines(lines, 0.3, seed, EVERY_LINE)
        assert (len(train), len(validation)) == (2 * 14, 2 * 6)
        found = [
            {name for name in names if any(re.search(rf"\b{name}", line) for line in part)}
            for part in (train, validation)
        ]
        assert found[0].isdisjoint(found[1])

    def test_a_line_of_several_pictures_joins_their_groups(self):
        # a - b - c are one group by two lines, d is another one.
        lines = ["a_1\tx", '["a_2", "b_1"]\tx', '["c_1", "b_2"]\tx', "c_3\tx", "d_1\tx"]
        train, validation = split_lines(lines, 0.5, 1, PAGE)
        assert sorted((len(train), len(validation))) == [1, 4]

    def test_a_name_that_the_pattern_does_not_match_is_a_group_alone(self):
        # Three groups, of 1, 1 and 3 lines; two of them validate.
        lines = ["cover.png\ta", "back.png\tb", *LINES[:3]]
        counts = {len(split_lines(lines, 0.5, seed, PAGE)[1]) for seed in range(20)}
        assert counts == {1 + 1, 1 + 3}

    def test_a_group_that_takes_no_part_in_the_match_is_no_group(self):
        train, validation = split_lines(["a1\tx", "b2\ty"], 0.5, 1, "(a)?[12]")
        assert len(train) == len(validation) == 1

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

    @pytest.mark.parametrize("share", [0, 1, -1, float("nan")])
    def test_a_share_of_nothing_or_all_is_refused(self, share):
        with pytest.raises(UserError, match="between 0 and 1"):
            split_lines(LINES, share, 1, EVERY_LINE)


class TestCommand:
    @pytest.mark.parametrize(
        "content",
        [
            CONTENT.encode(),
            CONTENT[:-1].encode(),
            CONTENT.replace("\n", "\n \t\n\n").encode(),
            CONTENT.replace("\n", "\r\n").encode(),
            CONTENT.encode("utf-8-sig"),
            CONTENT.encode("utf-16"),
            CONTENT.encode("utf-16-le"),
        ],
        ids=[
            "utf-8",
            "no last line end",
            "blank lines",
            "line ends of Windows",
            "with a mark",
            "utf-16",
            "without a mark",
        ],
    )
    def test_every_encoding_gives_the_same_files(self, tmp_path, content):
        (tmp_path / "labels.txt").write_bytes(content)
        done = run(tmp_path / "labels.txt", "--share", 0.5, "--output", tmp_path / "split")
        assert done.exit_code == 0, done.output
        train, validation = ("".join(f"{line}\n" for line in part) for part in split_lines(LINES, 0.5, 1, EVERY_LINE))
        assert contents(tmp_path / "split") == {"train.txt": train, "val.txt": validation}

    def test_a_line_ends_where_it_ends_in_training(self, tmp_path):
        lines = [b"a.png\tone\rtwo\x0bthree\n", "b.png\t\u2028\x85 \t more\n".encode()]
        (tmp_path / "labels.txt").write_bytes(b"".join(lines))
        assert run(tmp_path / "labels.txt", "--output", tmp_path / "split").exit_code == 0
        written = [(tmp_path / "split" / name).read_bytes() for name in ("train.txt", "val.txt")]
        assert sorted(written) == lines

    def test_a_line_that_is_not_utf_8_is_named_and_nothing_is_written(self, tmp_path):
        (tmp_path / "labels.txt").write_bytes(b"a.png\tone\nb.png\t\xff\nc.png\tthree\n")
        done = run(tmp_path / "labels.txt", "--output", tmp_path / "split")
        assert done.exit_code == 2
        assert f"{tmp_path / 'labels.txt'}:2: a label file must be UTF-8 text; save the file as UTF-8" in done.output
        assert not (tmp_path / "split").exists()

    @pytest.mark.parametrize("separator", [",", " "])
    def test_lines_without_a_tab_are_refused_with_the_command_that_gives_them_one(self, tmp_path, separator):
        (tmp_path / "labels.txt").write_text(f"a.png\tone\nb.png{separator}two\nc.png{separator}three\n")
        done = run(tmp_path / "labels.txt", "--output", tmp_path / "split")
        assert done.exit_code == 2
        assert f"{tmp_path / 'labels.txt'}:2: a line must be `image<TAB>label`, and 2 of 3 lines" in done.output
        assert f"`sed '/\\t/! s/{separator} */\\t/' OLD > NEW`" in done.output
        assert not (tmp_path / "split").exists()

    def test_the_command_says_how_many_lines_each_file_has(self, label_file, tmp_path):
        said = run(label_file, "--share", 0.2, "--group", PAGE, "--output", tmp_path / "split").output
        assert said.splitlines() == [
            f"{tmp_path / 'split' / 'train.txt'}: 24 lines",
            f"{tmp_path / 'split' / 'val.txt'}: 6 lines",
        ]

    def test_the_label_file_is_not_changed(self, label_file, tmp_path):
        run(label_file, "--output", tmp_path / "split")
        assert label_file.read_text() == CONTENT

    def test_a_second_time_the_same_files_may_be_there(self, label_file, tmp_path):
        first = run(label_file, "--output", tmp_path / "split")
        before = contents(tmp_path / "split")
        again = run(label_file, "--output", tmp_path / "split")
        assert (again.exit_code, again.output) == (0, first.output)
        assert contents(tmp_path / "split") == before

    @pytest.mark.parametrize("names", [("train.txt",), ("val.txt",), ("train.txt", "val.txt")])
    def test_files_that_exist_are_named_and_stay(self, label_file, tmp_path, names):
        output = tmp_path / "split"
        output.mkdir()
        for name in names:
            (output / name).write_text("mine")
        done = run(label_file, "--output", output)
        assert done.exit_code == 2
        assert f"{' and '.join(str(output / name) for name in names)} would be overwritten" in done.output
        assert contents(output) == dict.fromkeys(names, "mine")

    def test_a_label_file_is_not_overwritten_by_its_part(self, label_file):
        done = run(label_file, "--output", label_file.parent)
        assert done.exit_code == 2
        assert f"{label_file} would be overwritten" in done.output
        assert contents(label_file.parent) == {"train.txt": CONTENT}

    def test_with_a_folder_in_the_way_no_part_is_written(self, label_file, tmp_path):
        (tmp_path / "split" / "val.txt").mkdir(parents=True)
        done = run(label_file, "--output", tmp_path / "split")
        assert done.exit_code == 2
        assert str(tmp_path / "split" / "val.txt") in done.output
        assert [path.name for path in (tmp_path / "split").iterdir()] == ["val.txt"]

    def test_a_part_that_cannot_be_written_takes_the_other_with_it(self, label_file, tmp_path, monkeypatch):
        write, written = Path.write_bytes, []

        def fill_the_disk(path, content):
            if written:
                raise OSError(28, "No space left on device")
            written.append(path)
            return write(path, content)

        monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
        done = run(label_file, "--output", tmp_path / "split")
        assert done.exit_code == 2
        assert "No space left on device" in done.output
        assert len(written) == 1
        assert contents(tmp_path / "split") == {}

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--share", 0],
            ["--share", 1],
            ["--share", "nan"],
            ["--group", "page"],
            ["--group", "(page"],
            ["--group", "(page)"],
        ],
    )
    def test_a_mistake_ends_with_exit_code_2_and_writes_nothing(self, label_file, tmp_path, arguments):
        done = run(label_file, *arguments, "--output", tmp_path / "split")
        assert done.exit_code == 2, done.output
        assert not (tmp_path / "split").exists()

    @pytest.mark.parametrize("file", ["absent.txt", ".", "/proc/self/mem", "/dev/zero"])
    def test_what_is_no_label_file_is_refused(self, tmp_path, file):
        done = run(tmp_path / file, "--output", tmp_path / "split")
        assert done.exit_code == 2
        assert str(tmp_path / file) in done.output
        assert not (tmp_path / "split").exists()

    @pytest.mark.parametrize("output", ["train.txt/below a file", "/proc/split"])
    def test_a_folder_that_cannot_be_made_is_refused(self, label_file, output):
        done = run(label_file, "--output", label_file.parent / output)
        assert done.exit_code == 2
        assert "cannot write" in done.output
