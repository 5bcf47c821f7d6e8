"""Frozen BatchNorm: running statistics in training, with the gradients that belong to them."""

import copy

import numpy as np
import paddle
import pytest
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.frozen_norm import freeze_norm
from ppocrv2_ext.plugins.lcnet import LCNet

CHANNELS = 4
NORMS = {
    "BatchNorm": (lambda: nn.BatchNorm(CHANNELS), [3, CHANNELS, 5, 6]),
    "BatchNorm with activation": (lambda: nn.BatchNorm(CHANNELS, act="relu"), [3, CHANNELS, 5, 6]),
    "BatchNorm1D": (lambda: nn.BatchNorm1D(CHANNELS), [3, CHANNELS, 7]),
    "BatchNorm2D": (lambda: nn.BatchNorm2D(CHANNELS), [3, CHANNELS, 5, 6]),
    "BatchNorm3D": (lambda: nn.BatchNorm3D(CHANNELS), [2, CHANNELS, 3, 2, 3]),
}
PLAIN = [name for name in NORMS if "activation" not in name]


def _norm(name):
    """A norm whose statistics are far from the data's, and its data."""
    build, shape = NORMS[name]
    rng = np.random.RandomState(0)
    layer = build()
    for tensor, low in [(layer.weight, 0.5), (layer.bias, -0.5), (layer._mean, -1.0), (layer._variance, 0.5)]:
        tensor.set_value(rng.uniform(low, low + 1, [CHANNELS]).astype("float32"))
    return layer, paddle.to_tensor(rng.normal(1, 2, shape).astype("float32"), stop_gradient=False)


def _evaluated(layer, x):
    fresh = copy.deepcopy(layer)
    fresh.eval()
    return fresh(x).numpy()


def _statistics(network):
    return {
        name: value.numpy() for name, value in network.state_dict().items() if name.endswith(("_mean", "_variance"))
    }


def _lcnet():
    """A narrow backbone with statistics of its own, and an image."""
    paddle.seed(7)
    net, image = LCNet(scale=0.25), paddle.randn([2, 3, 32, 32])
    net(image)
    return net, image


@pytest.mark.parametrize("name", NORMS)
def test_training_output_is_the_evaluation_output_of_the_unfrozen_layer(name):
    layer, x = _norm(name)
    expected = _evaluated(layer, x)
    freeze_norm(layer)
    layer.train()
    np.testing.assert_array_equal(layer(x).numpy(), expected)


def test_without_freezing_the_training_output_differs_from_evaluation():
    layer, x = _norm("BatchNorm2D")
    assert np.abs(layer(x).numpy() - _evaluated(layer, x)).max() > 0.1


@pytest.mark.parametrize("name", PLAIN)
def test_gradients_match_their_closed_form(name):
    layer, x = _norm(name)
    freeze_norm(layer)
    upstream = np.random.RandomState(1).normal(size=x.shape)
    (layer(x) * paddle.to_tensor(upstream.astype("float32"))).sum().backward()

    column = [1, CHANNELS] + [1] * (x.ndim - 2)
    others = tuple(axis for axis in range(x.ndim) if axis != 1)
    mean, variance, weight = (t.numpy().astype("float64") for t in (layer._mean, layer._variance, layer.weight))
    inverse = 1 / np.sqrt(variance + 1e-5)
    normed = (x.numpy() - mean.reshape(column)) * inverse.reshape(column)
    np.testing.assert_allclose(x.grad.numpy(), upstream * (weight * inverse).reshape(column), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.weight.grad.numpy(), (upstream * normed).sum(others), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer.bias.grad.numpy(), upstream.sum(others), rtol=1e-4, atol=1e-4)


def test_gradients_match_numeric_ones():
    layer = nn.BatchNorm(CHANNELS, act="sigmoid", dtype="float64")
    freeze_norm(layer)
    rng = np.random.RandomState(0)
    layer._mean.set_value(rng.normal(size=[CHANNELS]))
    x = paddle.to_tensor(rng.normal(size=[2, CHANNELS, 2, 3]), stop_gradient=False)
    layer(x).sum().backward()
    for tensor in (x, layer.weight, layer.bias):
        value, direction, step = tensor.numpy(), rng.normal(size=tensor.shape), 1e-5
        ends = []
        for sign in (1, -1):
            tensor.set_value(value + sign * step * direction)
            ends.append(float(layer(x).sum()))
        tensor.set_value(value)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert float((tensor.grad.numpy() * direction).sum()) == pytest.approx(slope, rel=1e-6)


