"""CTC with infeasible labels counted, Focal-CTC and ACE: hand values, slow references, gradients, extremes."""

import itertools
import math

import numpy as np
import paddle
import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.ctc.losses import (
    AggregationCrossEntropyLoss,
    FeasibleCTCLoss,
    FocalCTCLoss,
    ace_loss,
    ctc_loss,
    ctc_losses,
    focal_ctc,
)
from ppocrv2_ext.plugins.terms import find_broken_term, read_terms

C = 4
LABELS = [[1, 2, 0], [3, 3, 0], [2, 0, 0], [0, 0, 0]]
LENGTHS = [2, 2, 1, 0]
EACH_LOSS = pytest.mark.parametrize("loss", [ctc_loss, focal_ctc, ace_loss])


def _logits(lines=4, frames=5, seed=0, scale=1.0):
    values = scale * np.random.RandomState(seed).randn(lines, frames, C)
    return paddle.to_tensor(values.astype("float32"), stop_gradient=False)


def _labels(copies=1):
    return paddle.tile(paddle.to_tensor(LABELS), [copies, 1]), paddle.tile(paddle.to_tensor(LENGTHS), [copies])


def _softmax(logits):
    values = np.exp(logits.numpy().astype("float64") - logits.numpy().max(-1, keepdims=True))
    return values / values.sum(-1, keepdims=True)


def _line_by_all_paths(probabilities, label):
    """-log of the summed probability of every path that reads as the label."""
    total = 0.0
    for path in itertools.product(range(C), repeat=len(probabilities)):
        if [c for c, _ in itertools.groupby(path) if c] == label:
            total += math.prod(probabilities[t, c] for t, c in enumerate(path))
    return -math.log(total)


def _line_of_ace(probabilities, label):
    mean, frames = probabilities.mean(0), len(probabilities)
    counts = {0: frames - len(label), **{c: label.count(c) for c in label}}
    return -sum(n / frames * math.log(mean[c]) for c, n in counts.items())


def _reference(line, logits):
    rows = zip(_softmax(logits), LABELS, LENGTHS)
    return np.array([line(probabilities, label[:length]) for probabilities, label, length in rows])


def _numeric_gradient(function, logits, step=1e-4):
    values = logits.numpy().astype("float64")
    gradient = np.zeros_like(values)
    for index in np.ndindex(*values.shape):
        for sign in (1, -1):
            moved = values.copy()
            moved[index] += sign * step
            gradient[index] += sign * float(function(paddle.to_tensor(moved))) / (2 * step)
    return gradient


def test_ctc_matches_a_value_by_hand():
    # Two frames, uniform over blank and one class, label "1": paths 11, 01, 10 of four.
    loss = ctc_loss(paddle.zeros([1, 2, 2]), paddle.to_tensor([[1]]), paddle.to_tensor([1]))
    assert float(loss) == pytest.approx(-math.log(3 / 4), rel=1e-6)


def test_ctc_matches_the_sum_over_all_paths():
    logits = _logits()
    losses, fits = ctc_losses(logits, *_labels())
    assert fits.numpy().all()
    np.testing.assert_allclose(losses.numpy(), _reference(_line_by_all_paths, logits), rtol=1e-5)


def test_ctc_with_as_many_characters_as_frames_is_a_plain_sum():
    logits = _logits(lines=1, frames=3)
    loss = ctc_loss(logits, paddle.to_tensor([[1, 2, 3]]), paddle.to_tensor([3]))
    assert float(loss) == pytest.approx(-sum(math.log(_softmax(logits)[0, t, t + 1]) for t in range(3)), rel=1e-6)


def test_focal_ctc_matches_its_formula():
    logits = _logits()
    nll = _reference(_line_by_all_paths, logits)
    expected = (0.5 * (1 - np.exp(-nll)) ** 3 * nll).mean()
    assert float(focal_ctc(logits, *_labels(), gamma=3.0, alpha=0.5)) == pytest.approx(expected, rel=1e-5)


def test_focal_ctc_with_gamma_zero_is_ctc():
    logits = _logits()
    assert float(focal_ctc(logits, *_labels(), gamma=0.0)) == pytest.approx(
        float(ctc_loss(logits, *_labels())), rel=1e-6
    )


