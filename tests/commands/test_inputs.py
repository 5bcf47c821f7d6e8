"""No command writes over a file that it reads: it exits with 2, says so, and every file is as it was."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from ppocrv2_ext.cli import main

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
CONFIG = ["-c", "config.yml", "-o", "Global.pretrained_model=recognizer"]
EVAL = ["eval-system", "--det", "exported", "--rec", "exported", "--cls", "none", "--data", "pages.txt"]
COMPARE = ["compare", "exported", "exported", "--data", "words/words.txt"]
OF_A_CONFIG = [
    "config.yml",
    "recognizer.pdparams",
    "recognizer.states",
    "characters.txt",
    "words/words.txt",
    "link.png",
]
OF_COMPARE = ["words/words.txt", "link.png", "exported/inference.onnx"]
OF_EVAL = ["pages.txt", "link.png", "exported/inference.yml"]
# Second names, with the suffix that the option demands.
LINKS = {
    **{f"{file}{suffix}": file for file in OF_A_CONFIG for suffix in (".npz", ".json")},
    **{f"{file}.html": file for file in OF_COMPARE},
    **{f"{file}.json": file for file in OF_EVAL},
    "centers.json": "centers.npz",
}
CASES = [
    *(["centers", *CONFIG, "--output", f"{file}.npz"] for file in OF_A_CONFIG),
    *(["check", *CONFIG, "--json", f"{file}.json"] for file in OF_A_CONFIG),
    ["check", *CONFIG, "Architecture.Head.centers=centers.npz", "--json", "centers.json"],
    ["preview", *CONFIG, "--output", "link.png"],
    *([*COMPARE, "--output", f"{file}.html"] for file in OF_COMPARE),
    *([*EVAL, "--json", f"{file}.json"] for file in OF_EVAL),
    ["weights", "rec", "--from", "pair/ch_PP-OCRv2_rec.pdparams", "--network", "Student", "--output", "pair"],
    ["weights", "rec", "--from", "pair/ch_PP-OCRv2_rec", "--network", "Student", "--output", "pair"],
    ["weights", "rec", "--from", "pair/a.safetensors", "--output", "pair/a.safetensors"],
    ["average", "recognizer", "pair/ch_PP-OCRv2_rec", "--output", "recognizer"],
    ["ocr", "links/page.png", "--rec", "exported", "--format", "picture", "--output", "store"],
    ["ocr", "store/inference.png", "--rec", "exported", "--format", "json", "--output", "exported"],
    ["compress", "several/Student", "--data", "words/words.txt", "--output", "several"],
]


@pytest.fixture
def folder(wheel, tmp_path, monkeypatch):
    """A recognizer with all that a command may read, in the working directory; some of it has a second name."""
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("pair", "store", "links", "several/Student"):
        os.makedirs(name)
    word = sorted(Path("words").glob("*.png"))[0]
    os.symlink(word, "link.png")
    boxes = [{"transcription": "48", "points": [[0, 0], [60, 0], [60, 30], [0, 30]]}]
    Path("pages.txt").write_text(f"{word}\t{json.dumps(boxes)}\n", encoding="utf-8")
    shutil.copy("pair.pdparams", "pair/ch_PP-OCRv2_rec.pdparams")
    Path("pair/a.safetensors").write_bytes(b"weights")
    shutil.copy(word, "store/page.png")
    shutil.copy(word, "store/inference.png")
    os.symlink("../store/page.png", "links/page.png")
    Image.new("RGB", (90, 40)).save("pages.tif", save_all=True, append_images=[Image.new("RGB", (90, 40))])
    shutil.copy(word, "store/pages-2.png")
    os.symlink("../store/pages-2.png", "links/second.png")
    shutil.copy("exported/inference.onnx", "several/Student")
    shutil.copy("exported/inference.yml", "several")
    for name, file in LINKS.items():
        os.symlink(os.path.basename(file), name)
    return tmp_path


def hashes(folder):
    return {str(path): hashlib.sha256(path.read_bytes()).digest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_a_file_that_is_read_is_not_written_over(folder, arguments):
    before = hashes(folder)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    assert "is read, and would be overwritten; name" in result.output
    assert hashes(folder) == before


def test_a_second_page_is_not_written_over_a_picture_that_is_read(folder):
    before = hashes(folder)
    arguments = ["pages.tif", "links/second.png", "--rec", "exported", "--format", "picture", "--output", "store"]
    result = CliRunner().invoke(main, ["ocr", *arguments])
    assert result.exit_code == 2, result.output
    assert "store/pages-2.png is read, and would be overwritten" in result.output
    assert before.items() <= hashes(folder).items()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--json", "words.json"], "--json words.json is a folder, a device or a pipe; name a file."),
        (["--json", "/proc/a.json"], "cannot write /proc/a.json: "),
        (["--fix", "config.yml"], "cannot write to --fix config.yml: it is no folder; name another place."),
    ],
)
def test_check_knows_before_it_starts_that_it_cannot_write(folder, options, sentence):
    os.makedirs("words.json")
    result = CliRunner().invoke(main, ["check", *CONFIG, *options])
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Train" not in result.output
