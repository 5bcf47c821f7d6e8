"""Loading weights into a network: the report, what is refused, and what stays unchanged."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn

from ppocrv2_ext.checkpoints.loading import (
    LoadReport,
    compare_parameters,
    count_prefixes,
    load_pretrained,
    render_report,
    require_match,
)
from ppocrv2_ext.errors import UserError


def _shapes(**shapes):
    return {name: np.zeros(shape) for name, shape in shapes.items()}


def _report():
    return compare_parameters(_shapes(a=(2, 3), b=(4,), x=(1,)), _shapes(a=(2, 3), b=(5,), c=(1,), d=(1,)))


def test_the_groups_and_the_ratio_of_a_report_by_hand():
    report = _report()
    assert report == LoadReport(matched=["a"], missing=["c", "d"], unexpected=["x"], mismatched=[("b", (5,), (4,))])
    assert (report.total, report.ratio) == (4, 0.25)  # tensors, however large each is


def test_batch_norm_statistics_count_as_parameters():
    norm = nn.BatchNorm2D(2).state_dict()
    assert compare_parameters({name: norm[name] for name in ("weight", "bias")}, norm).ratio == 0.5


def test_any_file_matches_a_model_without_parameters():
    assert compare_parameters(_shapes(a=(1,)), {}).ratio == 1.0


def test_the_report_of_a_full_match_is_one_line():
    same = _shapes(a=(2,), b=(3,))
    assert (
        render_report(compare_parameters(same, same), "x.pdparams")
        == "Weights of x.pdparams: 2 of the model's 2 tensors matched (100.0%)"
    )


def test_a_group_shows_six_names_and_counts_the_rest():
    text = render_report(compare_parameters({}, _shapes(**{f"layer{i}": (1,) for i in range(9)})), "x")
    assert "layer5" in text
    assert "layer6" not in text
    assert "... and 3 more" in text
    assert "| missing | 9 " in text


def test_the_table_is_plain_text_that_names_both_shapes_and_folds_no_name():
    long = "backbone." + "block." * 40 + "weight"
    text = render_report(compare_parameters({"b": np.zeros(4)}, {"b": np.zeros(5), long: np.zeros(1)}), "[red]x[/red]")
    assert long in text
    assert "b: model (5,), file (4,)" in text
    assert text.startswith("Weights of [red]x[/red]:")
    assert "\x1b" not in text
    assert text.isascii()


def test_a_ratio_equal_to_the_minimum_is_accepted():
    require_match(_report(), minimum=0.25)


def test_a_refusal_names_the_ratio_the_first_differences_and_the_setting():
    with pytest.raises(UserError) as caught:
        require_match(_report())
    for part in ("25.0%", "90.0%", "missing 'c'", "unexpected 'x'", "'b' (model (5,), file (4,))"):
        assert part in str(caught.value)
    assert "Global.pretrained_min_matched" in str(caught.value)


def test_a_refusal_offers_no_lower_minimum_if_every_tensor_is_required():
    with pytest.raises(UserError) as caught:
        require_match(_report(), minimum=1.0)
    assert "pretrained_min_matched" not in str(caught.value)


def test_prefixes_are_counted_by_the_names_that_match_without_them():
    found = count_prefixes(["Student.a.w", "Student.b.w", "module.Student.a.w", "c.w"], ["a.w", "b.w", "c.w"])
    assert found == {"Student.": 2, "module.Student.": 1}


def test_a_refusal_names_a_prefix_that_only_the_file_has():
    plain = _shapes(**{"head.w": (1,), "head.b": (1,)})
    with pytest.raises(UserError, match=r"2 more names would match without the file's prefix 'Student\.'.*--from FILE"):
        require_match(compare_parameters({f"Student.{name}": value for name, value in plain.items()}, plain))


def test_a_refusal_names_a_prefix_that_only_the_model_has():
    plain = _shapes(**{"head.w": (1,), "head.b": (1,)})
    model = {f"{network}.{name}": value for network in ("Student", "Teacher") for name, value in plain.items()}
    with pytest.raises(UserError, match=r"'Student\.' or 'Teacher\.'.*Architecture\.Models\.Student\.pretrained"):
        require_match(compare_parameters(plain, model))


@pytest.mark.parametrize(
    ("in_file", "advice"), [(True, "set Architecture.merged=true"), (False, "leave Architecture.merged out")]
)
def test_a_refusal_says_that_branches_are_merged_on_one_side(in_file, advice):
    merged = _shapes(**{"backbone.a.reparam_conv.weight": (1,)})
    branches = _shapes(**{"backbone.a.conv.weight": (1,), "backbone.a.identity.weight": (1,)})
    file, model = (merged, branches) if in_file else (branches, merged)
    with pytest.raises(UserError, match=advice):
        require_match(compare_parameters(file, model))


def test_of_another_network_no_branches_are_said_to_be_merged():
    with pytest.raises(UserError, match="it is another network's checkpoint"):
        require_match(compare_parameters(_shapes(x=(1,)), _shapes(**{"backbone.a.reparam_conv.weight": (1,)})))


def test_a_part_of_the_network_is_called_so():
    with pytest.raises(UserError, match="the file holds a part of this network"):
        require_match(compare_parameters(_shapes(a=(1,)), _shapes(a=(1,), b=(1,))))


# --- load_pretrained -------------------------------------------------------------------------------------------------


class _Network(nn.Layer):
    def __init__(self, classes=3):
        super().__init__()
        self.backbone, self.norm, self.head = nn.Linear(2, 3), nn.BatchNorm1D(3), nn.Linear(3, classes)

    def forward(self, x):
        return self.head(self.norm(self.backbone(x)))


def _values(layer):
    return {name: value.numpy().copy() for name, value in layer.state_dict().items()}


def _same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.fixture
def trained(tmp_path):
    """(values of a network, path of its checkpoint)."""
    network = _Network()
    network(paddle.randn([4, 2]))  # moves the statistics of the norm
    paddle.save(network.state_dict(), str(tmp_path / "best.pdparams"))
    return _values(network), tmp_path / "best.pdparams"


@pytest.mark.parametrize("end", ["best", "best.pdparams"])
def test_a_full_load_sets_every_value_and_logs_one_message(trained, end):
    values, path = trained
    network, said = _Network(), []
    assert load_pretrained(network, str(path.with_name(end)), log=said.append) is False
    assert _same(_values(network), values)
    assert len(said) == 1
    assert "8 of the model's 8" in said[0]


def test_arrays_load_like_tensors(trained, tmp_path):
    values, _ = trained
    paddle.save(values, str(tmp_path / "arrays.pdparams"))
    network = _Network()
    load_pretrained(network, tmp_path / "arrays", log=str)
    assert _same(_values(network), values)


@pytest.mark.parametrize("as_tensor", [True, False])
def test_float16_values_are_cast_and_the_return_value_says_so(trained, tmp_path, as_tensor):
    values, _ = trained
    halves = {name: value.astype("float16") for name, value in values.items()}
    saved = {name: paddle.to_tensor(value) for name, value in halves.items()} if as_tensor else halves
    paddle.save(saved, str(tmp_path / "half.pdparams"))
    network = _Network()
    assert load_pretrained(network, tmp_path / "half", log=str) is True
    assert _same(_values(network), {name: value.astype("float32") for name, value in halves.items()})


def test_another_networks_checkpoint_is_refused_and_the_model_unchanged(tmp_path):
    paddle.save(nn.LSTM(2, 3).state_dict(), str(tmp_path / "other.pdparams"))
    network, said = _Network(), []
    before = _values(network)
    with pytest.raises(UserError, match=r"gives 0.0% of the model's 8 tensors"):
        load_pretrained(network, tmp_path / "other", log=said.append)
    assert _same(_values(network), before)
    assert "unexpected" in said[0]


def test_a_partly_fitting_checkpoint_is_refused_as_a_whole(trained):
    network = _Network(classes=4)  # weight and bias of the head differ: 6 of 8
    before = _values(network)
    with pytest.raises(UserError, match=r"75.0%"):
        load_pretrained(network, trained[1], log=str)
    assert _same(_values(network), before)


def test_with_a_lower_minimum_parameters_of_another_shape_keep_their_values_without_paddles_warnings(trained):
    values, path = trained
    network = _Network(classes=4)
    head = network.head.weight.numpy().copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_pretrained(network, path, minimum=0.75, log=str)
    np.testing.assert_array_equal(network.backbone.weight.numpy(), values["backbone.weight"])
    np.testing.assert_array_equal(network.head.weight.numpy(), head)


def test_a_missing_file_suggests_its_neighbour(trained):
    with pytest.raises(UserError, match=r"there is no file .*bets\.pdparams; did you mean 'best'"):
        load_pretrained(_Network(), trained[1].with_name("bets"))
    with pytest.raises(UserError, match=r"there is no file .*best\.pdparams\."):
        load_pretrained(_Network(), trained[1].parent / "nowhere/best")


def test_a_url_is_refused_with_the_next_step():
    with pytest.raises(UserError, match="is a URL; download"):
        load_pretrained(_Network(), "https://example.com/best.pdparams")


@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>" * 20, b"\x80\x04\x95"], ids=["empty", "page", "cut short"]
)
def test_a_corrupt_file_is_a_user_error(tmp_path, content):
    (tmp_path / "x.pdparams").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        load_pretrained(_Network(), tmp_path / "x")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2]], ids=["empty", "no tensors", "a list"])
def test_a_file_without_parameters_is_a_user_error(tmp_path, content):
    paddle.save(content, str(tmp_path / "x.pdparams"))
    with pytest.raises(UserError, match="holds .*, and no parameters"):
        load_pretrained(_Network(), tmp_path / "x")


def _broken(path, name, value):
    """The path of a copy of a checkpoint that has this value somewhere in a tensor."""
    params = {key: tensor.numpy() for key, tensor in paddle.load(str(path)).items()}
    params[name].flat[-1] = value
    file = path.with_name("broken.pdparams")
    paddle.save({key: paddle.to_tensor(array) for key, array in params.items()}, str(file))
    return file


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("backbone.weight", np.nan, "NaN or infinity"),
        ("head.bias", -np.inf, "NaN or infinity"),
        ("norm._mean", np.inf, "NaN or infinity"),
        ("norm._variance", -1.0, "a negative variance"),
    ],
)
def test_weights_that_compute_no_numbers_are_refused_with_the_tensor(name, value, problem, trained):
    network = _Network()
    before, file = _values(network), _broken(trained[1], name, value)
    with pytest.raises(UserError) as refusal:
        load_pretrained(network, file)
    assert str(refusal.value) == f"{file}: tensor {name!r} holds {problem}; take another checkpoint."
    assert _same(_values(network), before)


def test_the_first_of_several_broken_tensors_is_named_with_their_number(trained):
    file = _broken(_broken(trained[1], "head.weight", np.nan), "norm.weight", np.inf)
    with pytest.raises(UserError, match=r"'norm.weight' holds NaN or infinity \(first of 2\)"):
        load_pretrained(_Network(), file)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_looked_at_too(dtype, trained):
    values, path = trained
    values["head.bias"][0] = np.nan
    halves = {name: paddle.to_tensor(value).astype(dtype) for name, value in values.items()}
    paddle.save(halves, str(path.with_name("half.pdparams")))
    with pytest.raises(UserError, match=r"tensor 'head.bias' holds NaN"):
        load_pretrained(_Network(), path.with_name("half"))


def test_safetensors_are_looked_at_too(trained):
    numpy_files = pytest.importorskip("safetensors.numpy")
    values, path = trained
    values["head.bias"][0] = np.nan
    numpy_files.save_file(values, str(path.with_suffix(".safetensors")))
    with pytest.raises(UserError, match=r"best.safetensors: tensor 'head.bias' holds NaN"):
        load_pretrained(_Network(), path.with_suffix(".safetensors"))


def test_a_variance_that_epsilon_makes_up_for_is_loaded(trained):
    network = _Network()
    load_pretrained(network, _broken(trained[1], "norm._variance", -1e-7), log=str)
    assert np.isfinite(network.norm(paddle.ones([1, 3])).numpy()).all()


def test_a_tensor_that_the_network_does_not_take_may_hold_anything(trained):
    values, path = trained
    others = {"mask": np.float32([-np.inf]), "head.centers": np.float32([np.nan])}
    params = {name: paddle.to_tensor(value) for name, value in {**values, **others}.items()}
    paddle.save(params, str(path))
    network = _Network()
    load_pretrained(network, path, log=str)
    assert _same(_values(network), values)


@pytest.mark.filterwarnings("error")
def test_a_negative_variance_that_would_be_merged_is_refused_without_a_warning(tmp_path):
    norm = {f"conv.norm.{key}": paddle.ones([2]) for key in ("weight", "bias", "_mean")}
    weights = {"conv.weight": paddle.ones([2, 3, 1, 1]), "conv.bias": paddle.ones([2])}
    variance = {"conv.norm._variance": paddle.full([2], -1.0)}
    paddle.save({**weights, **norm, **variance}, str(tmp_path / "restored.pdparams"))
    with pytest.raises(UserError, match=r"'conv.norm._variance' holds a negative variance"):
        load_pretrained(nn.LayerDict({"conv": nn.Conv2D(3, 2, 1)}), tmp_path / "restored")


def _with_dictionary(path, characters):
    path.with_name("best.dict.txt").write_text("".join(character + "\n" for character in characters))


def test_with_a_new_dictionary_shared_characters_keep_their_rows(trained):
    values, path = trained
    _with_dictionary(path, "ab")
    network, said = _Network(classes=5), []
    start = _values(network)
    load_pretrained(network, path, characters=["blank", "b", "x", "a", " "], log=said.append)
    expected = start["head.bias"].copy()
    expected[[0, 1, 3]] = values["head.bias"][[0, 2, 1]]
    np.testing.assert_array_equal(network.head.bias.numpy(), expected)
    np.testing.assert_array_equal(network.head.weight.numpy()[:, 3], values["head.weight"][:, 1])
    assert "3 of 5 classes" in said[0]
    assert "8 of the model's 8" in said[1]


def test_characters_of_the_file_that_the_model_lacks_are_named(trained):
    _, path = trained
    _with_dictionary(path, "ab")
    said = []
    load_pretrained(_Network(classes=2), path, characters=["blank", "b"], log=said.append)
    end = "2 of 2 classes (with blank) keep their rows; of the file's 3 these are left out: 'a'."
    assert said[0].endswith(end)


def test_the_same_characters_in_another_order_are_remapped(trained):
    values, path = trained
    _with_dictionary(path, "ab")
    network = _Network()
    load_pretrained(network, path, characters=["blank", "b", "a"], log=str)
    np.testing.assert_array_equal(network.head.bias.numpy(), values["head.bias"][[0, 2, 1]])


def test_whether_the_file_has_a_space_is_told_from_its_number_of_classes(trained):
    values, path = trained
    _with_dictionary(path, "a")  # three classes: blank, a and the space of use_space_char
    network = _Network()
    load_pretrained(network, path, characters=["blank", " ", "a"], log=str)
    np.testing.assert_array_equal(network.head.bias.numpy(), values["head.bias"][[0, 2, 1]])


def test_with_the_same_dictionary_nothing_is_changed_or_logged(trained):
    values, path = trained
    _with_dictionary(path, "ab")
    network, said = _Network(), []
    load_pretrained(network, path, characters=["blank", "a", "b"], log=said.append)
    assert _same(_values(network), values)
    assert len(said) == 1


def test_a_dictionary_that_does_not_fit_the_file_is_logged_and_no_row_moves(trained):
    values, path = trained
    _with_dictionary(path, "abcdefg")
    network, said = _Network(), []
    load_pretrained(network, path, characters=["blank", "b", "a"], log=said.append)
    assert _same(_values(network), values)
    assert "best.dict.txt" in said[0]


def test_a_missing_dictionary_beside_the_file_is_logged(trained):
    values, path = trained
    network, said = _Network(), []
    load_pretrained(network, path, characters=["blank", "b", "a"], log=said.append)
    assert _same(_values(network), values)
    assert said[0].startswith("No dictionary was found")


class _MultiHead(nn.Layer):
    """A head with the names of PaddleOCR's."""

    def __init__(self):
        super().__init__()
        self.ctc_encoder, self.ctc_head = nn.Linear(3, 3), nn.Linear(3, 3)
        self.before_gtc, self.gtc_head = nn.Linear(3, 3), nn.Linear(3, 3)


