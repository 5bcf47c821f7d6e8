"""A model that somebody sends you reads pictures, or is refused in a sentence that says what is wrong with it."""

import cv2
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from tiny_recognizer import DESCRIPTION

from ppocrv2_ext.cli import main
from ppocrv2_ext.deploy import detect, engine, settings
from ppocrv2_ext.deploy.lines import find_turned, read_texts
from ppocrv2_ext.deploy.model_folder import read_yaml
from ppocrv2_ext.errors import UserError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def labels(tmp_path):
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((32, 90, 3), 255, np.uint8))
    (tmp_path / "labels.txt").write_text("a.png\tabc\nb.png\tabc\n")
    return tmp_path / "labels.txt"


def change(model_dir, edit):
    model = onnx.load(str(model_dir / "inference.onnx"))
    edit(model.graph)
    onnx.save(model, str(model_dir / "inference.onnx"))


def put(value):
    """Edit that puts a value into the kernel."""

    def edit(graph):
        kernel = next(tensor for tensor in graph.initializer if tensor.name == "kernel")
        numbers = onnx.numpy_helper.to_array(kernel).copy()
        numbers[0, 0, 0, 0] = value
        kernel.CopyFrom(onnx.numpy_helper.from_array(numbers, "kernel"))

    return edit


def fix_width(graph):
    graph.input[0].type.tensor_type.shape.dim[3].dim_value = 64


def add_input(graph):
    graph.input.append(onnx.helper.make_tensor_value_info("extra", onnx.TensorProto.FLOAT, [1]))


def forget_frames(graph):
    graph.node[-1].output[0] = "z"
    graph.node.append(onnx.helper.make_node("ReduceMean", ["z"], ["y"], axes=[1], keepdims=0))
    graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["b", 5]))


BROKEN = [
    (put(np.nan), "gives NaN, so its weights are broken"),
    (fix_width, "does not run on inputs of (2, 3, 32, 154) ("),
    (add_input, "does not run on inputs of"),
    (forget_frames, "output of (2, 5), but a recognizer gives (lines, frames, classes)"),
]


@pytest.mark.parametrize(("edit", "words"), BROKEN)
def test_a_model_that_cannot_be_run_is_refused_in_a_sentence(edit, words, model_dir, labels):
    change(model_dir, edit)
    result = CliRunner().invoke(main, ["compare", str(model_dir), str(model_dir), "--data", str(labels)])
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "compress"])
def test_every_command_refuses_it(command, model_dir, labels, tmp_path):
    change(model_dir, put(np.nan))
    more = ["--output", str(tmp_path / "small")] if command == "compress" else []
    result = CliRunner().invoke(main, [command, str(model_dir), "--data", str(labels), *more])
    assert result.exit_code == 2
    assert "NaN" in result.stderr
    assert not (tmp_path / "small").exists()


def test_a_weight_of_infinity_is_not_compressed(model_dir, labels, tmp_path):
    change(model_dir, put(np.inf))
    arguments = ["compress", str(model_dir), "--data", str(labels), "--output", str(tmp_path / "small")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "the weight kernel holds NaN or infinity" in result.stderr


def test_half_a_file_is_no_model(tmp_path):
    whole = b"".join(each.encode() for each in ("Clip", "nearest"))  # what lets the graph be looked at
    (tmp_path / "inference.onnx").write_bytes(b"\x3a\xff\xff\x7f" + whole)
    with pytest.raises(UserError, match="is not a whole ONNX file .DecodeError"):
        engine.load_onnx_engine(tmp_path / "inference.onnx")


def test_the_name_of_the_input_may_be_any(model_dir, labels):
    def rename(graph):
        graph.input[0].name = graph.node[0].input[0] = "images:0"

    change(model_dir, rename)
    assert CliRunner().invoke(main, ["compare", str(model_dir), str(model_dir), "--data", str(labels)]).exit_code == 0


def test_too_little_memory_is_no_fault_of_the_model():
    def fail(inputs):
        raise RuntimeError("Failed to allocate memory for requested buffer of size 640000000")

    with pytest.raises(
        UserError, match=r"takes more memory than there is for inputs of \(1, 3, 32, 320\); give it smaller"
    ):
        engine.refuse_failures(fail, "inference.onnx")(np.zeros((1, 3, 32, 320)))


def test_a_map_is_not_the_output_of_a_classifier():
    lines = settings.LineSettings(48, 192, None)
    with pytest.raises(UserError, match="but a classifier gives"):
        find_turned([np.zeros((9, 9, 3), np.uint8)], lambda inputs: inputs, lines)


def test_directions_are_not_the_output_of_a_detector():
    with pytest.raises(UserError, match="but a detector gives"):
        detect.Detector(lambda inputs: inputs[0, 0], settings.official_settings("det"))(np.zeros((64, 64, 3), np.uint8))


def describe(folder, **changes):
    content = {**DESCRIPTION, "PostProcess": {**DESCRIPTION["PostProcess"], **changes}}
    (folder / "inference.yml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize(
    "dictionary", ["abc", {"a": 1, "b": 2, "c": 3}, ["a", None, "c"], ["a", ["b"], "c"], [1.5] * 3]
)
def test_a_dictionary_is_a_list_of_texts(dictionary, model_dir):
    describe(model_dir, character_dict=dictionary)
    with pytest.raises(UserError, match="character_dict must be"):
        settings.read_settings(model_dir, "rec")


def test_a_digit_of_a_dictionary_may_stand_without_quotes(model_dir):
    describe(model_dir, character_dict=[1, "b", "c"])
    lines = settings.read_settings(model_dir, "rec")
    assert lines.dictionary == ["1", "b", "c"]
    assert read_texts([], None, lines) == []


def test_a_description_whose_aliases_stand_for_billions_of_values_is_refused(tmp_path):
    rows = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)]
    (tmp_path / "inference.yml").write_text("a0: &a0 [x, x]\n" + "".join(rows))
    with pytest.raises(UserError, match="stands for more than 1000000 values"):
        read_yaml(tmp_path / "inference.yml")


def test_a_description_that_holds_itself_is_refused(tmp_path):
    (tmp_path / "inference.yml").write_text("a: &a [*a]\n")
    with pytest.raises(UserError, match="refers to the value that it stands in"):
        read_yaml(tmp_path / "inference.yml")


def test_an_alias_of_a_sound_description_is_read(tmp_path):
    (tmp_path / "inference.yml").write_text("a: &a [1, 2]\nb: *a\n")
    assert read_yaml(tmp_path / "inference.yml") == {"a": [1, 2], "b": [1, 2]}


def test_a_line_that_would_fill_the_memory_is_refused(model_dir):
    content = {**DESCRIPTION, "PreProcess": {"transform_ops": [{"RecResizeImg": {"image_shape": [3, 9999, 9999]}}]}}
    with pytest.raises(UserError, match="a line of 9999 x 9999 pixels is too large"):
        settings.parse_settings(content, "rec", "inference.yml")


@pytest.mark.parametrize("section", ["text", ["a"], {"model_name": ["a"]}])
def test_the_name_of_a_model_may_be_anything(section, model_dir):
    from ppocrv2_ext.deploy.model_folder import read_model_name

    (model_dir / "inference.yml").write_text(yaml.safe_dump({**DESCRIPTION, "Global": section}))
    assert read_model_name(model_dir) is None
