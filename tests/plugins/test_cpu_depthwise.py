"""The fast depthwise convolution against Paddle's operator, and which layers and tensors it takes."""

import copy
import functools
import os
import subprocess
import sys
import types

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from fast_kernels import assert_near, needs_numba, run_with_gradients
from paddle import nn

from ppocrv2_ext.plugins.fast_cpu import layers, memory
from ppocrv2_ext.plugins.fast_cpu.depthwise import depthwise_conv2d
from ppocrv2_ext.plugins.fast_cpu.layers import speed_up
from ppocrv2_ext.plugins.lcnet import LCNet

CASES = 500


@pytest.fixture
def fast_calls(monkeypatch):
    """Shapes of the inputs that went through the fast convolution."""
    shapes = []

    def record(x, *arguments):
        shapes.append(tuple(x.shape))
        return depthwise_conv2d(x, *arguments)

    monkeypatch.setattr(layers, "depthwise_conv2d", record)
    return shapes


def _draw(rng):
    """A random input, weight, stride and padding."""
    window = rng.choice([1, 2, 3, 4, 5, 7], 2) if rng.random() < 0.3 else [rng.choice([3, 5, 7])] * 2
    stride = tuple(int(n) for n in rng.choice([[1, 1], [2, 1], [2, 2], [1, 2], [3, 3], [5, 2]]))
    padding = tuple(int(n) for n in (rng.integers(0, 5, 2) if rng.random() < 0.3 else [n // 2 for n in window]))
    sides = [int(rng.integers(max(1, side - 2 * pad), 40)) for side, pad in zip(window, padding)]
    channels = int(rng.integers(2, 7))
    x = paddle.to_tensor(rng.standard_normal([int(rng.integers(1, 4)), channels, *sides], dtype=np.float32))
    weight = paddle.to_tensor(rng.standard_normal([channels, 1, *(int(n) for n in window)], dtype=np.float32))
    return x, weight, stride, padding


def _depthwise_layer(channels=4, **options):
    return nn.Conv2D(channels, channels, 3, padding=1, groups=channels, **options)


def _run_script(folder, text, **environment):
    """What ``text`` prints in a process of its own."""
    script = folder / "script.py"
    script.write_text(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    run = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


@needs_numba
@pytest.mark.parametrize("part", range(10))
def test_output_and_gradients_equal_paddles(part):
    rng = np.random.default_rng(part)
    for _ in range(CASES // 10):
        x, weight, stride, padding = _draw(rng)
        ours = run_with_gradients(functools.partial(depthwise_conv2d, stride=stride, padding=padding), x, weight)
        theirs = run_with_gradients(
            functools.partial(F.conv2d, stride=stride, padding=padding, groups=x.shape[1]), x, weight
        )
        assert_near(ours, theirs)


@needs_numba
def test_the_convolution_by_hand():
    x, weight = paddle.to_tensor([[[[1.0, 2.0, 3.0]]]]), paddle.to_tensor([[[[10.0, 1.0]]]])
    assert depthwise_conv2d(x, weight, (1, 1), (0, 0)).tolist() == [[[[12.0, 23.0]]]]


@needs_numba
def test_tensors_that_are_not_contiguous_give_the_same():
    x, weight = paddle.randn([2, 9, 11, 5]), paddle.randn([3, 5, 1, 3])

    def of(convolve):
        return run_with_gradients(
            lambda x, w: convolve(x.transpose([0, 3, 1, 2]), w.transpose([1, 2, 3, 0])), x, weight
        )

    assert_near(
        of(lambda x, w: depthwise_conv2d(x, w, (2, 1), (1, 1))),
        of(lambda x, w: F.conv2d(x, w, None, (2, 1), (1, 1), groups=5)),
    )


@needs_numba
def test_a_gradient_that_is_not_contiguous_gives_the_same():
    x, weight = paddle.randn([2, 4, 6, 8]), paddle.randn([4, 1, 3, 3])

    def of(convolve):
        return run_with_gradients(lambda x, w: convolve(x, w).transpose([0, 2, 3, 1]), x, weight)

    assert_near(
        of(lambda x, w: depthwise_conv2d(x, w, (1, 1), (1, 1))),
        of(lambda x, w: F.conv2d(x, w, None, 1, 1, groups=4)),
    )


@needs_numba
def test_the_number_of_threads_changes_no_bit(monkeypatch):
    x, weight = paddle.randn([3, 7, 8, 20]), paddle.randn([7, 1, 5, 5])
    results = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        monkeypatch.setattr(memory.os, "cpu_count", lambda: 8)
        results.append(run_with_gradients(lambda x, w: depthwise_conv2d(x, w, (2, 1), (2, 2)), x, weight))
    for other in results[1:]:
        for one, more in zip(results[0], other):
            np.testing.assert_array_equal(one, more)


@needs_numba
def test_a_frozen_weight_gets_no_gradient_and_passes_one_on():
    layer = _depthwise_layer()
    layer.weight.stop_gradient = True
    speed_up(layer)
    x = paddle.randn([2, 4, 5, 6])
    x.stop_gradient = False
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert x.grad is not None


@needs_numba
def test_the_bias_is_added_and_learns(fast_calls):
    plain = _depthwise_layer()
    fast = copy.deepcopy(plain)
    speed_up(fast)
    for layer in (plain, fast):
        layer.bias.set_value(paddle.arange(4, dtype="float32"))
    x = paddle.randn([2, 4, 5, 6])
    plain(x).square().sum().backward()
    fast(x).square().sum().backward()
    assert fast_calls == [(2, 4, 5, 6)]
    assert_near(
        [fast.bias.grad.numpy(), fast.weight.grad.numpy()], [plain.bias.grad.numpy(), plain.weight.grad.numpy()]
    )


@needs_numba
def test_a_whole_network_gives_the_same_gradients(fast_calls):
    plain = LCNet(scale=0.5)
    fast = copy.deepcopy(plain)
    assert speed_up(fast) == 13
    x = paddle.randn([2, 3, 32, 96])
    for network in (plain, fast):
        network.eval()  # BatchNorm over few positions would enlarge rounding
        network(x).square().mean().backward()
    assert len(fast_calls) == 13
    for (name, mine), (_, theirs) in zip(fast.named_parameters(), plain.named_parameters()):
        if not theirs.stop_gradient:
            mine, theirs = mine.grad.numpy(), theirs.grad.numpy()
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-5 * np.abs(theirs).max(), err_msg=name)


@needs_numba
def test_the_state_dict_stays_and_a_copy_has_weights_of_its_own():
    network = LCNet(scale=0.5)
    names = [*network.state_dict()], [p.name for p in network.parameters()]
    speed_up(network)
    assert ([*network.state_dict()], [p.name for p in network.parameters()]) == names
    twin = copy.deepcopy(network)
    for p in twin.parameters():
        p.set_value(paddle.zeros_like(p))
    x = paddle.randn([1, 3, 32, 32])
    network.eval(), twin.eval()
    assert float(network(x).abs().max()) > 0
    assert float(twin(x).abs().max()) == 0


@needs_numba
def test_an_exported_network_holds_paddles_operator_and_computes_the_same(tmp_path, fast_calls):
    network = LCNet(scale=0.5)
    speed_up(network)
    network.eval()
    x = paddle.randn([1, 3, 32, 64])
    expected = network(x).numpy()
    before = len(fast_calls)
    spec = [paddle.static.InputSpec([None, 3, 32, None], "float32")]
    exported = paddle.jit.to_static(copy.deepcopy(network), input_spec=spec, full_graph=True)
    paddle.jit.save(exported, str(tmp_path / "inference"))
    assert len(fast_calls) == before
    np.testing.assert_allclose(paddle.jit.load(str(tmp_path / "inference"))(x).numpy(), expected, rtol=1e-4, atol=1e-5)


@needs_numba
def test_mixed_precision_takes_paddles_operator(fast_calls, monkeypatch):
    # On a CPU this Paddle ignores `auto_cast`, so the level that Paddle would report is set by hand.
    tracer = types.SimpleNamespace(_amp_level=paddle.base.core.AmpLevel.O1)
    monkeypatch.setattr(memory.paddle.framework, "_dygraph_tracer", lambda: tracer)
    layer = _depthwise_layer()
    speed_up(layer)
    layer(paddle.randn([1, 4, 5, 6]))
    assert fast_calls == []


@needs_numba
def test_double_precision_takes_paddles_operator(fast_calls):
    layer = _depthwise_layer().to(dtype="float64")
    speed_up(layer)
    assert layer(paddle.randn([1, 4, 5, 6], dtype="float64")).dtype == paddle.float64
    assert fast_calls == []


@needs_numba
def test_a_model_on_another_device_is_left_alone(monkeypatch):
    monkeypatch.setattr(layers.paddle, "get_device", lambda: "gpu:0")
    assert speed_up(LCNet(scale=0.5)) == 0


def test_a_depthwise_layer_is_left_alone_without_numba(monkeypatch):
    monkeypatch.setattr(layers, "has_numba", lambda: False)
    layer = _depthwise_layer()
    assert speed_up(layer) == 0
    assert layer(paddle.randn([1, 4, 5, 6])).shape == [1, 4, 5, 6]


@needs_numba
def test_within_paddle_only_paddles_operator_runs(fast_calls):
    layer = _depthwise_layer()
    speed_up(layer)
    with memory.paddle_only():
        layer(paddle.randn([1, 4, 5, 6]))
    assert fast_calls == []


def test_no_kernel_takes_an_empty_tensor():
    assert not memory.can_use(paddle.zeros([0, 4, 5, 6]))


@needs_numba
@pytest.mark.parametrize("shape", [[1, 4, 5], [1, 3, 5, 6]])
def test_an_input_of_a_wrong_shape_gets_paddles_own_answer(shape, fast_calls):
    plain, fast = _depthwise_layer(), _depthwise_layer()
    speed_up(fast)
    answers = []
    for layer in (plain, fast):
        try:
            answers.append(layer(paddle.zeros(shape)).shape)
        except Exception as error:
            answers.append(type(error))
    assert answers[0] == answers[1]
    assert fast_calls == []


@needs_numba
@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2D(4, 4, 3),
        nn.Conv2D(4, 8, 3, groups=4),
        nn.Conv2D(1, 1, 3),
        nn.Conv2D(4, 4, 3, groups=4, dilation=2),
        nn.Conv2D(4, 4, 3, groups=4, padding="SAME"),
        nn.Conv2D(4, 4, 3, groups=4, padding=[1, 0, 1, 0]),
        nn.Conv2D(4, 4, 3, groups=4, padding=1, padding_mode="reflect"),
        nn.Conv2D(4, 4, 3, groups=4, data_format="NHWC"),
        nn.Conv2DTranspose(4, 4, 3, groups=4),
    ],
    ids=lambda layer: layer.extra_repr(),
)
def test_other_convolutions_are_left_alone(layer):
    assert speed_up(layer) == 0


FORKED = """
import os
import numpy as np, paddle
from paddle.io import DataLoader, Dataset
from ppocrv2_ext.plugins.fast_cpu.depthwise import depthwise_conv2d

def convolve():
    return depthwise_conv2d(paddle.ones([2, 8, 4, 6]), paddle.ones([8, 1, 3, 3]), (1, 1), (1, 1)).numpy()

class Convolved(Dataset):
    def __len__(self):
        return 6
    def __getitem__(self, index):
        return convolve()

if __name__ == "__main__":
    expected = convolve()  # the threads of this process exist before it is forked
    batches = [batch[0].numpy() for batch in DataLoader(Convolved(), batch_size=1, num_workers=2)]
    assert len(batches) == 6 and all((batch == expected).all() for batch in batches)
    assert (convolve() == expected).all()
    print("same")
"""


@needs_numba
def test_forked_loading_processes_can_convolve_too(tmp_path):
    assert _run_script(tmp_path, FORKED, OMP_NUM_THREADS="2") == "same\n"


@pytest.mark.parametrize(
    ("value", "threads"), [("1", 1), ("2", 2), ("2,1", 2), ("", 1), ("0", 1), ("many", 1), ("64", 4)]
)
def test_kernels_take_as_many_threads_as_paddle(value, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    monkeypatch.setattr(memory.os, "cpu_count", lambda: 4)
    assert memory.count_threads() == threads


READ_ONLY = """
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []
import paddle
from ppocrv2_ext.plugins.fast_cpu.depthwise import depthwise_conv2d
print(float(depthwise_conv2d(paddle.ones([1, 2, 3, 3]), paddle.ones([2, 1, 3, 3]), (1, 1), (0, 0)).sum()))
"""


@needs_numba
def test_where_no_folder_can_be_written_the_kernels_are_compiled_anew(tmp_path):
    assert _run_script(tmp_path, READ_ONLY) == "18.0\n"
