"""The mean of several trainings: of every weight, and only of trainings of one network and one dictionary."""

import json

import numpy as np
import paddle
import pytest
import yaml
from arrays import count_up

from ppocrv2_ext.checkpoints import records
from ppocrv2_ext.checkpoints.average import FAR, average_trainings, list_warnings
from ppocrv2_ext.checkpoints.norm_merging import merge_norm
from ppocrv2_ext.checkpoints.pdparams import read_arrays
from ppocrv2_ext.commands import average
from ppocrv2_ext.errors import UserError


def training(shift=0.0, **others):
    return {"backbone.weight": count_up(2, 3) + shift, "backbone.bn._mean": count_up(3), **others}


@pytest.fixture
def saved(tmp_path):
    """``saved(name, params, characters)``: a .pdparams file, with its dictionary if ``characters`` are given."""

    def save(name, params, characters=None):
        paddle.save({key: paddle.to_tensor(value) for key, value in params.items()}, str(tmp_path / f"{name}.pdparams"))
        if characters:
            (tmp_path / f"{name}.dict.txt").write_text("\n".join(characters) + "\n", encoding="utf-8")
        return str(tmp_path / name)

    return save


def test_the_mean_and_the_distances_from_it_by_hand():
    mean = average_trainings({"a": training(-1), "b": training(1), "c": training(0)})
    np.testing.assert_array_equal(mean.params["backbone.weight"], count_up(2, 3))
    assert mean.params["backbone.weight"].dtype == np.float32
    length = np.sqrt(0 + 1 + 4 + 9 + 16 + 25)
    np.testing.assert_allclose(mean.distances, [np.sqrt(6) / length, np.sqrt(6) / length, 0])
    assert not mean.statistics_differ


def test_the_mean_of_equal_trainings_is_each_of_them_bit_for_bit():
    weights = {"backbone.weight": np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32)}
    mean = average_trainings({"a": weights, "b": weights, "c": weights})
    np.testing.assert_array_equal(mean.params["backbone.weight"], weights["backbone.weight"])
    assert mean.distances == [0, 0, 0]


def test_small_differences_between_large_numbers_are_not_lost():
    mean = average_trainings({str(i): {"backbone.weight": np.float32([16777216, i])} for i in range(3)})
    assert mean.params["backbone.weight"].tolist() == [16777216, 1]


@pytest.mark.parametrize("kinds", [("float16", "float32"), ("float32", "float16"), ("float16", "float16", "float64")])
def test_the_mean_has_the_widest_number_type_in_any_order(kinds):
    trainings = {str(i): {"w": np.array([1.0, 2.0 + i / 2**10]).astype(kind)} for i, kind in enumerate(kinds)}
    mean = average_trainings(trainings).params["w"]
    assert mean.dtype == max(kinds, key=lambda kind: np.dtype(kind).itemsize)
    expected = np.mean([training["w"].astype(np.float64) for training in trainings.values()], axis=0)
    np.testing.assert_array_equal(mean, expected.astype(mean.dtype))


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_of_whole_numbers_that_differ_the_largest_is_taken_and_said(order):
    own = {"a": (np.int64([1, 2]), np.array([True, False])), "b": (np.int64([2, 1]), np.array([False, False]))}
    trainings = {key: training(count=own[key][0], mask=own[key][1], table=np.int32([3, 1])) for key in order}
    mean = average_trainings(trainings)
    assert {key: mean.params[key].tolist() for key in ("count", "mask", "table")} == {
        "count": [2, 2],
        "mask": [True, False],
        "table": [3, 1],
    }
    assert [mean.params[key].dtype for key in ("count", "mask", "table")] == [np.int64, np.bool_, np.int32]
    assert mean.distances == [0, 0]
    assert list(list_warnings(mean)) == [
        "the whole numbers of count, mask differ, and the largest are taken, as of a counter: if they are something"
        " else, average trainings of one network."
    ]


def test_opposite_trainings_are_infinitely_far_from_their_mean():
    mean = average_trainings({"a": {"w": np.float32([1])}, "b": {"w": np.float32([-1])}})
    assert mean.distances == [np.inf, np.inf]
    assert average_trainings({"a": {"w": np.float32([0])}, "b": {"w": np.float32([0])}}).distances == [0, 0]


def test_shares_say_how_much_of_each_training_the_mean_holds():
    mean = average_trainings({"start": training(), "tuned": training(1)}, [0.25, 0.75])
    np.testing.assert_allclose(mean.params["backbone.weight"], count_up(2, 3) + 0.75)
    length = np.linalg.norm(count_up(2, 3) + 0.75)
    np.testing.assert_allclose(mean.distances, [0.75 * 6**0.5 / length, 0.25 * 6**0.5 / length])


