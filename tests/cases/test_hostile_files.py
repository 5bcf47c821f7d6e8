"""Files that somebody sends you: each ends in a sentence. Nothing of them runs, waits for ever or spoils your own."""

import os

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext.cli import main
from ppocrv2_ext.deploy.settings import parse_settings
from ppocrv2_ext.errors import UserError

REC = "rec/ch_PP-OCRv2_rec_finetune"


@pytest.fixture
def train(wheel, samples, tmp_path, monkeypatch):
    """Start ``ppocrv2 train`` on the words of the tests, into the folder ``out``: ``train("Global.seed=1")``."""
    monkeypatch.chdir(tmp_path)
    words = samples / "icdar2015_words"

    def run(*assignments, options=()):
        changes = [
            *(f"{mode}.dataset.data_dir={words}" for mode in ("Train", "Eval")),
            *(f"{mode}.dataset.label_file_list=[{words / 'train.txt'}]" for mode in ("Train", "Eval")),
            *("Global.use_gpu=false", "Global.pretrained_model=", "Global.save_model_dir=out"),
            *("Train.loader.batch_size_per_card=2", *assignments),
        ]
        return CliRunner().invoke(main, ["train", "-c", REC, *options, "-o", *changes])

    return run


def refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    for part in parts:
        assert part in result.output


@pytest.mark.parametrize("name", ["train.log", "config.yml", "history.jsonl"])
@pytest.mark.parametrize(("make", "what"), [(os.mkfifo, "it is a pipe"), (os.mkdir, "it is a folder")])
def test_a_training_does_not_wait_for_a_pipe_in_its_output_folder(train, tmp_path, name, make, what):
    (tmp_path / "out").mkdir()
    make(tmp_path / "out" / name)
    refused(train(), f"cannot write out/{name}: {what}")


LINES = {"name": "CTCLabelDecode", "character_dict": ["a"]}


@pytest.mark.parametrize(
    ("kind", "step", "options", "post", "message"),
    [
        ("rec", "RecResizeImg", {"image_shape": [3, 32, 10**9]}, LINES, "RecResizeImg.image_shape` must be"),
        ("rec", "RecResizeImg", {"image_shape": [3, 0, 0]}, LINES, "RecResizeImg.image_shape` must be"),
        ("cls", "ClsResizeImg", {"image_shape": "[3, 48, 192]"}, LINES, "ClsResizeImg.image_shape` must be"),
        ("det", "DetResizeForTest", {"limit_side_len": 10**9}, {}, "DetResizeForTest.limit_side_len` must be"),
        ("det", "DetResizeForTest", {"max_side_limit": 10**9}, {}, "DetResizeForTest.max_side_limit` must be"),
        ("det", "DetResizeForTest", {"resize_long": float("nan")}, {}, "DetResizeForTest.resize_long` must be"),
        ("det", "DetResizeForTest", {}, {"unclip_ratio": 1e300}, "PostProcess.unclip_ratio` must be"),
        ("det", "DetResizeForTest", {}, {"box_thresh": float("nan")}, "PostProcess.box_thresh` must be"),
        ("det", "DetResizeForTest", {}, {"max_candidates": -1}, "PostProcess.max_candidates` must be"),
    ],
)
def test_a_description_of_a_model_has_the_ranges_of_a_config(kind, step, options, post, message):
    content = {
        "PreProcess": {"transform_ops": [{step: options}, {"NormalizeImage": None}]},
        "PostProcess": {"name": "DBPostProcess", **post},
    }
    with pytest.raises(UserError, match=rf"inference.yml: `{message}"):
        parse_settings(content, kind, "inference.yml")


def ocr(*arguments):
    return CliRunner().invoke(main, ["ocr", "--cls", "none", *map(str, arguments)])


def draw(file, height=40):
    cv2.imwrite(str(file), np.full((height, 60, 3), 255, np.uint8))
    return file


@pytest.mark.parametrize("suffix", ["png", "tif", "pdf"])
def test_a_pipe_among_the_pictures_is_named_and_the_others_are_read(suffix, tmp_path):
    os.mkfifo(tmp_path / f"a.{suffix}")
    draw(tmp_path / "b.png")
    result = ocr(tmp_path, "--output", tmp_path / "read")
    assert result.exit_code == 1
    assert f"a.{suffix}: it is a pipe, not a file" in result.output
    assert [path.name for path in (tmp_path / "read").iterdir()] == ["b.txt"]


@pytest.mark.parametrize(("form", "names"), [("picture", ["a.png"]), ("picture", ["a.tif", "a-2.png"])])
def test_a_picture_that_is_read_is_not_written_over(form, names, tmp_path):
    before = {name: draw(tmp_path / name).read_bytes() for name in names}
    refused(ocr(tmp_path, "--format", form, "--output", tmp_path), "is read, and could be overwritten")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_pictures_may_be_written_beside_those_that_are_read(tmp_path):
    draw(tmp_path / "a.jpg")
    assert ocr(tmp_path, "--format", "picture", "--output", tmp_path).exit_code == 0
    assert (tmp_path / "a.png").is_file()


def pdf(*objects):
    parts = b"".join(b"%d 0 obj%s endobj\n" % (number, each) for number, each in enumerate(objects, 1))
    return b"%PDF-1.4\n" + parts + b"trailer<</Root 1 0 R>>\n%%EOF"


@pytest.mark.parametrize(
    ("kids", "readable"), [(b"[3 0 R 9 0 R]/Count 2", 1), (b"[2 0 R 2 0 R]/Count 9", 0), (b"[]/Count 5", 0)]
)
def test_a_pdf_with_pages_that_are_not_there_is_read_as_far_as_it_goes(kids, readable, tmp_path):
    pytest.importorskip("pypdfium2")
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 50 50]>>"
    file = tmp_path / "x.pdf"
    file.write_bytes(pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids" + kids + b">>", page))
    result = ocr(file, "--output", tmp_path)
    assert result.exit_code == 1
    assert "cannot be read" in result.output or "not a PDF" in result.output
    assert (tmp_path / "x.txt").is_file() == bool(readable)


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.write_text("mine"), lambda path: path.symlink_to("/nowhere/x")]
)
def test_configs_are_not_copied_where_something_else_is(make, tmp_path):
    make(tmp_path / "rec")
    refused(CliRunner().invoke(main, ["configs", REC, "--copy", str(tmp_path)]), "cannot write")
