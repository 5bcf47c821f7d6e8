"""The command that renders made-up words: the files it writes, and the mistakes after which it writes none."""

import pytest
from click.testing import CliRunner
from render_words import main

from ppocrv2_ext.preview import fonts

FEW = ("--train", 3, "--val", 1, "--test", 2)


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def font():
    pytest.importorskip(fonts.FONT_PACKAGE)


def test_the_parts_their_pictures_and_the_dictionary_are_written(font, tmp_path):
    done = run(*FEW, "--output", tmp_path / "words")
    assert done.exit_code == 0, done.output
    assert done.output.split() == [str(tmp_path / "words" / f"{part}.txt") for part in ("train", "val", "test")]
    names = sorted(path.name for path in (tmp_path / "words").iterdir())
    assert names == ["characters.txt", "test", "test.txt", "train", "train.txt", "val", "val.txt"]
    rows = (tmp_path / "words" / "train.txt").read_text().splitlines()
    assert [row.partition("\t")[0] for row in rows] == [f"train/{number:04}.png" for number in range(3)]
    assert all((tmp_path / "words" / row.partition("\t")[0]).is_file() for row in rows)


@pytest.mark.parametrize("name", ["train.txt", "characters.txt", "mine.txt"])
def test_a_folder_that_holds_something_is_refused_and_stays_as_it_is(font, tmp_path, name):
    (tmp_path / name).write_text("mine")
    done = run(*FEW, "--output", tmp_path)
    assert done.exit_code == 2
    assert f"{tmp_path} is not empty, it holds {name}" in done.output
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--fonts", "sans,mono"], "there is no font 'mono'; there are sans, serif"),
        (["--fonts", ""], "there is no font ''"),
        (["--alphabet", "digits", "--train", 999_998], "up to 1000000 different words, got 1000001"),
        (["--train", 0], "0 is not in the range"),
    ],
)
def test_a_mistake_ends_with_exit_code_2_and_writes_nothing(font, tmp_path, arguments, problem):
    done = run(*FEW, *arguments, "--output", tmp_path / "words")
    assert done.exit_code == 2
    assert problem in done.output
    assert not (tmp_path / "words").exists()


def test_a_font_that_is_not_installed_is_named_and_nothing_is_written(font, tmp_path, monkeypatch):
    find = fonts.util.find_spec
    monkeypatch.setattr(fonts.util, "find_spec", lambda name: None if "manimgx" in name else find(name))
    done = run(*FEW, "--fonts", "sans,black", "--output", tmp_path / "words")
    assert done.exit_code == 2
    assert "the font 'black' is not installed; run `pip install manimgx-fonts-cjk==" in done.output
    assert not (tmp_path / "words").exists()


@pytest.mark.parametrize("output", ["file/words", "/proc/words"])
def test_a_folder_that_cannot_be_made_is_named(font, tmp_path, output):
    (tmp_path / "file").write_text("mine")
    done = run(*FEW, "--output", tmp_path / output)
    assert done.exit_code == 2
    assert f"cannot write to {tmp_path / output}" in done.output
