"""The weights and the dictionary that an exported model stores: as ONNX, and as an inference model of Paddle."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ppocrv2_ext.checkpoints.onnx_files import list_tensors
from ppocrv2_ext.deploy.stored_weights import (
    ModelFiles,
    StoredDictionary,
    choose_characters,
    find_files,
    fit_characters,
    read_dictionary,
    read_tensors,
)
from ppocrv2_ext.errors import UserError

EXPORTED = Path(__file__).resolve().parents[1] / "golden" / "exported"
DIGITS = list("0123456789")


@pytest.fixture
def folder(tmp_path):
    """An exported recognizer of digits, as an inference model alone."""
    shutil.copytree(EXPORTED, tmp_path / "model")
    (tmp_path / "model" / "inference.onnx").unlink()
    return tmp_path / "model"


@pytest.fixture
def onnx_file(tmp_path):
    """Write the ONNX file of the recognizer of digits with other metadata: ``onnx_file(character="a\\nb")``."""
    onnx = pytest.importorskip("onnx")

    def write(**metadata):
        model = onnx.load(str(EXPORTED / "inference.onnx"))
        del model.metadata_props[:]
        onnx.helper.set_model_props(model, metadata)
        (tmp_path / "alone").mkdir()
        onnx.save(model, str(tmp_path / "alone" / "rec.onnx"))
        return ModelFiles(tmp_path / "alone" / "rec.onnx", None)

    return write


def test_of_a_folder_with_both_the_onnx_file_is_taken():
    assert find_files(EXPORTED) == (EXPORTED / "inference.onnx", None)


def test_an_inference_model_is_named_by_its_folder_or_one_of_its_files(folder):
    files = (folder / "inference.json", folder / "inference.pdiparams")
    assert [find_files(path) for path in (folder, *files)] == [files] * 3


@pytest.mark.parametrize(("kept", "missing"), [("json", "pdiparams"), ("pdiparams", r"json or .*inference\.pdmodel")])
def test_half_an_inference_model_is_refused_with_the_file_that_is_missing(folder, kept, missing):
    for file in folder.glob("inference.*"):
        if file.suffix != f".{kept}":
            file.unlink()
    with pytest.raises(UserError, match=rf"there is no .*inference\.{missing}; add it"):
        find_files(folder / f"inference.{kept}")


def test_in_the_folder_of_a_training_a_checkpoint_is_named(tmp_path):
    (tmp_path / "latest.pdparams").touch()
    with pytest.raises(UserError, match=r"is a folder; name one of the checkpoints in it, such as .*latest\.pdparams"):
        find_files(tmp_path)


@pytest.mark.parametrize("name", ["rec.onnx", "Student/inference.onnx"])
def test_in_a_folder_around_onnx_files_one_is_named(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=rf"is a folder; name one of the ONNX files in it, such as .*{name}"):
        find_files(tmp_path)


def test_an_onnx_file_with_a_tensor_shorter_than_its_shape_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(EXPORTED / "inference.onnx"))
    tensor = next(each for each in list_tensors(model.graph).values() if len(each.dims) > 1)
    tensor.dims[0] += 1
    onnx.save(model, str(tmp_path / "short.onnx"))
    with pytest.raises(UserError, match=r"short\.onnx is not a whole ONNX file \(.*\); copy it again"):
        read_tensors(find_files(tmp_path / "short.onnx"))


def test_an_int8_model_is_named_as_such(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(EXPORTED / "inference.onnx"))
    model.graph.node.append(onnx.helper.make_node("DequantizeLinear", ["x", "scale"], ["y"]))
    onnx.save(model, str(tmp_path / "small.onnx"))
    with pytest.raises(UserError, match=r"small\.onnx has int8 weights, as of `ppocrv2 compress`; name the model"):
        read_tensors(find_files(tmp_path / "small.onnx"))


def test_an_inference_model_has_the_weights_of_its_onnx_file_in_their_order(folder):
    pytest.importorskip("onnx")
    pytest.importorskip("paddle2onnx", minversion="2")  # the program of the sample is in the form of Paddle 3
    theirs, ours = read_tensors(find_files(EXPORTED)), read_tensors(find_files(folder))
    assert len(theirs) > 10
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(ours, theirs))


@pytest.mark.parametrize("share", [0, 0.5])
def test_parameters_that_are_cut_off_are_refused(folder, share):
    file = folder / "inference.pdiparams"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(UserError, match=r"inference\.pdiparams does not hold all of its tensors"):
        read_tensors(find_files(folder))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", r"inference\.json is not a whole program \(.*\); copy it again"),
        ("{}", r"cannot convert .*inference\.json"),
    ],
)
def test_a_broken_program_is_refused(folder, content, sentence):
    pytest.importorskip("paddle2onnx")
    (folder / "inference.json").write_text(content)
    with pytest.raises(UserError, match=sentence):
        read_tensors(find_files(folder))


def test_the_dictionary_stands_in_the_onnx_file_or_in_the_description_beside_it(folder, onnx_file):
    assert read_dictionary(find_files(folder)) == (DIGITS, folder / "inference.yml")
    assert read_dictionary(find_files(EXPORTED)) == (DIGITS, EXPORTED / "inference.onnx")
    files = onnx_file()
    assert read_dictionary(files) is None
    shutil.copy(EXPORTED / "inference.yml", files.network.parent)
    assert read_dictionary(files) == (DIGITS, files.network.parent / "inference.yml")


def test_the_dictionary_of_the_onnx_file_comes_before_that_of_the_description(onnx_file):
    files = onnx_file(character="a\nb")
    shutil.copy(EXPORTED / "inference.yml", files.network.parent)
    assert read_dictionary(files) == (["a", "b"], files.network)


@pytest.mark.parametrize(
    ("characters", "classes", "fitted"),
    [
        ("ab", 3, "ab"),
        ("ab", 4, "ab"),
        ("ab ", 4, "ab"),  # the space is the class after the others
        ("ab ", 5, "ab "),  # there twice
        (["a", "b", ""], 4, "ab"),  # the end of the last line
        ("ab", 5, None),
        ("ab", 2, None),
        ([""], 2, None),
        ([], 1, None),
    ],
)
def test_a_dictionary_fits_its_classes_with_and_without_the_space(characters, classes, fitted):
    assert fit_characters(characters, classes) == (fitted if fitted is None else list(fitted))


def choose(characters, classes=5, official="abc"):
    stored = None if characters is None else StoredDictionary(list(characters), Path("inference.yml"))
    return choose_characters(stored, Path("rec.onnx"), classes, list(official))


def test_the_official_dictionary_is_taken_for_the_same_characters_in_the_same_order_only():
    assert choose("abc") is None
    assert choose("abc ") is None
    assert choose("cba") == ["c", "b", "a"]
    assert choose("ab", classes=4) == ["a", "b"]


def test_without_a_dictionary_the_official_one_is_taken_for_as_many_classes_only():
    assert choose(None) is None
    with pytest.raises(
        UserError, match=r"^rec.onnx has 4 classes and no dictionary, and the official one makes 5; put"
    ):
        choose(None, classes=4)


def test_a_dictionary_of_another_model_is_refused():
    sentence = r"^inference.yml has a dictionary of 4 characters, .* 5 classes, or 6 with the space, and rec.onnx has 5"
    assert choose("abcd", classes=5) == list("abcd")
    with pytest.raises(UserError, match=sentence.replace("has 5", "has 9")):
        choose("abcd", classes=9)
