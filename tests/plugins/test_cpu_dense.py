"""The fast dense convolutions against Paddle's operators, and which layers and tensors they take."""

import copy

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from fast_kernels import assert_near, run_with_gradients
from paddle import nn

from ppocrv2_ext.plugins.fast_cpu import dense, layers, memory
from ppocrv2_ext.plugins.fast_cpu.dense import dense_conv2d, dense_conv2d_transpose
from ppocrv2_ext.plugins.fast_cpu.layers import speed_up

CASES = 500


@pytest.fixture
def fast_calls(monkeypatch):
    """Names of the fast functions that layers called."""
    names = []

    def record(function):
        return lambda *arguments: (names.append(function.__name__), function(*arguments))[1]

    for function in (dense_conv2d, dense_conv2d_transpose):
        monkeypatch.setattr(layers, function.__name__, record(function))
    return names


def _tensor(rng, *shape):
    return paddle.to_tensor(rng.standard_normal([int(n) for n in shape], dtype=np.float32))


@pytest.mark.parametrize("part", range(5))
def test_output_and_gradients_equal_paddles(part, monkeypatch):
    rng = np.random.default_rng(part)
    for _ in range(CASES // 5):
        monkeypatch.setattr(dense, "PART_SIZE", int(rng.choice([1, 300, 2**18])))  # one row, some rows, or all
        monkeypatch.setattr(dense, "PART_PIXELS", int(rng.choice([1, 600])))
        window = rng.integers(1, 6, 2)
        padding = tuple(int(rng.integers(0, n)) for n in window)
        sides = [int(rng.integers(max(1, n - 2 * p), 20)) for n, p in zip(window, padding)]
        batch, channels, outputs = rng.integers(1, 5, 3)
        x, weight = _tensor(rng, batch, channels, *sides), _tensor(rng, outputs, channels, *window)
        bias = [_tensor(rng, outputs)] if rng.random() < 0.5 else []
        assert_near(
            run_with_gradients(lambda x, w, b=None, p=padding: dense_conv2d(x, w, b, p), x, weight, *bias),
            run_with_gradients(lambda x, w, b=None, p=padding: F.conv2d(x, w, b, 1, p), x, weight, *bias),
        )


@pytest.mark.parametrize("part", range(5))
def test_output_and_gradients_of_the_transposed_equal_paddles(part, monkeypatch):
    rng = np.random.default_rng(part)
    for _ in range(CASES // 5):
        monkeypatch.setattr(dense, "PART_SIZE", int(rng.choice([1, 300, 2**18])))
        monkeypatch.setattr(dense, "PART_PIXELS", int(rng.choice([1, 600])))
        batch, channels, outputs = rng.integers(1, 5, 3)
        window = [int(n) for n in rng.integers(1, 4, 2)]
        x, weight = _tensor(rng, batch, channels, *rng.integers(1, 15, 2)), _tensor(rng, channels, outputs, *window)
        bias = [_tensor(rng, outputs)] if rng.random() < 0.5 else []
        assert_near(
            run_with_gradients(lambda x, w, b=None: dense_conv2d_transpose(x, w, b), x, weight, *bias),
            run_with_gradients(lambda x, w, b=None, s=window: F.conv2d_transpose(x, w, b, s), x, weight, *bias),
        )


def test_the_convolution_by_hand():
    x, weight = paddle.to_tensor([[[[1.0, 2.0, 3.0]]]]), paddle.to_tensor([[[[10.0, 1.0]]]])
    assert dense_conv2d(x, weight, None, (0, 0)).tolist() == [[[[12.0, 23.0]]]]
    assert dense_conv2d(x, weight, paddle.to_tensor([0.5]), (0, 1)).tolist() == [[[[1.5, 12.5, 23.5, 30.5]]]]


def test_the_transposed_convolution_by_hand():
    x, weight = paddle.to_tensor([[[[1.0, 2.0]]]]), paddle.to_tensor([[[[10.0, 1.0]]]])
    assert dense_conv2d_transpose(x, weight, None).tolist() == [[[[10.0, 1.0, 20.0, 2.0]]]]


def test_tensors_and_gradients_that_are_not_contiguous_give_the_same():
    x, weight = paddle.randn([2, 9, 11, 5]), paddle.randn([3, 3, 5, 4])

    def of(convolve):
        def run(x, w):
            return convolve(x.transpose([0, 3, 1, 2]), w.transpose([3, 2, 0, 1])).transpose([0, 2, 3, 1])

        return run_with_gradients(run, x, weight)

    assert_near(of(lambda x, w: dense_conv2d(x, w, None, (1, 1))), of(lambda x, w: F.conv2d(x, w, None, 1, 1)))


def test_what_is_frozen_gets_no_gradient_and_passes_one_on():
    layer = nn.Conv2D(8, 8, 3, padding=1)
    layer.weight.stop_gradient = layer.bias.stop_gradient = True
    assert speed_up(layer) == 1
    x = paddle.randn([2, 8, 5, 6])
    x.stop_gradient = False
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is None
    assert x.grad is not None


def test_layers_of_a_detector_take_the_fast_functions(fast_calls):
    network = nn.Sequential(nn.Conv2D(8, 16, 3, padding=1), nn.Conv2DTranspose(16, 8, 2, stride=2))
    twin = copy.deepcopy(network)
    assert speed_up(network) == 2
    x = paddle.randn([2, 8, 6, 5])
    np.testing.assert_allclose(network(x).numpy(), twin(x).numpy(), rtol=1e-5, atol=1e-5)
    assert fast_calls == ["dense_conv2d", "dense_conv2d_transpose"]


def test_within_paddle_only_and_in_double_precision_paddles_operators_run(fast_calls):
    network = nn.Sequential(nn.Conv2D(8, 16, 3, padding=1), nn.Conv2DTranspose(16, 8, 2, stride=2))
    speed_up(network)
    with memory.paddle_only():
        network(paddle.randn([1, 8, 5, 5]))
    network.to(dtype="float64")(paddle.randn([1, 8, 5, 5], dtype="float64"))
    assert fast_calls == []


def test_a_transposed_layer_still_takes_an_output_size(fast_calls):
    plain = nn.Conv2DTranspose(8, 8, 2, stride=2)
    fast = copy.deepcopy(plain)
    speed_up(fast)
    x = paddle.randn([1, 8, 4, 4])
    np.testing.assert_array_equal(fast(x, output_size=[9, 9]).numpy(), plain(x, output_size=[9, 9]).numpy())
    assert fast_calls == []


@pytest.mark.parametrize("shape", [[1, 8, 5], [1, 7, 5, 6], [1, 8, 1, 1]])
def test_an_input_of_a_wrong_shape_gets_paddles_own_answer(shape, fast_calls):
    plain, fast = nn.Conv2D(8, 8, 3), nn.Conv2D(8, 8, 3)
    speed_up(fast)
    answers = []
    for layer in (plain, fast):
        try:
            answers.append(layer(paddle.zeros(shape)).shape)
        except Exception as error:
            answers.append(type(error))
    assert answers[0] == answers[1]
    assert fast_calls == []


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2D(8, 8, 1),
        nn.Conv2D(3, 8, 3),
        nn.Conv2D(8, 8, 3, stride=2),
        nn.Conv2D(8, 8, 3, groups=2),
        nn.Conv2D(8, 8, 3, dilation=2),
        nn.Conv2D(8, 8, 3, padding=3),
        nn.Conv2D(8, 8, 3, padding="SAME"),
        nn.Conv2D(8, 8, 3, padding=1, padding_mode="reflect"),
        nn.Conv2D(8, 8, 3, data_format="NHWC"),
        nn.Conv2DTranspose(8, 8, 3, stride=2),
        nn.Conv2DTranspose(8, 8, 2, stride=2, padding=1),
        nn.Conv2DTranspose(8, 8, 2, stride=2, output_padding=1),
        nn.Conv2DTranspose(8, 1, 2, stride=2),
    ],
    ids=lambda layer: f"{type(layer).__name__} {layer.extra_repr()}",
)
def test_other_convolutions_are_left_alone(layer):
    assert speed_up(layer) == 0


def test_an_exported_network_holds_paddles_operators_and_computes_the_same(tmp_path, fast_calls):
    network = nn.Sequential(nn.Conv2D(8, 16, 3, padding=1), nn.Conv2DTranspose(16, 8, 2, stride=2))
    speed_up(network)
    network.eval()
    x = paddle.randn([1, 8, 6, 6])
    expected = network(x).numpy()
    before = len(fast_calls)
    spec = [paddle.static.InputSpec([None, 8, None, None], "float32")]
    exported = paddle.jit.to_static(copy.deepcopy(network), input_spec=spec, full_graph=True)
    paddle.jit.save(exported, str(tmp_path / "inference"))
    assert len(fast_calls) == before
    np.testing.assert_allclose(paddle.jit.load(str(tmp_path / "inference"))(x).numpy(), expected, rtol=1e-4, atol=1e-5)
