"""CTC on a CPU against Paddle's operator in float64, against all paths of a tiny line, and on its edges."""

import itertools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from ppocrv2_ext.plugins.ctc import cpu_loss, losses
from ppocrv2_ext.plugins.ctc.cpu_loss import ctc_losses
from ppocrv2_ext.plugins.fast_cpu import memory


def _paddles(logits, labels, lengths):
    frames = paddle.full([len(logits)], logits.shape[1], "int64")
    out = F.ctc_loss(logits.transpose([1, 0, 2]), labels.astype("int32"), frames, lengths, reduction="none")
    return out.reshape([-1])


def _draw(rng):
    """Random logits and labels that fit, some of them empty, many with repeats."""
    lines, longest, classes = int(rng.integers(1, 5)), int(rng.integers(1, 9)), int(rng.integers(2, 12))
    frames = 2 * longest + int(rng.integers(0, 8))
    logits = rng.standard_normal((lines, frames, classes)) * rng.uniform(0.1, 5)
    lengths = rng.integers(0, longest + 1, lines)
    lengths[0] = longest  # Paddle's kernel ends the process when every label is empty
    return logits, paddle.to_tensor(rng.integers(1, classes, (lines, longest))), paddle.to_tensor(lengths)


def _run(loss, logits, labels, lengths, weights):
    logits.stop_gradient = False
    values = loss(logits, labels, lengths)
    (values * paddle.to_tensor(weights, dtype=values.dtype)).sum().backward()
    return values.numpy(), logits.grad.numpy()


def test_values_and_gradients_equal_paddles_in_double_precision():
    rng = np.random.default_rng(0)
    for _ in range(300):
        logits, labels, lengths = _draw(rng)
        weights = rng.uniform(0, 2, len(logits))
        single = paddle.to_tensor(logits.astype(np.float32))
        values, grads = _run(ctc_losses, single, labels, lengths, weights)
        expected, expected_grads = _run(_paddles, single.detach().astype("float64"), labels, lengths, weights)
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(grads, expected_grads, rtol=1e-5, atol=2e-6)


def test_many_classes_give_the_gradient_of_double_precision():
    logits = paddle.randn([3, 40, 6625]) * 2
    labels, lengths = paddle.randint(1, 6625, [3, 12]), paddle.to_tensor([12, 5, 0])
    values, grads = _run(ctc_losses, logits.clone().detach(), labels, lengths, [1.0, 0.5, 2.0])
    expected, expected_grads = _run(_paddles, logits.astype("float64").detach(), labels, lengths, [1.0, 0.5, 2.0])
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(grads, expected_grads, atol=1e-6)


def test_the_likelihood_is_the_sum_over_all_paths():
    logits = paddle.randn([1, 4, 3])
    probabilities = F.softmax(logits, axis=-1).numpy()[0].astype(np.float64)
    total = 0.0
    for path in itertools.product(range(3), repeat=4):
        read = [c for c, before in zip(path, (0, *path)) if c and c != before]
        total += np.prod(probabilities[range(4), path]) if read == [1, 1] else 0
    value = float(ctc_losses(logits, paddle.to_tensor([[1, 1]]), paddle.to_tensor([2])))
    assert value == pytest.approx(-np.log(total), rel=1e-6)


def test_the_shares_of_a_frame_sum_to_one():
    rng = np.random.default_rng(1)
    states = np.array([[0, 3, 0, 3, 0], [0, 2, 0, 0, 0]])
    values, shares = cpu_loss.align_states(np.log(rng.uniform(0.01, 1, (2, 7, 5))), states, np.array([2, 1]))
    np.testing.assert_allclose(shares.sum(axis=2), 1, rtol=1e-12)
    assert values.shape == (2,)


def test_lines_without_characters_read_blanks_alone():
    logits = paddle.randn([2, 5, 4])
    values = ctc_losses(logits, paddle.zeros([2, 3], "int64"), paddle.zeros([2], "int64"))
    np.testing.assert_allclose(values.numpy(), -F.log_softmax(logits)[:, :, 0].sum(axis=1).numpy(), rtol=1e-5)


def test_what_lies_behind_a_label_is_not_read():
    logits = paddle.randn([1, 6, 4])
    values = [
        float(ctc_losses(logits, paddle.to_tensor([[2, *padding]]), paddle.to_tensor([1])))
        for padding in ([0, 0], [3, 1], [99, -1])
    ]
    assert values[0] == values[1] == values[2]


def test_confident_logits_give_a_finite_gradient():
    logits = paddle.full([1, 5, 4], -200.0)
    logits[:, :, 3] = 200.0
    values, grads = _run(ctc_losses, logits.detach(), paddle.to_tensor([[1, 2]]), paddle.to_tensor([2]), [1.0])
    assert values[0] == pytest.approx(5 * 400 - np.log(35))  # 35 paths of 5 frames read as two characters
    assert np.isfinite(grads).all()


def test_logits_that_are_not_contiguous_give_the_same():
    logits = paddle.randn([6, 2, 5])
    labels, lengths = paddle.to_tensor([[1, 2], [3, 3]]), paddle.to_tensor([2, 2])
    values = [
        ctc_losses(each, labels, lengths).tolist()
        for each in (logits.transpose([1, 0, 2]), logits.transpose([1, 0, 2]).clone())
    ]
    assert values[0] == values[1]


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    monkeypatch.setattr(memory.os, "cpu_count", lambda: 8)
    logits, labels, lengths = paddle.randn([5, 9, 7]), paddle.randint(1, 7, [5, 3]), paddle.to_tensor([3, 0, 1, 2, 3])
    results = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append(_run(ctc_losses, logits.clone().detach(), labels, lengths, np.ones(5)))
    for other in results[1:]:
        for one, more in zip(results[0], other):
            np.testing.assert_array_equal(one, more)


def test_the_losses_of_this_package_use_it_and_agree_with_paddles(monkeypatch):
    logits = paddle.randn([4, 9, 6])
    labels = paddle.to_tensor([[1, 1, 2], [3, 4, 5], [2, 0, 0], [1, 1, 1]])
    lengths = paddle.to_tensor([3, 3, 0, 3])
    values, fits = losses.ctc_losses(logits, labels, lengths)
    with memory.paddle_only():
        expected, same = losses.ctc_losses(logits, labels, lengths)
    assert fits.tolist() == same.tolist()
    np.testing.assert_allclose(values.numpy(), expected.numpy(), rtol=1e-5)


def test_double_precision_takes_paddles_operator(monkeypatch):
    monkeypatch.setattr(cpu_loss, "ctc_losses", None)
    values, _ = losses.ctc_losses(paddle.randn([1, 5, 4], "float64"), paddle.to_tensor([[1]]), paddle.to_tensor([1]))
    assert values.dtype == paddle.float64