def test_ace_matches_a_value_by_hand():
    # mean probabilities 3/8 blank, 5/8 "1"; the label "1" on two frames wants 1/2 and 1/2
    logits = paddle.to_tensor([[[0.5, 0.5], [0.25, 0.75]]]).log()
    expected = -(math.log(3 / 8) + math.log(5 / 8)) / 2
    assert float(ace_loss(logits, paddle.to_tensor([[1]]), paddle.to_tensor([1]))) == pytest.approx(expected, rel=1e-6)


def test_ace_matches_a_slow_reference():
    logits = _logits()
    assert float(ace_loss(logits, *_labels())) == pytest.approx(_reference(_line_of_ace, logits).mean(), rel=1e-5)


def test_ace_does_not_depend_on_the_order_of_characters():
    logits, lengths = _logits(lines=1), paddle.to_tensor([3])
    one, other = (ace_loss(logits, paddle.to_tensor([label]), lengths) for label in ([1, 2, 3], [3, 1, 2]))
    assert float(one) == pytest.approx(float(other), rel=1e-6)


def test_ace_is_smallest_where_the_counts_are_right():
    labels, lengths = paddle.to_tensor([[1, 1, 2]]), paddle.to_tensor([3])
    wanted = paddle.to_tensor([[[2.0, 2.0, 1.0, 1e-9]] * 5]).log()  # counts of 5 frames: 2 blanks, 1 twice, 2 once
    entropy = -sum(p * math.log(p) for p in (0.4, 0.4, 0.2))
    assert float(ace_loss(wanted, labels, lengths)) == pytest.approx(entropy, rel=1e-5)
    assert float(ace_loss(_logits(lines=1), labels, lengths)) > entropy


@EACH_LOSS
def test_the_gradient_matches_a_numeric_one(loss):
    logits = _logits(frames=4)
    loss(logits, *_labels()).backward()
    expected = _numeric_gradient(lambda x: loss(x, *_labels()), logits)
    np.testing.assert_allclose(logits.grad.numpy(), expected, rtol=1e-3, atol=1e-6)


def test_the_ctc_gradient_of_one_frame_matches_its_closed_form():
    logits = _logits(lines=1, frames=1)
    ctc_loss(logits, paddle.to_tensor([[2]]), paddle.to_tensor([1])).backward()
    np.testing.assert_allclose(logits.grad.numpy()[0], _softmax(logits)[0] - np.eye(C)[2], rtol=1e-5, atol=1e-7)


