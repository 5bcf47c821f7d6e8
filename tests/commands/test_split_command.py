"""`split`: a label file in every encoding, files that stay as they are, and what is refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.data.splitting import split_lines

EVERY_LINE = "(.*)"
PAGE = r"(.*)_\d+"
LINES = [f"page{page}_{line}.png\ttext {line}" for page in range(10) for line in range(3)]
CONTENT = "".join(f"{line}\n" for line in LINES)


def run(*arguments):
    return CliRunner().invoke(main, ["split", *map(str, arguments)])


@pytest.fixture
def label_file(tmp_path):
    file = tmp_path / "train.txt"
    file.write_text(CONTENT)
    return file


def contents(folder):
    """{name: content} of the files in a folder."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


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
def test_every_encoding_gives_the_same_files(tmp_path, content):
    (tmp_path / "labels.txt").write_bytes(content)
    done = run(tmp_path / "labels.txt", "--share", 0.5, "--output", tmp_path / "split")
    assert done.exit_code == 0, done.output
    train, validation = ("".join(f"{line}\n" for line in part) for part in split_lines(LINES, 0.5, 1, EVERY_LINE))
    assert contents(tmp_path / "split") == {"train.txt": train, "val.txt": validation}


def test_a_line_ends_where_it_ends_in_training(tmp_path):
    lines = [b"a.png\tone\rtwo\x0bthree\n", "b.png\t\u2028\x85 \t more\n".encode()]
    (tmp_path / "labels.txt").write_bytes(b"".join(lines))
    assert run(tmp_path / "labels.txt", "--output", tmp_path / "split").exit_code == 0
    written = [(tmp_path / "split" / name).read_bytes() for name in ("train.txt", "val.txt")]
    assert sorted(written) == lines


def test_a_line_that_is_not_utf_8_is_named_and_nothing_is_written(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"a.png\tone\nb.png\t\xff\nc.png\tthree\n")
    done = run(tmp_path / "labels.txt", "--output", tmp_path / "split")
    assert done.exit_code == 2
    assert f"{tmp_path / 'labels.txt'}:2: a label file must be UTF-8 text; save the file as UTF-8" in done.output
    assert not (tmp_path / "split").exists()


@pytest.mark.parametrize("separator", [",", " "])
def test_lines_without_a_tab_are_refused_with_the_command_that_gives_them_one(tmp_path, separator):
    (tmp_path / "labels.txt").write_text(f"a.png\tone\nb.png{separator}two\nc.png{separator}three\n")
    done = run(tmp_path / "labels.txt", "--output", tmp_path / "split")
    assert done.exit_code == 2
    assert f"{tmp_path / 'labels.txt'}:2: a line must be `image<TAB>label`, and 2 of 3 lines" in done.output
    assert f"`sed '/\\t/! s/{separator} */\\t/' OLD > NEW`" in done.output
    assert not (tmp_path / "split").exists()


def test_the_command_says_how_many_lines_each_file_has(label_file, tmp_path):
    said = run(label_file, "--share", 0.2, "--group", PAGE, "--output", tmp_path / "split").output
    assert said.splitlines() == [
        f"{tmp_path / 'split' / 'train.txt'}: 24 lines",
        f"{tmp_path / 'split' / 'val.txt'}: 6 lines",
    ]


def test_lines_that_ppocrlabel_cut_out_of_one_picture_stay_together(tmp_path):
    lines = [f"crop_img/photo {page}_crop_{line}.jpg\ttext" for page in range(10) for line in range(8)]
    (tmp_path / "rec_gt.txt").write_text("\n".join(lines))
    done = run(tmp_path / "rec_gt.txt", "--share", 0.2, "--output", tmp_path / "split")
    assert (done.exit_code, done.stderr) == (0, "")
    train, validation = (
        {line.partition("_crop_")[0] for line in text.splitlines()}
        for _, text in sorted(contents(tmp_path / "split").items())
    )
    assert (len(train), len(validation), train & validation) == (8, 2, set())


def test_lines_that_may_be_of_one_picture_are_counted_with_the_option_to_give(label_file, tmp_path):
    said = run(label_file, "--output", tmp_path / "split").stderr
    assert "3 of the 3 lines of val.txt have the names of lines of train.txt up to the number at their end." in said
    assert "--group '(.*)_\\d+'" in said


@pytest.mark.parametrize("names", ["word_{}.png", "{}/a_1.png", "{}_1.png", "{}.png"])
def test_words_that_are_numbered_through_are_not_taken_for_lines_of_one_picture(names, tmp_path):
    (tmp_path / "labels.txt").write_text("".join(f"{names.format(number)}\ttext\n" for number in range(40)))
    done = run(tmp_path / "labels.txt", "--output", tmp_path / "split")
    assert (done.exit_code, done.stderr) == (0, "")


def test_the_label_file_is_not_changed(label_file, tmp_path):
    run(label_file, "--output", tmp_path / "split")
    assert label_file.read_text() == CONTENT


def test_a_second_time_the_same_files_may_be_there(label_file, tmp_path):
    first = run(label_file, "--output", tmp_path / "split")
    before = contents(tmp_path / "split")
    again = run(label_file, "--output", tmp_path / "split")
    assert (again.exit_code, again.output) == (0, first.output)
    assert contents(tmp_path / "split") == before


@pytest.mark.parametrize("names", [("train.txt",), ("val.txt",), ("train.txt", "val.txt")])
def test_files_that_exist_are_named_and_stay(label_file, tmp_path, names):
    output = tmp_path / "split"
    output.mkdir()
    for name in names:
        (output / name).write_text("mine")
    done = run(label_file, "--output", output)
    assert done.exit_code == 2
    assert f"{' and '.join(str(output / name) for name in names)} would be overwritten" in done.output
    assert contents(output) == dict.fromkeys(names, "mine")


def test_a_label_file_is_not_overwritten_by_its_part(label_file):
    done = run(label_file, "--output", label_file.parent)
    assert done.exit_code == 2
    assert f"{label_file} would be overwritten" in done.output
    assert contents(label_file.parent) == {"train.txt": CONTENT}


def test_with_a_folder_in_the_way_no_part_is_written(label_file, tmp_path):
    (tmp_path / "split" / "val.txt").mkdir(parents=True)
    done = run(label_file, "--output", tmp_path / "split")
    assert done.exit_code == 2
    assert str(tmp_path / "split" / "val.txt") in done.output
    assert [path.name for path in (tmp_path / "split").iterdir()] == ["val.txt"]


def test_a_part_that_cannot_be_written_takes_the_other_with_it(label_file, tmp_path, monkeypatch):
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
def test_a_mistake_ends_with_exit_code_2_and_writes_nothing(label_file, tmp_path, arguments):
    done = run(label_file, *arguments, "--output", tmp_path / "split")
    assert done.exit_code == 2, done.output
    assert not (tmp_path / "split").exists()


@pytest.mark.parametrize("file", ["absent.txt", ".", "/proc/self/mem", "/dev/zero"])
def test_what_is_no_label_file_is_refused(tmp_path, file):
    done = run(tmp_path / file, "--output", tmp_path / "split")
    assert done.exit_code == 2
    assert str(tmp_path / file) in done.output
    assert not (tmp_path / "split").exists()


@pytest.mark.parametrize("output", ["train.txt", "train.txt/below a file", "/proc/split"])
def test_a_folder_that_cannot_be_made_is_refused(label_file, output):
    done = run(label_file, "--output", label_file.parent / output)
    assert done.exit_code == 2
    assert "cannot write" in done.output