def test_training_changes_scale_and_shift_and_leaves_the_statistics_bit_equal():
    net, image = _lcnet()
    freeze_norm(net)
    optimizer = paddle.optimizer.Adam(0.01, parameters=net.parameters())
    statistics, before = _statistics(net), {name: p.numpy() for name, p in net.named_parameters()}
    net.train()
    for _ in range(3):
        net(image).square().mean().backward()
        optimizer.step()
        optimizer.clear_grad()
    for name, value in _statistics(net).items():
        np.testing.assert_array_equal(value, statistics[name])
    still = [n for n, p in net.named_parameters() if n not in statistics and np.array_equal(p.numpy(), before[n])]
    assert len(statistics) == 54
    assert still == []


def test_a_whole_network_computes_in_training_what_it_computes_in_evaluation():
    net, image = _lcnet()
    expected = _evaluated(net, image)
    freeze_norm(net)
    np.testing.assert_array_equal(net(image).numpy(), expected)


def test_the_output_of_a_sample_does_not_depend_on_its_batch():
    layer, x = _norm("BatchNorm2D")
    freeze_norm(layer)
    np.testing.assert_allclose(layer(x)[:1].numpy(), layer(x[:1]).numpy(), rtol=1e-6)


def test_freezing_survives_train_eval_and_copies():
    net, image = _lcnet()
    freeze_norm(net)
    net.eval()
    expected = net(image).numpy()
    for frozen in (net, copy.deepcopy(net)):
        for mode in ("train", "eval", "train"):
            getattr(frozen, mode)()
            statistics = _statistics(frozen)
            np.testing.assert_array_equal(frozen(image).numpy(), expected)
            for name, value in _statistics(frozen).items():
                np.testing.assert_array_equal(value, statistics[name])


def test_freezing_adds_nothing_to_the_state_dict():
    frozen, plain = LCNet(scale=0.25), LCNet(scale=0.25)
    freeze_norm(frozen)
    assert list(frozen.state_dict()) == list(plain.state_dict())


def test_an_exported_network_computes_the_same(tmp_path):
    net, image = _lcnet()
    freeze_norm(net)
    net.eval()
    expected = net(image).numpy()
    spec = [paddle.static.InputSpec([None, 3, 32, None], "float32")]
    static = paddle.jit.to_static(net, input_spec=spec, full_graph=True)
    paddle.jit.save(static, str(tmp_path / "inference"))
    loaded = paddle.jit.load(str(tmp_path / "inference"))
    np.testing.assert_allclose(loaded(image).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_number_of_frozen_layers_is_returned():
    assert freeze_norm(LCNet(scale=0.25)) == 27
    shared = nn.BatchNorm2D(3)
    assert freeze_norm(nn.Sequential(nn.Conv2D(3, 3, 1), shared, nn.Sequential(shared), nn.BatchNorm(3))) == 2


def test_a_network_without_batch_norm_is_an_error():
    with pytest.raises(
        UserError, match="needs a network with BatchNorm, and Sequential has none; remove `freeze_norm`"
    ):
        freeze_norm(nn.Sequential(nn.Conv2D(3, 3, 1), nn.LayerNorm(3)))


class _OwnForward(nn.BatchNorm2D):
    def forward(self, x):
        return x - x.mean()


@pytest.mark.parametrize("build", [nn.SyncBatchNorm, _OwnForward])
def test_a_batch_norm_that_cannot_be_frozen_is_refused_and_nothing_is_changed(build):
    first = nn.BatchNorm2D(3)
    with pytest.raises(
        UserError, match=rf"cannot keep {build.__name__} on its running statistics: .* set `Global.use_sync_bn: false`"
    ):
        freeze_norm(nn.Sequential(first, build(3)))
    assert not first._use_global_stats


def test_a_second_call_refuses_a_network_that_was_converted_to_synchronised_norm():
    net = LCNet(scale=0.25)
    freeze_norm(net)
    with pytest.raises(UserError, match="use_sync_bn"):
        freeze_norm(nn.SyncBatchNorm.convert_sync_batchnorm(net))