def test_the_branch_of_a_multi_head_that_only_trains_may_be_missing_and_the_log_says_so(tmp_path):
    file = tmp_path / "alone.pdparams"
    paddle.save(nn.LayerDict({"neck": nn.Linear(3, 3), "head": nn.Linear(3, 3)}).state_dict(), str(file))
    network, said = nn.LayerDict({"head": _MultiHead()}), []
    load_pretrained(network, file, minimum=1.0, log=said.append)
    assert said[0].startswith("head.before_gtc, head.gtc_head: not in ")
    assert "4 of the model's 4 tensors matched" in said[1]
    np.testing.assert_array_equal(network["head"].ctc_encoder.weight, paddle.load(str(file))["neck.weight"])


CLONE = """
import sys, numpy, paddle
sys.path.insert(0, sys.argv[2])
from ppocr.utils.save_load import load_pretrained_params
from ppocrv2_ext.checkpoints.loading import load_pretrained
from test_loading import _Network, _same, _values
for name in ("best", "half"):
    ours, theirs = _Network(), _Network()
    path = f"{sys.argv[1]}/{name}"
    assert load_pretrained(ours, path, log=str) is load_pretrained_params(theirs, path) is (name == "half")
    assert _same(_values(ours), _values(theirs))
"""


@pytest.mark.checkout
def test_parity_with_a_clones_loader(trained, checkout):
    values, path = trained
    halves = {name: paddle.to_tensor(value.astype("float16")) for name, value in values.items()}
    paddle.save(halves, str(path.with_name("half.pdparams")))
    here = Path(__file__).resolve().parent
    environment = {**os.environ, "PYTHONPATH": f"{here.parent}{os.pathsep}{here}"}
    command = [sys.executable, "-c", CLONE, str(path.parent), str(checkout)]
    done = subprocess.run(command, cwd=path.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
