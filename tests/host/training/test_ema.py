"""The moving average of the weights: its values, and a training that uses, saves and resumes it on both hosts."""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import paddle
import pytest
from arrays import draw_normal
from drawn_words import draw_words
from in_process import run_here

from ppocrv2_ext.checkpoints import pickles, sets
from ppocrv2_ext.checkpoints.records import Position
from ppocrv2_ext.commands.average import average as average_trainings
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.distillation import DistillationNetworks
from ppocrv2_ext.plugins.frozen_norm import freeze_norm

ROOT = Path(__file__).resolve().parents[3]
UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"
HOSTS = ["wheel", pytest.param("checkout", marks=pytest.mark.checkout)]


@pytest.fixture
def average(wheel):
    from ppocrv2_ext.host.training.ema import WeightAverage

    return WeightAverage


class Counter(paddle.nn.Layer):
    """A weight, BatchNorm, and an integer as a head with centers has it."""

    def __init__(self):
        super().__init__()
        self.norm = paddle.nn.BatchNorm1D(1)
        self.weight = self.create_parameter([1])
        self.register_buffer("counts", paddle.zeros([1], dtype="int64"))

    def set_all(self, value):
        self.set_state_dict({name: paddle.full_like(old, value) for name, old in self.state_dict().items()})


def averages_of_1_2_3(average, model, **options):
    averages = average(model, **options)
    for value in (1, 2, 3):
        model.set_all(value)
        averages.update(model)
    return {name: value.item() for name, value in averages.apply().items()}


def test_average_of_three_steps_by_hand(average):
    # (1/8 + 2/4 + 3/2) / (1 - 1/8)
    assert averages_of_1_2_3(average, Counter(), decay=0.5, ema_decay_type="normal")["weight"] == pytest.approx(17 / 7)


def test_average_with_a_share_that_rises_to_a_threshold_by_hand(average):
    # shares 1/10, 2/11, 1/4
    by_hand = ((0.9 * 2 / 11 + 2 * 9 / 11) / 4 + 3 * 3 / 4) / (1 - 0.25**3)
    assert averages_of_1_2_3(average, Counter())["weight"] == pytest.approx(by_hand)


def test_average_with_a_share_that_rises_exponentially_by_hand(average):
    first, second, third = (0.9 * (1 - np.exp(-step / 2)) for step in (1, 2, 3))
    by_hand = ((1 - first) * second + 2 * (1 - second)) * third + 3 * (1 - third)
    options = {"decay": 0.9, "gamma": 2, "ema_decay_type": "exponential"}
    assert averages_of_1_2_3(average, Counter(), **options)["weight"] == pytest.approx(by_hand)


def test_a_share_of_the_start_is_mixed_in_by_hand(average):
    model = Counter()
    averages = average(model, decay=0.5, ema_decay_type="normal")
    model.set_all(8)
    averages.keep_start(model, 0.25)
    for value in (1, 2, 3):
        model.set_all(value)
        averages.update(model)
    applied = averages.apply()
    assert applied["weight"].item() == pytest.approx(0.75 * 17 / 7 + 0.25 * 8)
    assert applied["norm._mean"].item() == pytest.approx(0.75 * 17 / 7 + 0.25 * 8)
    assert applied["counts"].item() == 3  # whole numbers are not averaged
    with pytest.raises(ValueError, match=r"`ema_start_share` must be a number in \[0, 1\), got 1"):
        averages.keep_start(model, 1)


def test_an_integer_is_not_averaged_and_keeps_its_type(average):
    model = Counter()
    averages = average(model)
    model.set_all(5)
    averages.update(model)
    counts = averages.apply()["counts"]
    assert counts.dtype == paddle.int64
    assert counts.item() == 5


