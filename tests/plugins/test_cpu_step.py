"""A whole training step of the recognizer by the fast kernels, against Paddle's operators."""

import copy

import numpy as np
import paddle
import pytest

from ppocrv2_ext.host import build_network
from ppocrv2_ext.plugins.ctc.losses import ctc_loss
from ppocrv2_ext.plugins.fast_cpu.memory import has_numba, paddle_only

pytestmark = pytest.mark.skipif(not has_numba(), reason="numba is not installed")
RECOGNIZER = {
    "model_type": "rec",
    "algorithm": "CRNN",
    "Transform": None,
    "Backbone": {"name": "LCNet", "scale": 0.5},
    "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 16},
    "Head": {"name": "CTCHead", "mid_channels": 24, "fc_decay": 0.0, "out_channels": 97},
}


def _gradients(network, images, labels, lengths):
    out = network(images)
    loss = ctc_loss(out[-1] if isinstance(out, (list, tuple)) else out, labels, lengths)
    loss.backward()
    return float(loss), {name: p.grad.numpy() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("freeze_norm", [False, True])
def test_loss_and_gradients_of_a_recognizer_equal_paddles(freeze_norm, wheel):
    paddle.seed(3)
    fast = build_network({**RECOGNIZER, "freeze_norm": freeze_norm})
    plain = copy.deepcopy(fast)
    batch = paddle.randn([4, 3, 32, 96]), paddle.randint(1, 97, [4, 5]), paddle.to_tensor([5, 3, 1, 4])
    loss, gradients = _gradients(fast, *batch)
    with paddle_only():
        expected_loss, expected = _gradients(plain, *batch)
    assert loss == pytest.approx(expected_loss, rel=1e-4)
    assert gradients.keys() == expected.keys()
    assert len(gradients) > 90
    for name, theirs in expected.items():
        error = np.linalg.norm(gradients[name] - theirs) / np.linalg.norm(theirs)
        assert error < 2e-3 or np.linalg.norm(theirs) < 1e-5, (name, error)


def test_a_model_that_the_host_builds_has_fast_layers(wheel):
    network = build_network(RECOGNIZER)
    assert sum("forward" in vars(layer) for layer in network.sublayers()) == 13
