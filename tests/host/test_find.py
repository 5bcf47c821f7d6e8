"""Which PaddleOCR is used, and what is said where there is none."""

import subprocess
import sys
from importlib import metadata

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.find import SCRIPTS, SHARED, TRAINING, find


@pytest.fixture
def clone(tmp_path):
    root = tmp_path / "PaddleOCR"
    for part in SCRIPTS:
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        (root / part).touch()
    for part in SHARED + TRAINING:
        (root / part).mkdir(parents=True)
    return root


@pytest.fixture
def wheel_of(tmp_path, monkeypatch):
    """Pretend that a paddleocr of some version, with or without a trainer, is installed."""

    def install(version, parts):
        for part in parts:
            (tmp_path / "site" / "paddleocr" / part).mkdir(parents=True)

        class Distribution:
            def locate_file(self, name):
                return tmp_path / "site" / name

        Distribution.version = version
        monkeypatch.setattr(metadata, "distributions", lambda name: [Distribution()])

    return install


def test_the_wheel_is_found_where_nothing_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    host = find()
    assert (host.kind, host.version) == ("wheel", metadata.version("paddleocr"))
    assert host.lacks == TRAINING


def test_the_wheel_is_found_again_once_its_folder_is_on_the_path(wheel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(wheel.root) in sys.path
    assert find() == wheel


def test_a_named_clone_wins_over_the_variable_and_the_working_directory(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("PADDLEOCR_HOME", str(tmp_path / "elsewhere"))
    assert find(clone) == ("checkout", clone, "of unknown commit", ())


def test_a_clone_with_its_history_says_which_commit_it_is_at(clone):
    def git(*arguments):
        identity = ("-c", "user.email=a@example.com", "-c", "user.name=a")
        return subprocess.run(["git", "-C", clone, *identity, *arguments], check=True, capture_output=True, text=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    assert git("rev-parse", "HEAD").stdout.startswith(find(clone).version)


def test_the_variable_wins_over_the_wheel(clone, monkeypatch):
    monkeypatch.setenv("PADDLEOCR_HOME", str(clone))
    assert find().root == clone


def test_a_working_directory_that_is_a_clone_is_used(clone, monkeypatch):
    monkeypatch.chdir(clone)
    assert find().kind == "checkout"


def test_half_a_clone_names_what_is_missing(clone):
    (clone / "ppocr" / "losses").rmdir()
    with pytest.raises(UserError, match="lacks ppocr/losses"):
        find(clone)


def test_a_clone_that_is_not_there_is_refused_by_the_name_of_its_option(tmp_path):
    with pytest.raises(UserError, match="--paddleocr must be a clone of PaddleOCR, but there is no folder"):
        find(tmp_path / "nowhere")


def test_a_wheel_without_a_trainer_says_which_one_has_it(wheel_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wheel_of("3.7.0", [])
    with pytest.raises(UserError, match=r"paddleocr 3.7.0 holds no trainer.*2.10.0"):
        find()


def test_no_paddleocr_at_all_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metadata, "distributions", lambda name: [])
    with pytest.raises(UserError, match=r"not installed.*pip install '\.\[trainer\]'.*PADDLEOCR_HOME"):
        find()