def with_centers(rows):
    """A network with class centers, all of one value: (the network, a function that sets its centers and weights)."""
    model, head = paddle.nn.Layer(), paddle.nn.Linear(2, 3)
    head.register_buffer("centers", paddle.zeros([3, 2]))
    head.register_buffer("center_counts", paddle.zeros([3], dtype="int64"))
    model.add_sublayer("head", head)

    def set_to(value):
        head.weight.set_value(paddle.full_like(head.weight, value))
        head.centers[rows] = value
        head.center_counts[rows] = 20

    return model, set_to


def test_the_center_of_a_class_that_comes_in_the_last_steps_alone_is_kept_whole(average, tmp_path):
    model, set_to = with_centers(rows=2)
    averages = average(model)
    for step in range(100):
        if step >= 98:
            set_to(8.0)
        averages.update(model)
    applied = averages.apply()
    assert applied["head.centers"].tolist() == [[0, 0], [0, 0], [8, 8]]
    assert applied["head.center_counts"].tolist() == [0, 0, 20]
    assert applied["head.weight"].max().item() < 4  # this is averaged

    file = str(tmp_path / "latest.pdema")
    paddle.save({"ema_state": averages.state_dict, "step": averages.step}, file)
    resumed = average(model)
    resumed.set_state_dict(paddle.load(file))
    assert resumed.apply()["head.centers"].tolist() == [[0, 0], [0, 0], [8, 8]]
    set_to(9.0)
    resumed.update(model)
    assert resumed.apply()["head.centers"].tolist() == [[0, 0], [0, 0], [9, 9]]


def test_the_statistics_of_batchnorm_are_averaged_unless_they_are_frozen(average):
    learning, frozen = Counter(), Counter()
    freeze_norm(frozen)
    options = {"decay": 0.5, "ema_decay_type": "normal"}
    assert averages_of_1_2_3(average, learning, **options)["norm._mean"] == pytest.approx(17 / 7)
    assert averages_of_1_2_3(average, frozen, **options)["norm._mean"] == 3
    assert averages_of_1_2_3(average, frozen, **options)["norm.weight"] == pytest.approx(17 / 7)


def test_parameters_that_do_not_learn_are_left_out_on_demand(average):
    options = {"decay": 0.5, "ema_decay_type": "normal"}
    for left_out, expected in ((True, 3), (False, pytest.approx(17 / 7))):
        model = Counter()
        model.weight.stop_gradient = True
        values = averages_of_1_2_3(average, model, ema_filter_no_grad=left_out, **options)
        assert values["weight"] == expected
        assert values["norm._mean"] == pytest.approx(17 / 7)


def test_a_frozen_teacher_stays_bit_equal(average):
    networks = {
        name: paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.BatchNorm(4)) for name in ("Student", "Teacher")
    }
    model = DistillationNetworks(networks, frozen=["Teacher"])
    before = {name: value.numpy() for name, value in networks["Teacher"].state_dict().items()}
    averages = average(model)
    optimizer = paddle.optimizer.Adam(0.1, parameters=[p for p in model.parameters() if p.trainable])
    for seed in range(5):
        outputs = model(paddle.to_tensor(draw_normal(seed, 8, 3)))
        (outputs["Student"] - outputs["Teacher"]).square().mean().backward()
        optimizer.step()
        optimizer.clear_grad()
        averages.update(model)
    model.set_state_dict(averages.apply())
    after = networks["Teacher"].state_dict()
    assert all((after[name].numpy() == value).all() for name, value in before.items())


RULES = {
    "threshold": {"ema_decay_type": "threshold"},
    "exponential": {"ema_decay_type": "exponential", "gamma": 5},
    "normal": {"ema_decay_type": "normal"},
    "another decay": {"ema_decay_type": "normal", "decay": 0.5},
}


def take_steps(averages, model, value, steps=12):
    model.set_all(value)
    for _ in range(steps):
        averages.update(model)
    return averages


