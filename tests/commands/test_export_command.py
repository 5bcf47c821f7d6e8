"""`export` into a folder that holds a model, on a full disk, and beside another export."""

import hashlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import paddle
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import export, prepare
from ppocrv2_ext.deploy.model_folder import read_yaml
from ppocrv2_ext.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ARGUMENTS = ["export", "-c", "config.yml", "-o", "Global.pretrained_model=recognizer", "--output", "exported"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A recognizer, and what was exported of it before, in the working directory."""
    shutil.copytree(ROOT / "tests" / "golden", tmp_path, dirs_exist_ok=True)
    config = tmp_path / "config.yml"
    if not paddle.__version__.startswith("3"):  # Paddle 2 has no such programs
        config.write_text(config.read_text().replace("export_with_pir: true", "export_with_pir: false"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hashes(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("error", [UserError("PaddleOCR stopped"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_an_export_that_stops_after_its_first_file_leaves_the_old_model(wheel, folder, monkeypatch, error):
    def stop(host, script, config):
        (Path(config["Global"]["save_inference_dir"]) / "inference.yml").write_text("new")
        raise error

    before = hashes(folder / "exported")
    monkeypatch.setattr(export, "run_host_script", stop)
    assert CliRunner().invoke(main, ARGUMENTS).exit_code in (2, 130)
    assert hashes(folder / "exported") == before


def test_an_export_that_is_refused_leaves_no_folder_that_it_made(wheel, folder, monkeypatch):
    def stop(host, script, config):
        raise UserError("PaddleOCR stopped")

    monkeypatch.setattr(export, "run_host_script", stop)
    assert CliRunner().invoke(main, [*ARGUMENTS[:-1], "new/model"]).exit_code == 2
    assert not (folder / "new").exists()


def test_without_a_description_by_paddleocr_as_in_2_8_it_is_written_here(wheel, folder, monkeypatch):
    def as_in_2_8(host, script, config):
        prepare.run_host_script(host, script, config)
        description = Path(config["Global"]["save_inference_dir"]) / "inference.yml"
        theirs.append(read_yaml(description))
        description.unlink()

    theirs = []
    monkeypatch.setattr(export, "run_host_script", as_in_2_8)
    assert CliRunner().invoke(main, ARGUMENTS).exit_code == 0
    ours = read_yaml(folder / "exported" / "inference.yml")
    assert ours == {key: value for key, value in theirs[0].items() if key != "Hpi"}  # for PaddleX alone


@pytest.fixture
def on_a_full_disk(ppocrv2_here, monkeypatch):
    """Run the command where no file may have more than so many bytes: ``on_a_full_disk(16_000, "export", ...)``."""

    def run(largest, *arguments):
        monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module that is cut would be read by later tests
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, before[1]))
        try:
            return ppocrv2_here(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return run


def sentence_of(done):
    assert done.returncode == 2, done.stderr
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("ppocrv2: ")]
    assert "Traceback" not in done.stderr
    return sentence


def test_an_export_on_a_full_disk_leaves_the_old_model(folder, on_a_full_disk):
    before = hashes(folder / "exported")
    done = on_a_full_disk(16_000, *ARGUMENTS)
    assert "is the disk full? Make room, and " in sentence_of(done)
    assert hashes(folder / "exported") == before


@pytest.mark.parametrize("suffix", [".safetensors", ".pdparams"])
def test_an_average_on_a_full_disk_is_refused_and_leaves_the_old_one(folder, suffix, on_a_full_disk):
    pytest.importorskip("safetensors")
    target = folder / f"mean{suffix}"
    target.write_bytes(b"old")
    shutil.copy("recognizer.pdparams", "other.pdparams")
    shutil.copy("characters.txt", "recognizer.dict.txt")
    shutil.copy("characters.txt", "other.dict.txt")
    arguments = ["average", "recognizer.pdparams", "other.pdparams", "--output", target.name]
    assert f"cannot write {target.name}: File too large" in sentence_of(on_a_full_disk(16_000, *arguments))
    assert target.read_bytes() == b"old"


HOLD = """
import sys
from ppocrv2_ext import folder_lock
from ppocrv2_ext.deploy.model_writing import LOCK

with folder_lock.hold("exported", LOCK):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_exports_into_one_folder_do_not_mix(folder, ppocrv2_here):
    environment, pipes = {**os.environ, "PYTHONPATH": str(ROOT)}, {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD], env=environment, **pipes) as other:  # which ends with its input
        assert other.stdout.readline() == b"held\n"
        done = ppocrv2_here(*ARGUMENTS)
    assert "exported is in use" in sentence_of(done)


def test_the_log_and_the_converter_name_the_folder_of_the_model(folder, ppocrv2_here):
    pytest.importorskip("paddle2onnx")
    (folder / "exported" / "notes.txt").write_text("mine")
    done = ppocrv2_here(*ARGUMENTS, "--onnx")
    assert done.returncode == 0, done.stderr
    assert "inference model is saved to exported/inference\n" in done.stdout
    assert "\nexported/inference.onnx: " in done.stdout
    assert ".exporting" not in done.stdout + done.stderr
    names = {path.name for path in (folder / "exported").iterdir()}
    assert {"notes.txt", "inference.onnx", "inference.yml"} < names
    assert not [name for name in names if name.startswith(".")]
