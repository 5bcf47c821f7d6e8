"""`compare` through the command line, with readers that need no model."""

import re

import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import compare

ONE_SPACE = "Several spaces in a row are one, and those at the ends of a line are none."


@pytest.fixture
def run(monkeypatch, samples):
    """Run the command. The reader "right" knows every label, "short" leaves the last character out."""
    labels = dict(
        line.split("\t") for line in (samples / "icdar2015_words" / "test.txt").read_text("utf-8").splitlines()
    )
    texts = list(labels.values())

    def load(folder, engine):
        read = iter(texts)
        return lambda lines: [(next(read)[: None if folder == "right" else -1], 0.9) for _ in lines]

    monkeypatch.setattr(compare, "_load_reader", load)

    def invoke(*arguments):
        return CliRunner().invoke(main, ["compare", *map(str, arguments)])

    return invoke


def test_every_line_that_only_the_first_one_reads_is_broken(run, samples, tmp_path):
    labels = samples / "icdar2015_words" / "test.txt"
    count = len(labels.read_text("utf-8").splitlines())
    result = run("right", "short", "--data", labels, "--output", tmp_path / "page.html")
    assert result.exit_code == 0
    assert result.output.splitlines()[1].split()[1:] == [str(count), "1.000", "0.000", "0", str(count)]
    assert (tmp_path / "page.html").is_file()


def test_new_confusions_are_told_in_words(run, samples):
    labels = samples / "icdar2015_words" / "test.txt"
    told = run("right", "short", "--data", labels).output.splitlines()[-1]
    head, _, confusions = told.partition(": ")
    assert head == f"New confusions in {labels}"
    assert re.fullmatch(r"'.' left out \(\d+\)(, '.' left out \(\d+\))*", confusions)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ([], f"Case and spaces count; --ignore-case and --ignore-space leave them out. {ONE_SPACE}"),
        (["--ignore-case"], f"Spaces count, case does not; --ignore-space leaves them out too. {ONE_SPACE}"),
        (["--ignore-space"], "Case counts, spaces do not; --ignore-case leaves it out too."),
        (["--ignore-case", "--ignore-space"], "Neither case nor spaces count."),
    ],
)
def test_the_screen_and_the_page_say_what_counts(run, samples, tmp_path, options, rule):
    labels, page = samples / "icdar2015_words" / "test.txt", tmp_path / "page.html"
    result = run("right", "short", "--data", labels, "--output", page, *options)
    assert result.output.splitlines()[2] == rule
    assert rule in page.read_text(encoding="utf-8")


def test_a_line_without_its_image_is_named_and_the_others_count(run, samples, tmp_path):
    labels = tmp_path / "labels.txt"
    lines = (samples / "icdar2015_words" / "test.txt").read_text("utf-8").splitlines()
    labels.write_text("\n".join([*lines, "gone.png\tgone"]), encoding="utf-8")
    result = run("right", "right", "--data", labels, "--data-dir", samples / "icdar2015_words")
    assert result.exit_code == 1
    assert f"labels.txt:{len(lines) + 1}" in result.output


@pytest.mark.parametrize("broken", [b"word.png \xe9t\xe9", b"word.png without a tab"])
def test_a_line_that_is_no_sample_is_named_and_the_others_count(run, samples, tmp_path, broken):
    labels = tmp_path / "labels.txt"
    labels.write_bytes((samples / "icdar2015_words" / "test.txt").read_bytes().rstrip() + b"\n\n" + broken + b"\n")
    count = len(labels.read_bytes().splitlines())
    result = run("right", "right", "--data", labels, "--data-dir", samples / "icdar2015_words")
    assert result.exit_code == 1
    assert f"labels.txt:{count}: it is not `image<TAB>label` in UTF-8." in result.output


@pytest.fixture
def words(samples):
    """The lines of a label file, ``name<TAB>text``."""
    return (samples / "icdar2015_words" / "test.txt").read_text("utf-8").splitlines()


@pytest.fixture
def count(run, samples, tmp_path):
    """Run the command on these lines of a label file: ``count(lines)`` gives the exit code, stderr and the row."""

    def count(lines):
        (tmp_path / "labels.txt").write_text("\n".join(lines), encoding="utf-8")
        result = run("right", "right", "--data", tmp_path / "labels.txt", "--data-dir", samples / "icdar2015_words")
        return result.exit_code, result.stderr, result.stdout.splitlines()[1].split()[1:]

    return count


def test_a_line_that_stands_twice_counts_once(count, words):
    assert count([*words, words[0]]) == (0, "", [str(len(words)), "1.000", "1.000", "0", "0"])


def test_a_line_that_contradicts_another_one_is_named_and_does_not_count(count, words, samples, tmp_path):
    name, text = words[0].split("\t")
    file = tmp_path / "labels.txt"
    code, said, row = count([*words, f"{name}\t{text}x"])
    assert (code, row) == (1, [str(len(words)), "1.000", "1.000", "0", "0"])
    assert said == (
        f"ppocrv2: {file}:{len(words) + 1}: {samples / 'icdar2015_words' / name} has another label at {file}:1; "
        "label it in one line.\n"
    )


def test_the_page_names_pictures_as_the_label_file_does(run, samples, words, tmp_path):
    labels, page = samples / "icdar2015_words" / "test.txt", tmp_path / "page.html"
    run("right", "short", "--data", labels, "--output", page)
    text = page.read_text(encoding="utf-8")
    assert words[0].split("\t")[0] in text
    assert str(samples / "icdar2015_words" / words[0].split("\t")[0]) not in text


def test_more_lines_than_are_in_memory_at_once_are_read(count, words, monkeypatch):
    monkeypatch.setattr(compare, "BATCH", 3)
    assert len(words) > 3
    assert count(words)[2] == [str(len(words)), "1.000", "1.000", "0", "0"]


def test_a_label_file_of_which_nothing_can_be_read_is_refused(run, tmp_path):
    labels = tmp_path / "labels.txt"
    (tmp_path / "notes.png").write_text("no picture")
    labels.write_text("notes.png\tgone\n")
    result = run("right", "right", "--data", labels)
    assert result.exit_code == 2
    assert "none of its lines could be read" in result.output


def test_labels_of_scenes_are_no_texts_of_lines(run, samples):
    result = run("right", "right", "--data", samples / "icdar2015_scenes" / "test.txt")
    assert result.exit_code == 2
    assert "the label is a list of boxes, and not the text of a line.\n" in result.output


def test_a_folder_of_images_is_needed_for_each_label_file(run, samples):
    labels = samples / "icdar2015_words" / "test.txt"
    result = run("right", "right", "--data", labels, "--data", labels, "--data-dir", samples)
    assert result.exit_code == 2
    assert "give --data-dir once for each --data, got 1 for 2" in result.output


def test_a_model_that_is_not_there_is_refused(samples):
    labels = samples / "icdar2015_words" / "test.txt"
    result = CliRunner().invoke(main, ["compare", "nowhere", "nowhere", "--data", str(labels)])
    assert result.exit_code == 2
    assert "nowhere: there is no such folder" in result.output