@pytest.mark.parametrize("before", RULES)
@pytest.mark.parametrize("now", RULES)
def test_an_average_that_goes_on_with_other_keys_keeps_its_size(average, before, now):
    model = Counter()
    saved = take_steps(average(model, **RULES[before]), model, 5).describe()
    resumed = average(model, **RULES[now])
    resumed.set_state_dict(saved)
    exact = {"rel": 1e-5} if before != now else {"rel": 0.02}  # PaddleOCR's own divisor for "threshold"
    assert resumed.apply()["weight"].item() == pytest.approx(5, **exact)
    assert take_steps(resumed, model, 5).apply()["weight"].item() == pytest.approx(5, **exact)


def test_an_average_that_goes_on_with_other_keys_has_the_weights_of_the_definition(average):
    model = Counter()
    resumed = average(model, ema_decay_type="normal", decay=0.5)
    resumed.set_state_dict(take_steps(average(model), model, 1, steps=2).describe())  # shares 1/10, 2/11
    by_hand = (2 / 110 * 0 + (1 - 2 / 110) * 1) / 2 + 4 / 2
    assert take_steps(resumed, model, 4, steps=1).apply()["weight"].item() == pytest.approx(by_hand / (1 - 2 / 110 / 2))
    again = average(model, ema_decay_type="normal", decay=0.5)
    again.set_state_dict(resumed.describe())
    assert again.apply()["weight"].item() == resumed.apply()["weight"].item()


@pytest.mark.parametrize("decay_type", ["threshold", "exponential", "normal"])
def test_the_average_of_an_older_version_goes_on_as_it_was(average, decay_type):
    model = Counter()
    whole = take_steps(average(model, ema_decay_type=decay_type), model, 1)
    resumed = average(model, ema_decay_type=decay_type)
    resumed.set_state_dict({key: value for key, value in whole.describe().items() if key in ("ema_state", "step")})
    for averages in (whole, resumed):
        take_steps(averages, model, 3)
    assert resumed.apply()["weight"].item() == whole.apply()["weight"].item()
    assert resumed.share_of_start == whole.share_of_start


def test_a_parameter_that_is_averaged_only_from_now_on_keeps_its_size(average):
    model = Counter()
    model.weight.stop_gradient = True
    resumed = average(model, ema_decay_type="normal")
    resumed.set_state_dict(
        take_steps(average(model, ema_decay_type="normal", ema_filter_no_grad=True), model, 5).describe()
    )
    assert resumed.apply()["weight"].item() == pytest.approx(5)
    assert take_steps(resumed, model, 5).apply()["weight"].item() == pytest.approx(5, rel=1e-5)


def test_half_precision_weights_are_averaged_in_float32(average):
    model = paddle.nn.Linear(2, 2)
    model.to(dtype="bfloat16")
    averages = average(model)
    averages.update(model)
    assert averages.state_dict["weight"].dtype == paddle.float32
    assert averages.apply()["weight"].dtype == paddle.bfloat16


def test_options_out_of_range_are_refused(average):
    with pytest.raises(ValueError, match="`ema_decay` must be a number in"):
        average(Counter(), decay=1.0)
    with pytest.raises(ValueError, match="`ema_gamma` must be a number > 0"):
        average(Counter(), gamma=0)
    with pytest.raises(UserError, match="did you mean 'threshold'"):
        average(Counter(), ema_decay_type="treshold")


@pytest.mark.checkout
@pytest.mark.parametrize("decay_type", ["threshold", "exponential", "normal"])
def test_the_average_is_paddleocrs(average, checkout, decay_type):
    spec = importlib.util.spec_from_file_location("paddleocr_ema", checkout / "ppocr" / "utils" / "ema.py")
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    model = paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.BatchNorm1D(4))
    pair = [cls(model, decay=0.9, gamma=5, ema_decay_type=decay_type) for cls in (average, theirs.ModelEMA)]
    for seed in range(12):
        for parameter in model.state_dict().values():
            parameter.set_value(draw_normal(seed, *parameter.shape))
        for each in pair:
            each.update(model)
    ours, stock = (each.apply() for each in pair)
    assert ours.keys() == stock.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name].numpy(), stock[name].numpy(), rtol=1e-6, atol=1e-7)