@EACH_LOSS
def test_the_loss_and_its_gradient_do_not_depend_on_the_batch_size(loss):
    results = []
    for copies in (1, 3):
        logits = _logits()
        value = loss(paddle.tile(logits, [copies, 1, 1]), *_labels(copies))
        value.backward()
        assert value.shape == []
        results.append((float(value), logits.grad.numpy()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-7)


def test_infeasible_labels_are_counted_and_left_out():
    logits = _logits(frames=2)  # [3, 3] needs three frames
    losses, fits = ctc_losses(logits, *_labels())
    assert fits.numpy().tolist() == [True, False, True, True]
    assert float(ctc_loss(logits, *_labels())) == pytest.approx(losses.numpy()[[0, 2, 3]].mean(), rel=1e-6)
    assert float(FeasibleCTCLoss()(logits, [None, *_labels()])["infeasible"]) == 1


@EACH_LOSS
def test_a_line_with_an_infeasible_label_gets_no_gradient(loss):
    logits = _logits(lines=2, frames=2)
    loss(logits, paddle.to_tensor([[1, 2, 3], [1, 0, 0]]), paddle.to_tensor([3, 1])).backward()
    assert np.abs(logits.grad.numpy()).max(axis=(1, 2)).tolist() == [0, pytest.approx(0.5, abs=0.4)]


@EACH_LOSS
def test_with_no_feasible_label_the_loss_is_zero_and_so_is_its_gradient(loss):
    logits = _logits(lines=2, frames=1)
    value = loss(logits, paddle.to_tensor([[1, 2], [2, 3]]), paddle.to_tensor([2, 2]))
    value.backward()
    assert float(value) == 0
    assert not logits.grad.numpy().any()


@EACH_LOSS
def test_a_batch_of_empty_labels_trains_the_blank(loss):
    logits = _logits(lines=2, seed=3)
    empty = loss(logits, paddle.zeros([2, 3], dtype="int64"), paddle.zeros([2], dtype="int64"))
    empty.backward()
    assert float(empty) > 0
    assert (logits.grad.numpy()[:, :, 0] < 0).all()


@EACH_LOSS
@pytest.mark.parametrize("scale", [100, 1e4])
def test_the_loss_and_its_gradient_are_finite_for_extreme_logits(loss, scale):
    logits = _logits(scale=scale)
    value = loss(logits, *_labels())
    value.backward()
    assert np.isfinite(float(value))
    assert np.isfinite(logits.grad.numpy()).all()


@EACH_LOSS
def test_the_loss_and_its_gradient_are_finite_for_a_perfect_line(loss):
    logits = paddle.to_tensor(1e4 * np.eye(C, dtype="float32")[[[1, 2, 0]]], stop_gradient=False)
    value = loss(logits, paddle.to_tensor([[1, 2]]), paddle.to_tensor([2]))
    value.backward()
    assert abs(float(value)) < 1.2
    assert np.isfinite(logits.grad.numpy()).all()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_focal_gradient_is_finite_at_probability_one(gamma):
    logits = paddle.to_tensor(1e4 * np.eye(C, dtype="float32")[[[1, 2, 0]]], stop_gradient=False)
    focal_ctc(logits, paddle.to_tensor([[1, 2]]), paddle.to_tensor([2]), gamma=gamma).backward()
    assert np.isfinite(logits.grad.numpy()).all()


@EACH_LOSS
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(loss, dtype):
    logits = paddle.to_tensor(np.round(_logits().numpy() * 8) / 8)  # exact in either
    value = loss(logits.astype(dtype), *_labels())
    assert value.dtype == paddle.float32
    assert float(value) == pytest.approx(float(loss(logits, *_labels())), rel=1e-6)


@EACH_LOSS
def test_labels_and_lengths_are_not_modified(loss):
    logits, (labels, lengths) = _logits(), _labels()
    loss(logits, labels, lengths)
    assert (labels.numpy() == LABELS).all()
    assert (lengths.numpy() == LENGTHS).all()


@EACH_LOSS
@pytest.mark.parametrize("label", [[1, C], [1, 0], [-1, 2]])
def test_a_label_of_another_dictionary_is_an_error(loss, label):
    with pytest.raises(UserError, match=f"labels must be classes 1 to {C - 1} of the head"):
        loss(_logits(lines=1), paddle.to_tensor([label]), paddle.to_tensor([2]))


@pytest.mark.parametrize(
    ("component", "function", "name"),
    [
        (FeasibleCTCLoss(), ctc_loss, "ctc"),
        (FocalCTCLoss(), focal_ctc, "focal_ctc"),
        (AggregationCrossEntropyLoss(), ace_loss, "ace"),
    ],
)
def test_a_loss_accepts_logits_alone_in_a_tuple_or_by_key(component, function, name):
    logits, batch = _logits(), [None, *_labels()]
    expected = float(function(logits, *_labels()))
    for predicts in (logits, ("features", logits), {"head_out": logits}):
        report = component(predicts, batch)
        assert float(report["loss"]) == float(report[name]) == expected


@pytest.mark.parametrize("component", [FeasibleCTCLoss, FocalCTCLoss, AggregationCrossEntropyLoss])
def test_a_loss_can_be_computed_for_one_network_of_several(component):
    logits, batch = _logits(), [None, *_labels()]
    expected = float(component()(logits, batch)["loss"])
    assert float(component(network="B")({"A": None, "B": {"head_out": logits}}, batch)["loss"]) == expected
    with pytest.raises(UserError, match="network 'C' that is not in the model"):
        component(network="C")({"A": logits, "B": logits}, batch)


def test_a_wrong_focal_option_is_refused_when_the_loss_is_built():
    with pytest.raises(ValueError, match="`gamma` must be a number >= 0, got -2"):
        FocalCTCLoss(gamma=-2)


def test_every_focal_option_changes_the_loss():
    losses = {
        float(FocalCTCLoss(*options)(_logits(), [None, *_labels()])["loss"]) for options in ((), (1.0,), (2.0, 2.0))
    }
    assert len(losses) == 3


def test_a_nan_loss_is_reported_by_the_name_of_its_term():
    assert find_broken_term(read_terms(FeasibleCTCLoss()(_logits() * float("nan"), [None, *_labels()])))[0] == "ctc"
