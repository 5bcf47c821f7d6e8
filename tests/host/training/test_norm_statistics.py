"""Restored BatchNorm is measured on the first batch of a training, and nothing else changes by that."""

import numpy as np
import paddle
import pytest
from paddle import nn
from toy_training import EPOCHS, STEPS_PER_EPOCH, toy

from ppocrv2_ext.plugins.distillation import DistillationNetworks
from ppocrv2_ext.plugins.restored_norm import list_restored, restore_norm


class Network(nn.Layer):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2D(3, 4, 3), nn.ReLU(), nn.Conv2D(4, 2, 3))

    def forward(self, x):
        return self.backbone(x)


def restored():
    network = Network()
    restore_norm(network, ["backbone"], (3, 8, 8))
    return network


@pytest.fixture
def statistics(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.training import norm_statistics

    monkeypatch.chdir(tmp_path)
    return norm_statistics


@pytest.fixture
def images():
    rng = np.random.default_rng(5)
    return [paddle.to_tensor(rng.normal(2, 3, (3, 3, 8, 8)).astype("float32")) for _ in range(STEPS_PER_EPOCH)]


def arguments_for(model, images, **settings):
    """The arguments of the toy training, with a network that takes images."""
    arguments = toy(**settings)
    optimizer = paddle.optimizer.SGD(learning_rate=0.01, parameters=model.parameters())
    arguments.update(model=model, optimizer=optimizer)
    arguments["train_dataloader"].batches = [[batch, paddle.zeros([3], dtype="int64")] for batch in images]
    arguments["valid_dataloader"].batches = arguments["train_dataloader"].batches[:1]
    return arguments


def take_first_batch(statistics, arguments, loop=None):
    loop = {} if loop is None else loop
    with statistics.measure_restored_norm(arguments, loop):
        return next(iter(arguments["train_dataloader"]))


def test_the_statistics_are_those_of_the_first_batch(statistics, images):
    network = restored()
    network.eval()
    before = network(images[0]).numpy()
    batch = take_first_batch(statistics, arguments_for(network, images))
    assert batch[0] is images[0]
    map_ = nn.functional.conv2d(images[0], network.backbone[0].weight, network.backbone[0].bias).numpy()
    np.testing.assert_allclose(network.backbone[0].norm._mean.numpy(), map_.mean((0, 2, 3)), atol=1e-4)
    network.eval()
    np.testing.assert_allclose(network(images[0]).numpy(), before, atol=2e-3)


def test_a_loader_that_the_loop_builds_for_an_epoch_is_measured_too(statistics, images):
    network = restored()
    arguments = arguments_for(network, images)
    loop = {"build_dataloader": lambda mode, seed: [[images[1]]]}
    with statistics.measure_restored_norm(arguments, loop):
        next(iter(loop["build_dataloader"]("Train", seed=1)))
        measured = network.backbone[0].norm._mean.numpy()
        next(iter(loop["build_dataloader"]("Train", seed=2)))
    map_ = nn.functional.conv2d(images[1], network.backbone[0].weight, network.backbone[0].bias).numpy()
    np.testing.assert_allclose(measured, map_.mean((0, 2, 3)), atol=1e-4)
    assert loop["build_dataloader"]("Train", seed=3) == [[images[1]]]


@pytest.mark.parametrize("resumed", [True, False])
def test_a_resumed_training_and_a_network_without_them_keep_their_loader(statistics, images, resumed):
    arguments = arguments_for(restored() if resumed else Network(), images, checkpoints="out/latest" * resumed)
    loader = arguments["train_dataloader"]
    with statistics.measure_restored_norm(arguments, {}):
        assert arguments["train_dataloader"] is loader


class Counting:
    """An observer that keeps the numbers of the epochs."""

    def __init__(self):
        self.epochs = []

    def __getattr__(self, method):
        return lambda *values: self.epochs.append(values[0].number) if method == "epoch" else None


def test_the_loop_reads_as_many_epochs_as_without_and_they_are_counted_from_one(statistics, images, monkeypatch):
    from tools import program

    from ppocrv2_ext.host.training import loop, ranks, watching

    network, counting, begun = restored(), Counting(), []
    arguments = arguments_for(network, images)
    loader = arguments["train_dataloader"]
    monkeypatch.setattr(type(loader), "__iter__", lambda self: begun.append(self) or iter(self.batches))
    monkeypatch.setattr(program, "save_model", lambda *_, **__: None)
    tell = watching.tell_observers(lambda training: [counting])
    loop.surround(program.train, [ranks.join_ranks, tell, statistics.measure_restored_norm])(**arguments)
    assert counting.epochs == list(range(1, EPOCHS + 1))
    assert begun.count(loader) == EPOCHS
    assert (network.backbone[0].norm._variance.numpy() != 1).all()


def test_a_frozen_network_keeps_every_tensor_and_its_output(statistics, images):
    model = DistillationNetworks({"Teacher": restored(), "Student": restored()}, frozen=["Teacher"])
    before = {name: tensor.numpy() for name, tensor in model.Teacher.state_dict().items()}
    output = model.Teacher(images[0]).numpy()
    take_first_batch(statistics, arguments_for(model, images))
    assert all((model.Teacher.state_dict()[name].numpy() == value).all() for name, value in before.items())
    np.testing.assert_array_equal(model(images[0])["Teacher"].numpy(), output)
    merged = model.Teacher.backbone[0]
    expected = nn.functional.conv2d(images[0], merged.weight, merged.bias).numpy()
    np.testing.assert_allclose(merged(images[0]).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert all((norm._mean.numpy() != 0).all() for norm in list_restored(model.Student))


def test_a_network_is_measured_in_the_precision_of_the_loop(statistics, images, monkeypatch):
    casts = []
    auto_cast = paddle.amp.auto_cast

    def note(**options):
        casts.append(options)
        return auto_cast(enable=False)

    monkeypatch.setattr(paddle.amp, "auto_cast", note)
    precision = {"amp_custom_black_list": ["exp"], "amp_custom_white_list": None}
    arguments = {**arguments_for(restored(), images), "amp_level": "O2", "amp_dtype": "bfloat16", **precision}
    take_first_batch(statistics, {**arguments, "scaler": paddle.amp.GradScaler()})
    options = {"custom_black_list": ["exp"], "custom_white_list": None}
    assert casts == [{"level": "O2", "dtype": "bfloat16", **options}, *[{"enable": False}] * 2]
    casts.clear()
    take_first_batch(statistics, {**arguments_for(restored(), images), "scaler": None})
    assert casts == [{"enable": False}] * 2