def test_equal_shares_are_the_plain_mean():
    trainings = {str(i): {"w": np.random.default_rng(i).normal(size=1000).astype(np.float32)} for i in range(4)}
    plain, shared = average_trainings(trainings), average_trainings(trainings, [0.25] * 4)
    np.testing.assert_array_equal(plain.params["w"], shared.params["w"])


@pytest.mark.parametrize("shares", [[1], [0.5, 0.25, 0.25], [0.5, 0.6], [0, 1], [-1, 2], [np.nan, 1], [np.inf, 1]])
def test_shares_that_are_not_parts_of_one_whole_are_refused(shares):
    with pytest.raises(UserError, match=r"--shares .*: give 2 numbers above 0 with a sum of 1, one for each file\.$"):
        average_trainings({"a": training(), "b": training()}, shares)


def restored(seed, width=5):
    """A convolution with a restored BatchNorm, as a file holds it."""
    rng = np.random.default_rng(seed)
    norm = {key: rng.normal(size=width).astype(np.float32) for key in ("weight", "bias", "_mean")}
    norm["_variance"] = rng.uniform(0.5, 2, width).astype(np.float32)
    convolution = {"weight": rng.normal(size=(width, 3, 2, 2)), "bias": rng.normal(size=width)}
    return {
        **{f"conv.{key}": value.astype(np.float32) for key, value in convolution.items()},
        **{f"conv.norm.{key}": value for key, value in norm.items()},
    }


def test_restored_norm_merged_into_its_convolution_computes_the_same():
    params, merged = restored(0), merge_norm(restored(0))
    assert sorted(merged) == ["conv.bias", "conv.weight"]
    x = paddle.randn([2, 3, 6, 6])
    expected = paddle.nn.functional.batch_norm(
        paddle.nn.functional.conv2d(x, *(paddle.to_tensor(params[f"conv.{key}"]) for key in ("weight", "bias"))),
        *(paddle.to_tensor(params[f"conv.norm.{key}"]) for key in ("_mean", "_variance", "weight", "bias")),
    )
    got = paddle.nn.functional.conv2d(x, *(paddle.to_tensor(merged[f"conv.{key}"]) for key in ("weight", "bias")))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_fine_tune_with_restored_norm_is_averaged_with_the_published_file_it_began_from():
    published, tuned = merge_norm(restored(0)), restored(1)
    mean = average_trainings({"published": published, "tuned": tuned}, [0.5, 0.5])
    np.testing.assert_allclose(mean.params["conv.bias"], (published["conv.bias"] + merge_norm(tuned)["conv.bias"]) / 2)
    assert not mean.statistics_differ


@pytest.mark.parametrize("lacking", ["conv.norm.bias", "conv.bias", "conv.weight"])
def test_a_normalisation_of_the_networks_own_is_left_alone(lacking):
    params = {name: value for name, value in restored(0).items() if name != lacking}
    assert merge_norm(params).keys() == params.keys()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_training_with_a_number_that_is_not_finite_is_refused(value):
    with pytest.raises(UserError, match=r"b: backbone.weight holds NaN or infinity; leave this training out"):
        average_trainings({"a": training(), "b": training(value)})


def test_a_training_with_a_negative_variance_is_refused_before_it_is_merged():
    broken = {**restored(0), "conv.norm._variance": np.full(2, -1.0, "float32")}
    with pytest.raises(UserError, match=r"b: conv.norm._variance holds a negative variance"):
        average_trainings({"a": restored(0), "b": broken})


@pytest.mark.parametrize("end", ["", "/"])
def test_a_folder_as_output_is_refused(saved, tmp_path, end):
    files = [saved(name, training()) for name in ("a", "b")]
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="is a folder; name a file in it, such as .*folder/mean"):
        average.average(files, f"{tmp_path / 'folder'}{end}")
    assert not list((tmp_path / "folder").iterdir())


def test_class_centers_are_left_out():
    centers = {"head.centers": count_up(4, 2), "head.center_counts": np.arange(4)}
    assert average_trainings({"a": training(**centers), "b": training()}).params.keys() == training().keys()


def test_different_batch_norm_statistics_are_reported():
    other = {**training(), "backbone.bn._mean": count_up(3, start=1)}
    assert average_trainings({"a": training(), "b": other}).statistics_differ


def test_unrelated_networks_are_far_from_their_mean_and_fine_tunes_are_near():
    rng = np.random.default_rng(1)
    start = rng.normal(size=4000)
    unrelated = average_trainings({str(i): {"w": rng.normal(size=4000)} for i in range(3)})
    tuned = average_trainings({str(i): {"w": start + 0.1 * rng.normal(size=4000)} for i in range(3)})
    assert min(unrelated.distances) > FAR > 5 * max(tuned.distances)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"backbone.weight": count_up(2, 3)}, r"^a has backbone.bn._mean, b does not"),
        (training(**{"neck.weight": count_up(1)}), r"^b has neck.weight, a does not"),
        ({**training(), "backbone.weight": count_up(3, 3)}, r"backbone.weight is \[2, 3\] in a and \[3, 3\] in b"),
    ],
)
def test_another_network_is_refused_with_the_first_difference(other, said):
    with pytest.raises(UserError, match=said):
        average_trainings({"a": training(), "b": other})


