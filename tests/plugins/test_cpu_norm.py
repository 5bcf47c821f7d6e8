"""BatchNorm with hardswish in one pass, against Paddle's two operators."""

import copy
import importlib.util
import sys

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from fast_kernels import assert_near, needs_numba
from paddle import nn

from ppocrv2_ext.plugins.fast_cpu import memory, norm
from ppocrv2_ext.plugins.fast_cpu.norm import norm_hardswish
from ppocrv2_ext.plugins.frozen_norm import freeze_norm

MODES = ("frozen", "training", "evaluation")


@pytest.fixture
def fast_calls(monkeypatch):
    """Shapes of the inputs that the fast kernel took."""
    shapes = []
    apply = norm._NormHardswish.apply
    monkeypatch.setattr(
        norm._NormHardswish, "apply", lambda x, *rest: (shapes.append(tuple(x.shape)), apply(x, *rest))[1]
    )
    return shapes


def _layer(rng, channels, mode):
    layer = nn.BatchNorm2D(channels, momentum=float(rng.uniform(0, 0.99)), epsilon=float(rng.choice([1e-5, 1e-3])))
    for tensor, low, high in (
        (layer.weight, -2, 2),
        (layer.bias, -2, 2),
        (layer._mean, -1, 1),
        (layer._variance, 0.1, 3),
    ):
        tensor.set_value(rng.uniform(low, high, channels).astype(np.float32))
    if mode == "frozen":
        freeze_norm(layer)
    if mode == "evaluation":
        layer.eval()
    return layer


def _run(forward, layer, x, weights):
    """Output, the three gradients and the running statistics."""
    x = x.detach()
    x.stop_gradient = False
    out = forward(x, layer)
    (out * weights).sum().backward()
    return [each.numpy() for each in (out, x.grad, layer.weight.grad, layer.bias.grad, layer._mean, layer._variance)]


def _draw(rng, mode):
    """A layer, an input and weights that are 0 where hardswish has an edge, at which rounding picks the derivative."""
    shape = [int(n) for n in rng.integers([1, 1, 2, 1], [5, 5, 30, 30])]
    layer = _layer(rng, shape[1], mode)
    x = paddle.to_tensor(rng.normal(rng.uniform(-2, 2), rng.uniform(0.5, 4), shape).astype(np.float32))
    twin = copy.deepcopy(layer)
    is_edge = (twin(x).abs() - 3).abs() < 1e-3
    weights = paddle.to_tensor(rng.standard_normal(shape, dtype=np.float32)) * (~is_edge).astype("float32")
    return layer, x, weights


@needs_numba
@pytest.mark.parametrize("mode", MODES)
def test_output_gradients_and_statistics_equal_paddles(mode, fast_calls):
    rng = np.random.default_rng(0)
    for _ in range(170):
        layer, x, weights = _draw(rng, mode)
        twin = copy.deepcopy(layer)
        ours = _run(norm_hardswish, layer, x, weights)
        theirs = _run(lambda x, norm: F.hardswish(norm(x)), twin, x, weights)
        assert_near(ours, theirs, 2e-5)
    assert len(fast_calls) == 170


@needs_numba
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 3, 1, 1), (1, 3, 1, 2)])
def test_channels_of_one_or_two_values_are_what_paddle_makes_of_them(shape, mode):
    rng = np.random.default_rng(4)
    layer = _layer(rng, 3, mode)
    x, weights = (paddle.to_tensor(rng.uniform(-2, 2, shape).astype(np.float32)) for _ in "xw")
    theirs = _run(lambda x, norm: F.hardswish(norm(x)), copy.deepcopy(layer), x, weights)
    assert_near(_run(norm_hardswish, layer, x, weights), theirs, 2e-5)


@needs_numba
def test_the_number_of_threads_changes_no_bit(monkeypatch):
    monkeypatch.setattr(memory.os, "cpu_count", lambda: 8)
    rng = np.random.default_rng(1)
    layer, x, weights = _draw(rng, "training")
    results = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append(_run(norm_hardswish, copy.deepcopy(layer), x, weights))
    for other in results[1:]:
        for one, more in zip(results[0], other):
            np.testing.assert_array_equal(one, more)


@needs_numba
def test_an_input_that_is_not_contiguous_gives_the_same(fast_calls):
    layer = _layer(np.random.default_rng(2), 3, "training")
    twin = copy.deepcopy(layer)
    x = paddle.randn([2, 5, 7, 3]).transpose([0, 3, 1, 2])
    np.testing.assert_allclose(norm_hardswish(x, layer).numpy(), F.hardswish(twin(x)).numpy(), rtol=1e-5, atol=1e-5)
    assert fast_calls == [(2, 3, 5, 7)]


@needs_numba
def test_an_input_and_parameters_without_gradient_get_none():
    layer = _layer(np.random.default_rng(3), 3, "training")
    layer.weight.stop_gradient = True
    norm_hardswish(paddle.randn([2, 3, 4, 5]), layer).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is not None


def _batch_statistics_in_evaluation():
    layer = nn.BatchNorm2D(3, use_global_stats=False)
    layer.eval()
    return layer


def _observed():
    layer = nn.BatchNorm2D(3)
    layer.register_forward_post_hook(lambda *arguments: None)
    return layer


@pytest.mark.parametrize(
    "make",
    [
        _batch_statistics_in_evaluation,
        _observed,
        lambda: nn.BatchNorm2D(3, weight_attr=False, bias_attr=False),
        lambda: nn.BatchNorm(3),
    ],
)
def test_other_layers_run_as_they_are(make, fast_calls):
    layer = make()
    twin = copy.deepcopy(layer)
    x = paddle.randn([2, 3, 4, 5])
    np.testing.assert_array_equal(norm_hardswish(x, layer).numpy(), F.hardswish(twin(x)).numpy())
    assert fast_calls == []


@pytest.mark.parametrize("reason", ["no numba", "paddle only", "mixed precision"])
def test_paddles_operators_run_otherwise(reason, fast_calls, monkeypatch):
    if reason == "no numba":
        monkeypatch.setattr(memory, "has_numba", lambda: False)
    elif reason == "mixed precision":
        monkeypatch.setattr(memory, "_in_mixed_precision", lambda: True)
    else:
        monkeypatch.setitem(memory._switch, "on", False)
    norm_hardswish(paddle.randn([2, 3, 4, 5]), nn.BatchNorm2D(3))
    assert fast_calls == []


def test_double_precision_takes_paddles_operators(fast_calls):
    layer = nn.BatchNorm2D(3).to(dtype="float64")
    assert norm_hardswish(paddle.randn([2, 3, 4, 5], dtype="float64"), layer).dtype == paddle.float64
    assert fast_calls == []


def test_a_folder_named_numba_is_not_the_package(monkeypatch, tmp_path):
    (tmp_path / "numba").mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    assert importlib.util.find_spec("numba") is not None
    assert not memory.has_numba.__wrapped__()
