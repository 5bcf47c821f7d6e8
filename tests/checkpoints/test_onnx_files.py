"""ONNX files: all that they store is listed by its name, and what is no such file is refused."""

import os
import sys

import numpy as np
import pytest

from ppocrv2_ext.checkpoints.onnx_files import list_tensors, load_model
from ppocrv2_ext.errors import UserError

onnx = pytest.importorskip("onnx")


def test_initializers_and_constants_of_every_kind_are_listed():
    tensor = onnx.numpy_helper.from_array(np.float32([[1, 2]]), "kernel")
    constants = {
        "bias": {"value": onnx.numpy_helper.from_array(np.float32([5]))},
        "six": {"value_float": 6.0},
        "factors": {"value_floats": [1.0, 2.0]},
        "one": {"value_int": 1},
        "sizes": {"value_ints": [3, 4]},
        "text": {"value_string": "no number"},
    }
    nodes = [onnx.helper.make_node("Constant", [], [name], **value) for name, value in constants.items()]
    graph = onnx.helper.make_graph(nodes, "g", [], [], initializer=[tensor])
    arrays = {name: onnx.numpy_helper.to_array(tensor) for name, tensor in list_tensors(graph).items()}
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "kernel": [[1, 2]],
        "bias": [5],
        "six": 6,
        "factors": [1, 2],
        "one": 1,
        "sizes": [3, 4],
    }
    assert {name for name, array in arrays.items() if array.dtype == np.float32} == {"kernel", "bias", "six", "factors"}


def test_a_file_is_read_as_it_was_written(tmp_path):
    model = onnx.helper.make_model(onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [], []))
    onnx.save(model, str(tmp_path / "m.onnx"))
    assert load_model(tmp_path / "m.onnx") == model


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", None])
def test_a_file_that_is_missing_or_no_model_is_named_with_what_to_do(content, tmp_path):
    file = tmp_path / "m.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"m\.onnx .*write it with `ppocrv2 export --onnx`"):
        load_model(file)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(UserError, match="it is a pipe"):
        load_model(tmp_path / "m.onnx")


def test_without_the_package_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match=r"det\.onnx needs the package onnx; run `pip install onnx`"):
        load_model("det.onnx")
