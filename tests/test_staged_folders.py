"""A folder that is filled whole or not at all."""

from pathlib import Path

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.staged_folders import fill_folder


def fill(folder, error=None):
    with fill_folder(folder) as part:
        (part / "images").mkdir()
        (part / "images" / "1.png").write_text("one")
        (part / "labels.txt").write_text("1.png")
        if error:
            raise error


def list_files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("made", [True, False])
def test_a_new_or_an_empty_folder_is_filled(tmp_path, made):
    folder = tmp_path / "a" / "b"
    if made:
        folder.mkdir(parents=True)
    fill(folder)
    assert list_files(tmp_path) == ["a/b/images/1.png", "a/b/labels.txt"]


@pytest.mark.parametrize("error", [UserError("no line"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_after_an_error_a_new_folder_is_gone(tmp_path, error):
    with pytest.raises((UserError, KeyboardInterrupt)):
        fill(tmp_path / "a" / "b", error)
    assert list(tmp_path.iterdir()) == []


def test_after_an_error_an_empty_folder_is_empty(tmp_path):
    with pytest.raises(UserError, match="no line"):
        fill(tmp_path, UserError("no line"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=f"cannot write to {tmp_path}: No space left on device; name another --output"):
        fill(tmp_path, OSError(28, "No space left on device"))


@pytest.mark.parametrize("name", ["train.txt", ".hidden"])
def test_a_folder_that_holds_something_is_refused_and_says_what(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=f"is not empty, it holds {name}"):
        fill(tmp_path)
    assert (tmp_path / name).read_text() == "mine"
    assert list_files(tmp_path) == [name]


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/new"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, folder):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot write to"):
        fill(tmp_path / Path(folder))
    assert (tmp_path / "file").read_text() == "mine"
