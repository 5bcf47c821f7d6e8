"""Which PaddleOCR is used, and the error if there is none."""

import subprocess
import sys
from importlib import metadata

import pytest

from ppocrv2_ext.config.resolve import resolve
from ppocrv2_ext.config.yaml_files import locate, read
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.find import SCRIPTS, SHARED_PACKAGES, TRAINING_PACKAGES, Host, find_host


@pytest.fixture
def clone(tmp_path):
    root = tmp_path / "PaddleOCR"
    for part in SCRIPTS:
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        (root / part).touch()
    for part in SHARED_PACKAGES + TRAINING_PACKAGES:
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


def test_the_wheel_is_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    host = find_host()
    assert (host.kind, host.version) == ("wheel", metadata.version("paddleocr"))
    assert host.missing_packages == TRAINING_PACKAGES


def test_the_wheel_is_found_again_once_its_folder_is_on_the_path(wheel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(wheel.root) in sys.path
    assert find_host() == wheel


def test_a_clone_given_as_option_wins_over_the_variable_and_the_working_directory(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("PADDLEOCR_HOME", str(tmp_path / "elsewhere"))
    assert find_host(clone) == ("checkout", clone, "of unknown commit", ())


def test_the_version_of_a_clone_is_its_commit(clone):
    def git(*arguments):
        identity = ("-c", "user.email=a@example.com", "-c", "user.name=a")
        return subprocess.run(["git", "-C", clone, *identity, *arguments], check=True, capture_output=True, text=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    assert git("rev-parse", "HEAD").stdout.startswith(find_host(clone).version)


def test_the_variable_wins_over_the_wheel(clone, monkeypatch):
    monkeypatch.setenv("PADDLEOCR_HOME", str(clone))
    assert find_host().root == clone


def test_a_working_directory_that_is_a_clone_is_used(clone, monkeypatch):
    monkeypatch.chdir(clone)
    assert find_host().kind == "checkout"


def test_an_incomplete_clone_is_refused_and_the_missing_parts_are_named(clone):
    (clone / "ppocr" / "losses").rmdir()
    with pytest.raises(UserError, match="lacks ppocr/losses"):
        find_host(clone)


def test_if_there_is_no_such_folder_the_error_names_the_option(tmp_path):
    with pytest.raises(UserError, match="--paddleocr must be a clone of PaddleOCR, but there is no folder"):
        find_host(tmp_path / "nowhere")


def test_a_wheel_without_a_trainer_is_refused_and_one_with_it_is_named(wheel_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wheel_of("3.7.0", [])
    with pytest.raises(UserError, match=r"paddleocr 3.7.0 holds no trainer.*2.10.0"):
        find_host()


def test_if_there_is_no_paddleocr_the_error_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(metadata, "distributions", lambda name: [])
    with pytest.raises(UserError, match=r"not installed.*pip install '\.\[trainer\]'.*PADDLEOCR_HOME"):
        find_host()


@pytest.mark.parametrize(("paddle_version", "expected"), [("2.6.2", {}), ("3.3.1", {"export_with_pir": True})])
def test_the_wheel_exports_with_pir_under_paddle_3(tmp_path, monkeypatch, paddle_version, expected):
    monkeypatch.setattr("paddle.__version__", paddle_version)
    assert Host("wheel", tmp_path, "2.10.0", ()).defaults == expected
    assert Host("checkout", tmp_path, "v3.7", ()).defaults == {}


def test_a_config_has_the_last_word_over_the_defaults_of_a_paddleocr(wheel):
    config = read(locate("rec/ch_PP-OCRv2_rec_finetune"))
    defaults = {"export_with_pir": True}
    assert resolve(config, wheel.root, defaults)[0]["Global"]["export_with_pir"] is True
    config["Global"]["export_with_pir"] = False
    assert resolve(config, wheel.root, defaults)[0]["Global"]["export_with_pir"] is False
