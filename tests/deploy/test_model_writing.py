"""A model in a folder, written as a whole: after every failure a reader finds the old one, the new one or none."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import paddle
import pytest

from ppocrv2_ext import staged_folders
from ppocrv2_ext.deploy import model_folder, model_writing
from ppocrv2_ext.deploy.model_writing import require_whole_model, writing_model
from ppocrv2_ext.deploy.params_file import is_whole
from ppocrv2_ext.errors import UserError

EXPORTED = Path(__file__).resolve().parents[1] / "golden" / "exported"
FILES = ("inference.yml", "inference.pdiparams", "inference.json", "inference.onnx")


def write(folder, text, names=FILES):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(text)


def read(folder):
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


class Killed(BaseException):
    """As of a process that ends at once."""


@pytest.fixture
def killed_at(monkeypatch):
    """Let the process be killed when it changes the name of a file for the n-th time, and with it what would tidy."""
    replace, remove = Path.replace, shutil.rmtree

    def arrange(n):
        calls = []

        def stop(self, target):
            calls.append(target)
            if len(calls) == n:
                raise Killed
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", stop)
        monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)

    def revive():
        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(shutil, "rmtree", remove)

    return arrange, revive


def test_a_new_model_takes_the_place_of_the_old_one_and_other_files_stay(tmp_path):
    write(tmp_path / "model", "old")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    with writing_model(tmp_path / "model") as part:
        write(part, "new")
        assert read(tmp_path / "model")["inference.json"] == "old"
    assert read(tmp_path / "model") == {**dict.fromkeys(FILES, "new"), "notes.txt": "mine"}
    assert not [path for path in (tmp_path / "model").iterdir() if path.is_dir()]


def test_an_error_leaves_the_old_model_as_it_was_and_names_its_folder(tmp_path):
    def fail():
        with writing_model(tmp_path) as part:
            write(part, "new", FILES[:2])
            raise UserError(f"{part}/inference.json is broken")

    write(tmp_path, "old")
    with pytest.raises(UserError, match=f"^{tmp_path}/inference.json is broken$"):
        fail()
    assert read(tmp_path) == dict.fromkeys(FILES, "old")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.parametrize("form", ["files", "pair"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_process_that_is_killed_leaves_no_mixture_and_the_next_one_finishes_it(tmp_path, killed_at, n, form):
    names = FILES if form == "files" else ("inference.yml", "inference.onnx")
    arrange, revive = killed_at
    write(tmp_path, "old", names)
    arrange(min(n, len(names)))
    with pytest.raises(Killed), writing_model(tmp_path) as part:
        write(part, "new", names)
    left = read(tmp_path)
    found = {left[name] for name in FILES if name in left}
    assert len(found) == 1 or not {*model_folder.PROGRAMS, model_folder.ONNX_FILE} & left.keys()
    if "inference.json" in left:  # a reader takes it for a model
        assert left["inference.pdiparams"] == left["inference.yml"] == "new"
    revive()
    with pytest.raises(UserError, match="the next one fails"), writing_model(tmp_path):
        raise UserError("the next one fails")
    assert read(tmp_path) == dict.fromkeys(names, "new")


def test_what_a_killed_process_left_of_a_part_is_removed(tmp_path):
    write(tmp_path, "old")
    write(tmp_path / model_writing.PART, "cut off", FILES[:2])
    with writing_model(tmp_path) as part:
        assert read(part) == {}
        write(part, "new")
    assert read(tmp_path) == dict.fromkeys(FILES, "new")


def test_a_link_in_place_of_the_part_is_removed_and_not_what_it_names(tmp_path):
    write(tmp_path / "elsewhere", "mine")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / model_writing.PART).symlink_to(tmp_path / "elsewhere")
    with writing_model(tmp_path / "model") as part:
        write(part, "new")
    assert read(tmp_path / "elsewhere") == dict.fromkeys(FILES, "mine")


def test_no_file_of_an_older_model_is_left_to_hide_the_new_one(tmp_path, capsys):
    write(tmp_path, "old", ("inference.onnx", "inference.pdmodel", "inference.json", "inference.yml"))
    write(tmp_path / "Student", "old", ("inference.json",))
    with writing_model(tmp_path) as part:
        write(part, "new", ("inference.json", "inference.yml"))
    assert read(tmp_path) == {"inference.json": "new", "inference.yml": "new"}
    assert read(tmp_path / "Student") == {"inference.json": "old"}
    said = [f"Removed {tmp_path / name}, which held the model of an earlier export." for name in FILES[3:]]
    assert said[0] in capsys.readouterr().out


def test_a_second_writer_is_refused(tmp_path):
    write(tmp_path, "old")
    script = (
        "import sys; from ppocrv2_ext.deploy.model_writing import writing_model\nwith writing_model(sys.argv[1]): pass"
    )
    with writing_model(tmp_path) as part:
        write(part, "new")
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
        assert f"is in use: process {os.getpid()} on " in done.stderr
        assert "writes a model into it; wait for it, or name another folder." in done.stderr
    assert read(tmp_path) == dict.fromkeys(FILES, "new")


def test_a_folder_in_place_of_a_file_is_refused_before_anything_is_removed(tmp_path):
    write(tmp_path, "old", FILES[1:])
    (tmp_path / "inference.yml").mkdir()
    with pytest.raises(UserError, match="inference.yml: it is a folder; name another"), writing_model(tmp_path) as part:
        write(part, "new")
    assert read(tmp_path) == dict.fromkeys(FILES[1:], "old")


def test_a_disk_that_is_found_full_at_the_end_leaves_the_old_model(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    write(tmp_path, "old")
    monkeypatch.setattr(staged_folders, "synchronize", fail)
    with pytest.raises(UserError, match="No space left on device; make room, or name"), writing_model(tmp_path) as part:
        write(part, "new")
    assert read(tmp_path) == dict.fromkeys(FILES, "old")


def test_a_hidden_folder_holds_no_model_to_be_named(tmp_path):
    write(tmp_path / model_writing.WHOLE, "new")
    assert model_folder.find_exported_models(tmp_path) == []


class TestWholeModels:
    @pytest.fixture
    def model(self, tmp_path):
        for file in EXPORTED.glob("inference.*"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        return tmp_path

    def test_a_whole_model_is_accepted(self, model):
        assert is_whole(model / "inference.pdiparams")
        if paddle.__version__.startswith("3"):  # Paddle 2 reads no program of 3
            require_whole_model(model)

    @pytest.mark.parametrize("size", [0, 1, 30, 4000, -4, -1])
    def test_parameters_that_are_cut_short_are_refused(self, model, size):
        file = model / "inference.pdiparams"
        os.truncate(file, size % (file.stat().st_size + (size >= 0)))
        with pytest.raises(UserError, match="inference.pdiparams was not written to its end; is the disk full"):
            require_whole_model(model)

    def test_parameters_with_something_behind_them_are_refused(self, model):
        with (model / "inference.pdiparams").open("ab") as file:
            file.write(b"\0")
        with pytest.raises(UserError, match="not written to its end"):
            require_whole_model(model)

    @pytest.mark.skipif(paddle.__version__.startswith("2"), reason="Paddle 2 reads no program of 3")
    def test_a_program_that_is_cut_short_is_refused(self, model):
        os.truncate(model / "inference.json", 30_000)
        with pytest.raises(UserError, match="cannot be read; is the disk full.*Paddle cannot load"):
            require_whole_model(model)

    def test_a_missing_description_is_refused(self, model):
        (model / "inference.yml").unlink()
        with pytest.raises(UserError, match="inference.yml was not written"):
            require_whole_model(model)