def test_a_written_mean_is_read_back_with_the_dictionary(saved, tmp_path, capsys):
    files = [saved("a", training(-0.1), "xy"), saved("b", training(0.1), "xy")]
    average.average(files, str(tmp_path / "out/mean"))
    mean = read_arrays(tmp_path / "out/mean")
    np.testing.assert_allclose(mean["backbone.weight"], count_up(2, 3), atol=1e-7)
    assert (tmp_path / "out/mean.dict.txt").read_text() == "x\ny\n"
    said = capsys.readouterr()
    assert "from the mean" in said.out
    assert not said.err


def test_each_network_of_a_pair_is_averaged_and_centers_are_left_out(saved, tmp_path):
    def pair(shift):
        networks = {"Student": training(shift), "Teacher": training(shift + 1, **{"head.centers": count_up(4, 2)})}
        return {f"{name}.{key}": value for name, params in networks.items() for key, value in params.items()}

    average.average([saved("a", pair(-1)), saved("b", pair(1))], str(tmp_path / "mean.pdparams"))
    mean = read_arrays(tmp_path / "mean")
    np.testing.assert_array_equal(mean["Student.backbone.weight"], count_up(2, 3))
    np.testing.assert_array_equal(mean["Teacher.backbone.weight"], count_up(2, 3, start=1))
    assert not any(name.endswith("centers") for name in mean)


def test_unrelated_trainings_and_different_statistics_lead_to_warnings(saved, tmp_path, capsys):
    other = {"backbone.weight": -count_up(2, 3), "backbone.bn._mean": count_up(3, start=1)}
    average.average([saved("a", training(0.01)), saved("b", other)], str(tmp_path / "mean"))
    warned = capsys.readouterr().err
    assert "too far apart" in warned
    assert "freeze_norm" in warned


def test_a_file_of_another_training_than_the_latest_beside_it_is_named(saved, tmp_path, capsys):
    best, latest = saved("best_accuracy", training(-0.1)), saved("latest", training(0.1))
    place = {"position": records.Position(1, 1, 1, 9)._asdict()}
    for file, run in ((best, "earlier"), (latest, "this one")):
        record = {"format": 1, "files": {}, **place, "run": run}
        (tmp_path / f"{file}.resume").write_text(json.dumps(record), encoding="utf-8")
    average.average([best, latest], str(tmp_path / "mean"))
    assert f"{best} is of another training than {latest} beside it" in capsys.readouterr().err


def write_config(folder, **changes):
    loss = {"name": "CombinedLoss", "loss_config_list": [{"CTCLoss": {"weight": 1.0}}]}
    config = {"Global": {"seed": 1}, "Architecture": {"Head": {"mid_channels": 96}}, "Loss": loss, **changes}
    (folder / "resolved.yml").write_text(yaml.safe_dump(config), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Global": {"seed": 2}}, ""),
        ({"Architecture": {"Head": {}}}, "differ in Architecture.Head.mid_channels (96, None), Architecture.Head"),
        (
            {"Loss": {"name": "CombinedLoss", "loss_config_list": [{"CTCLoss": {"weight": 0.5}}]}},
            "b/resolved.yml differ in Loss.loss_config_list.0.CTCLoss.weight (1.0, 0.5).",
        ),
    ],
)
def test_what_the_configs_differ_in_is_said_of_network_and_loss_alone(saved, tmp_path, capsys, changes, said):
    for name in "ab":
        (tmp_path / name).mkdir()
    write_config(tmp_path / "a")
    write_config(tmp_path / "b", **changes)
    average.average([saved("a/best", training(-0.1)), saved("b/best", training(0.1))], str(tmp_path / "mean"))
    warned = capsys.readouterr().err
    assert said in warned
    assert bool(warned) == bool(said)


def test_trainings_without_configs_are_averaged_and_a_config_that_cannot_be_read_is_named(saved, tmp_path, capsys):
    for name in "abc":
        (tmp_path / name).mkdir()
    write_config(tmp_path / "a")
    (tmp_path / "c" / "resolved.yml").write_text("a: [", encoding="utf-8")
    files = [saved(f"{name}/best", training(shift)) for name, shift in zip("abc", (-0.1, 0.1, 0))]
    average.average(files, str(tmp_path / "mean"))
    (warned,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "c" / "resolved.yml") in warned


