"""A plain mistake in a call of a script ends in a sentence and exit code 2 before anything is measured."""

import importlib

import pytest
from click.testing import CliRunner

WORDS, SCENES = "SAMPLES/icdar2015_words/train.txt", "SAMPLES/icdar2015_scenes/train.txt"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("fuzz configs --paddleocr nodir", "there is no folder nodir"),
        ("fuzz configs --keep FILE", "is a file"),
        ("bench_eval", "Give --scenes, --words, or both."),
        (f"bench_eval --words {WORDS} --rec-weights nofile", "--rec-weights: there is no file nofile.pdparams"),
        (f"bench_eval --scenes {SCENES} --det-weights nofile", "--det-weights: there is no file nofile.pdparams"),
        ("bench_ocr --data nofile", "'nofile' does not exist"),
        (f"bench_ocr --data {WORDS}", "train.txt:1: it is not JSON; name a label file of scenes"),
        ("bench_ocr --data FILE", "none of its pictures can be opened"),
        (f"bench_ocr --data {SCENES} --group 0", "0 is not in the range x>=1"),
        (f"bench_ocr --data {SCENES} --pictures 0", "0 is not in the range x>=1"),
        (f"bench_ocr --data {SCENES} --engine foo", "'foo' is not one of"),
        (f"bench_ocr --data {SCENES} --engine paddle", "give --models with --engine paddle"),
        (f"bench_ocr --data {SCENES} --peer rapidocr=/nonexistent", "there is no interpreter /nonexistent"),
        (f"bench_ocr --data {SCENES} --peer rapidocr-tiny=python", "Give --tiny with"),
        ("bench_check --words nodir", "'nodir' does not exist"),
        ("bench_check --words FOLDER", "train.txt' does not exist"),
        (f"bench_copy_paste --labels {WORDS}", "train.txt:1: it is not JSON; name a label file of scenes"),
        (f"bench_copy_paste --labels {SCENES}", "has no room for 300 boxes; name larger --labels"),
        ("bench_copy_paste --labels FILE", "has no scene with text that can be read"),
        ("bench_copy_paste --paddleocr nodir", "there is no folder nodir"),
        ("bench_pipeline --workers a", "whole numbers from 0 on with commas between, got 'a'"),
        ("bench_pipeline --workers 1,-1", "whole numbers from 0 on with commas between, got '1,-1'"),
        ("bench_losses --paddleocr nodir", "there is no folder nodir"),
        ("bench_step --paddleocr nodir", "there is no folder nodir"),
        ("bench_step --widths 0", "0 is not in the range x>=16"),
        ("bench_step --threads 0", "0 is not in the range x>=1"),
        ("bench_step --cml --widths 100", "must be a multiple of 32"),
        ("confusables --weights nofile --output FOLDER/out", "--weights: there is no file nofile.pdparams"),
        ("confusables --weights nofile --output FOLDER/out --center foo:1", "DISTANCE is one of squared, relative"),
        (
            "confusables --weights nofile --output FOLDER/out --center squared:-1",
            "WEIGHT is a number above 0, got -1.0",
        ),
        (
            "confusables --weights nofile --output FOLDER/out --center squared:nan",
            "WEIGHT is a number above 0, got nan",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(call, sentence, samples, tmp_path):
    file, folder = tmp_path / "scenes.txt", tmp_path / "folder"
    file.write_text("gone.jpg\t[]\n", encoding="utf-8")
    folder.mkdir()
    for name, path in (("SAMPLES", samples), ("FILE", file), ("FOLDER", folder)):
        call = call.replace(name, str(path))
    script, *arguments = call.split()
    done = CliRunner().invoke(importlib.import_module(script).main, arguments)
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == 2
    assert sentence in " ".join(done.output.split())
    assert not list(folder.iterdir())