def load(file):
    return {name: value.numpy() for name, value in paddle.load(str(file)).items()}


def assert_equal(these, those, **tolerance):
    assert these.keys() == those.keys()
    for name, value in these.items():
        if tolerance:
            np.testing.assert_allclose(value, those[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(value, those[name], err_msg=name)


class Run(NamedTuple):
    """A command that ended well."""

    folder: Path  # in which it ran
    said: str


@pytest.fixture(scope="module")
def run(tmp_path_factory, request):
    """A function that trains on one drawn word, eight times, with an average, and evaluates at every step.

    A clone of PaddleOCR reads the lines in a random order, which makes no difference here.
    """
    folder = tmp_path_factory.mktemp("trainings")
    words = draw_words(folder)
    (folder / "mat.txt").write_text("mat.png\tmat\n" * 8, encoding="utf-8")
    options = ["Train.dataset.label_file_list=[mat.txt]", "Global.eval_batch_step=[0,1]", "Global.use_ema=true"]

    def run_command(command, host, *overrides):
        arguments = [command, "-c", UDML_CENTER, "-o", *words, *options, *overrides]
        if host == "wheel":
            done = run_here(*arguments, cwd=folder)
        else:
            clone = {"PADDLEOCR_HOME": str(request.getfixturevalue("checkout")), "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-m", "ppocrv2_ext", *map(str, arguments)]
            done = subprocess.run(command, cwd=folder, env={**os.environ, **clone}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return Run(folder, done.stdout + done.stderr)

    return run_command


def assert_equal_files(file, other):
    values, others = (pickles.without_tensor_names(pickles.read(each)) for each in (file, other))
    assert list(values) == list(others)
    for name, value in values.items():
        np.testing.assert_equal(value, others[name], err_msg=name)


@pytest.fixture(scope="module")
def trained(run):
    """``trained(host, name)``: the folder of a training of two epochs, or of its first. Each is made once."""
    overrides = {"whole": [], "first_epoch": ["Global.epoch_num=1"], "plain": ["Global.use_ema=false"]}

    @functools.cache
    def train(host, name):
        return run("train", host, f"Global.save_model_dir={host}_{name}", *overrides[name]).folder / f"{host}_{name}"

    return train


@pytest.fixture(scope="module")
def resumed(run, trained):
    """``resumed(first, second)``: the folder of a training with its first epoch on one host, its second on another."""

    def resume(first, second):
        folder = trained(first, "first_epoch").parent / f"{first}_{second}"
        shutil.copytree(trained(first, "first_epoch"), folder)
        run("train", second, f"Global.save_model_dir={folder}", "--resume", folder)
        return folder

    return resume


def load_average(file):
    saved = paddle.load(str(file))
    assert saved.keys() == {"train_state", "ema_state", "step", "share_of_start", "constant"}
    states = ({name: value.numpy() for name, value in saved[key].items()} for key in ("train_state", "ema_state"))
    return (*states, saved["step"])


@pytest.mark.parametrize("host", HOSTS)
def test_a_resumed_training_ends_like_one_that_was_never_stopped(run, trained, resumed, host):
    whole, parts = trained(host, "whole"), resumed(host, host)
    (training, average, step), (other_training, other_average, other_step) = (
        load_average(folder / "latest.pdema") for folder in (whole, parts)
    )
    assert step == other_step == 4
    assert_equal(training, other_training)
    assert_equal(average, other_average)
    assert_equal(load(whole / "latest.pdparams"), load(parts / "latest.pdparams"))
    run("eval", host, f"Global.pretrained_model={parts / 'latest'}")


@pytest.mark.parametrize("host", HOSTS)
def test_every_checkpoint_holds_the_average_and_beside_it_the_training_weights(trained, host):
    folder = trained(host, "whole")
    # Step 4 averages with a share of 4/13.
    for name, step, share in (("iter_epoch_1", 2, 2 / 11), ("latest", 4, 4 / 13)):
        training, average, saved_step = load_average(folder / f"{name}.pdema")
        written = load(folder / f"{name}.pdparams")
        assert saved_step == step
        for key, value in written.items():
            if "head.center" in key:  # the counts and the centers
                assert value.dtype == (np.int64 if "counts" in key else np.float32)
                assert np.abs(value).sum() > 0
                np.testing.assert_array_equal(value, training[key])
            elif "_mean" not in key and "_variance" not in key:  # frozen in this config
                np.testing.assert_allclose(value, average[key] / (1 - share**step), rtol=1e-5, atol=1e-7)
        assert any((written[key] != training[key]).any() for key in written)
    for name in ("best_accuracy", "best_model/model"):
        assert (folder / f"{name}.pdema").is_file()


@pytest.mark.parametrize("host", HOSTS)
def test_training_goes_on_from_the_training_weights_after_it_evaluated_and_saved(trained, host):
    training, _, _ = load_average(trained(host, "whole") / "latest.pdema")
    plain = trained(host, "plain")
    assert_equal(training, load(plain / "latest.pdparams"))
    assert not (plain / "latest.pdema").exists()


@pytest.mark.parametrize("host", HOSTS)
def test_a_training_that_is_resumed_with_another_decay_saves_weights_of_the_same_size(run, trained, host):
    folder = trained(host, "first_epoch").parent / f"{host}_other_decay"
    shutil.copytree(trained(host, "first_epoch"), folder)
    run("train", host, f"Global.save_model_dir={folder}", "Global.ema_decay_type=normal", "--resume", folder)
    training, _, step = load_average(folder / "latest.pdema")
    assert step == 4
    for name, value in load(folder / "latest.pdparams").items():
        assert np.linalg.norm(value) == pytest.approx(np.linalg.norm(training[name]), rel=0.1, abs=0.1), name


@pytest.fixture(scope="module")
def with_start(run, trained):
    """``with_start(host)``: (the file that a training starts from, the folder of a training that keeps half of it)."""

    @functools.cache
    def train(host):
        start = trained(host, "plain") / "latest"
        options = [f"Global.pretrained_model={start}", "Global.ema_start_share=0.5", "Global.seed=7"]
        folder = run("train", host, f"Global.save_model_dir={host}_with_start", *options).folder
        return start.with_suffix(".pdparams"), folder / f"{host}_with_start"

    return train


@pytest.mark.parametrize("host", HOSTS)
def test_half_of_the_start_gives_the_file_of_the_command_average(run, with_start, host):
    start, folder = with_start(host)
    tuned, mean = (folder.parent / f"{host}_{name}" for name in ("without_start", "mean.pdparams"))
    run("train", host, f"Global.save_model_dir={tuned}", f"Global.pretrained_model={start}", "Global.seed=7")
    average_trainings([str(start), str(tuned / "latest.pdparams")], str(mean), [0.5, 0.5])
    learned, expected = (
        {name: value for name, value in load(file).items() if "head.center" not in name}
        for file in (folder / "latest.pdparams", mean)
    )
    assert_equal(learned, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("host", HOSTS)
def test_a_resumed_training_keeps_the_first_start(run, with_start, host):
    start, whole = with_start(host)
    folder = whole.parent / f"{host}_with_start_resumed"
    options = [f"Global.save_model_dir={folder}", f"Global.pretrained_model={start}", "Global.seed=7"]
    run("train", host, *options, "Global.ema_start_share=0.5", "Global.epoch_num=1")
    run("train", host, *options, "Global.ema_start_share=0.5", "--resume", folder)
    assert_equal(load(whole / "latest.pdparams"), load(folder / "latest.pdparams"))


@pytest.mark.checkout
@pytest.mark.parametrize(("first", "second"), [("wheel", "checkout"), ("checkout", "wheel")])
def test_a_checkpoint_with_an_average_moves_between_hosts(trained, resumed, first, second):
    whole, parts = (folder / "latest.pdparams" for folder in (trained(second, "whole"), resumed(first, second)))
    assert_equal(load(whole), load(parts), rtol=1e-3, atol=1e-4)


def test_a_start_that_a_checkpoint_does_not_hold_is_refused(average, tmp_path):
    from ppocrv2_ext.host.training.ema import average_weights

    settings = {"use_ema": True, "ema_start_share": 0.5, "checkpoints": str(tmp_path / "latest")}
    given = {"config": {"Global": settings}, "model": Counter(), "logger": mock.Mock(), "optimizer": mock.Mock()}
    with (
        pytest.raises(UserError, match=r"needs the weights that the training began from, and .*latest\.pdema holds"),
        average_weights(given, {}),
    ):
        pass


def test_a_checkpoint_without_an_average_is_reported(average, tmp_path):
    from ppocrv2_ext.host.training.ema import _resume

    log = mock.Mock()
    _resume(average(Counter()), Counter(), str(tmp_path / "latest"), log)
    (sentence,) = log.warning.call_args.args
    assert "latest has no .pdema; the average starts again" in sentence


@pytest.mark.parametrize("host", HOSTS)
def test_a_training_that_leaves_the_average_goes_on_from_its_training_weights(run, trained, host):
    plain, first = trained(host, "plain"), trained(host, "first_epoch")
    folder = first.parent / f"{host}_left"
    shutil.copytree(first, folder)
    said = run("train", host, f"Global.save_model_dir={folder}", "Global.use_ema=false", "--resume", folder).said
    assert "latest holds an average, and Global.use_ema is not true" in said
    for suffix in ("pdparams", "pdopt"):
        assert_equal_files(folder / f"latest.{suffix}", plain / f"latest.{suffix}")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("is_left", [False, True])
def test_a_training_never_goes_back_to_the_average_of_an_earlier_one(run, host, is_left):
    def train(epochs, rate, ema, *options):
        steady = f"Optimizer.lr={{name: Const, learning_rate: {rate}}}"
        settings = [f"Global.epoch_num={epochs}", f"Global.use_ema={ema}", f"Global.save_model_dir={folder}", steady]
        return run("train", host, *settings, *options).folder / folder

    folder = f"{host}_{is_left}"
    average = train(1, 0.01, "true") / "latest.pdema"
    old = average.read_bytes()
    train(2, 0.01, "false", "--resume", folder)
    assert not average.exists()
    if is_left:  # as versions before left it
        average.write_bytes(old)
    saved = load(average.with_suffix(".pdparams"))
    train(3, 1e-12, "true", "--resume", folder)
    training, _, step = load_average(average)
    assert step == 2  # those of the last epoch
    learned = [name for name in saved if "center" not in name]
    assert_equal({name: training[name] for name in learned}, {name: saved[name] for name in learned}, atol=1e-8)


def test_an_average_that_an_earlier_training_left_is_not_taken_for_that_of_a_checkpoint(average, tmp_path):
    from ppocrv2_ext.host.training.ema import average_weights

    model, old = Counter(), Counter()
    old.set_all(1)
    with sets.writing(tmp_path, "latest", {"position": Position(1, 1, 1, 1)._asdict()}) as part:
        paddle.save(model.state_dict(), str(part / "latest.pdparams"))
    paddle.save({"train_state": old.state_dict(), "ema_state": {}, "step": 1}, str(tmp_path / "latest.pdema"))
    log = mock.Mock()
    config = {"Global": {"checkpoints": str(tmp_path / "latest")}}
    for record, expected in ((True, 0), (False, 1)):
        if not record:  # as PaddleOCR alone saves
            (tmp_path / "latest.resume").unlink()
        model.set_all(0)
        with average_weights({"config": config, "model": model, "logger": log}, {}):
            assert model.weight.item() == expected
        assert log.warning.call_count == expected