def recognizer(shift, classes):
    """Weights with a last layer of so many classes, blank included: each class has its own number, plus ``shift``."""
    head = np.array([1, *range(10, 10 * classes, 10)], np.float32) + np.float32(shift)
    return {**training(shift), "head.fc.weight": np.stack([head, -head]), "head.fc.bias": head}


def test_the_rows_of_a_character_that_a_fine_tune_added_are_its_own_in_the_mean(saved, tmp_path, capsys):
    files = [saved("start", recognizer(-0.1, 3), "xy"), saved("tuned", recognizer(0.1, 4), "yzx")]
    average.average(files, str(tmp_path / "mean"))
    mean = read_arrays(tmp_path / "mean")
    # blank, y, z, x: start has 1, 20, -, 10 less 0.1; tuned has 1, 10, 20, 30 plus 0.1
    bias = [1, 15, 20.1, 20]
    np.testing.assert_allclose(mean["head.fc.bias"], bias, rtol=1e-6)
    np.testing.assert_allclose(mean["head.fc.weight"], [bias, np.negative(bias)], rtol=1e-6)
    np.testing.assert_allclose(mean["backbone.weight"], count_up(2, 3), atol=1e-7)
    assert (tmp_path / "mean.dict.txt").read_text() == "y\nz\nx\n"
    assert capsys.readouterr().err == (
        f"ppocrv2: {files[0]}: the rows were moved to the characters of {files[1]}.dict.txt; the rows of 'z' are"
        f" those of {files[1]} alone.\n"
    )


def test_of_several_that_have_a_character_each_counts_by_its_share(saved, tmp_path):
    files = [saved("start", recognizer(0, 3), "xy"), saved("a", recognizer(1, 4), "xyz")]
    files += [saved("b", recognizer(2, 4), "xyz")]
    average.average(files, str(tmp_path / "mean"), [0.5, 0.3, 0.2])
    shared, new = 0.3 * 1 + 0.2 * 2, (0.3 * 1 + 0.2 * 2) / 0.5
    expected = [1 + shared, 10 + shared, 20 + shared, 30 + new]
    np.testing.assert_allclose(read_arrays(tmp_path / "mean")["head.fc.bias"], expected, rtol=1e-6)


def test_a_space_that_one_training_had_is_a_character_too(saved, tmp_path):
    files = [saved("without", recognizer(0, 3), "xy"), saved("with", recognizer(1, 4), "xy")]
    average.average(files, str(tmp_path / "mean"))
    np.testing.assert_allclose(read_arrays(tmp_path / "mean")["head.fc.bias"], [1.5, 10.5, 20.5, 31])


def test_the_same_characters_in_another_order_are_averaged_by_character(saved, tmp_path):
    files = [saved("a", recognizer(0, 3), "xy"), saved("b", recognizer(0, 3), "yx")]
    average.average(files, str(tmp_path / "mean"))
    np.testing.assert_allclose(read_arrays(tmp_path / "mean")["head.fc.bias"], [1, 15, 15])


def test_three_dictionaries_are_averaged_in_two_steps(saved, tmp_path):
    files = [saved(name, recognizer(0, len(name) + 1), name) for name in ("x", "xy", "xyz")]
    with pytest.raises(UserError, match=r"average trainings of two dictionaries first, and their mean with the others"):
        average.average(files, str(tmp_path / "mean"))
    average.average(files[:2], str(tmp_path / "mean"))
    average.average([str(tmp_path / "mean"), files[2]], str(tmp_path / "all"))
    np.testing.assert_allclose(read_arrays(tmp_path / "all")["head.fc.bias"], [1, 10, 20, 30])


def test_characters_that_no_dictionary_has_together_are_refused(saved, tmp_path):
    files = [saved("a", recognizer(0, 3), "xy"), saved("b", recognizer(0, 3), "xz")]
    with pytest.raises(UserError, match=r"which lack 1 of the former, such as 'z'; fine-tune with a dictionary of all"):
        average.average(files, str(tmp_path / "mean"))


def test_bad_input_is_refused_and_nothing_is_written(saved, tmp_path):
    a, b, c = saved("a", training(), "xy"), saved("b", training(), "xz"), saved("c", training())
    output = str(tmp_path / "mean")
    for files, target, said in [
        ([a], output, "two trainings or more"),
        ([a, a + ".pdparams"], output, "two trainings or more"),
        ([a, c, a], output, "each once"),
        ([a, c], c, "--output .*c is read, and would be overwritten; name another file"),
        ([a, b], output, r"b was trained with the characters of .*b\.dict\.txt"),
        ([a, str(tmp_path / "gone")], output, "there is no file .*gone"),
    ]:
        with pytest.raises(UserError, match=said):
            average.average(files, target)
    assert not (tmp_path / "mean.pdparams").exists()
    np.testing.assert_array_equal(read_arrays(c)["backbone.weight"], count_up(2, 3))
