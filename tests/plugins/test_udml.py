"""Enhanced U-DML: its mutual and feature terms, the sum, and what it says when a network or an output is missing."""

import math

import numpy as np
import paddle
import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.ctc.losses import ctc_loss
from ppocrv2_ext.plugins.terms import find_broken_term, read_terms
from ppocrv2_ext.plugins.udml.loss import UDMLLoss, feature_distance
from ppocrv2_ext.plugins.udml.mutual import mutual_kl, mutual_kl_detached

EACH_DIVERGENCE = pytest.mark.parametrize("divergence", [mutual_kl, mutual_kl_detached])


def _random(seed, *shape, scale=1.0):
    values = scale * np.random.RandomState(seed).randn(*shape)
    return paddle.to_tensor(values.astype("float32"), stop_gradient=False)


def _pair():
    return _random(0, 2, 4, 7), _random(1, 2, 4, 7)


def _rows(logits, temperature=1.0):
    values = np.exp(logits.numpy().astype("float64") / temperature).reshape(-1, logits.shape[-1])
    return values / values.sum(1, keepdims=True)


def _predicts(copies=1, dtype="float32"):
    """Two networks, 2 lines each of 6 frames and 5 classes, and their batch."""
    leaves = {
        name: {"backbone_out": _random(seed, 2, 3, 1, 6), "head_out": _random(seed + 9, 2, 6, 5)}
        for seed, name in enumerate(("Student", "Teacher"))
    }
    predicts = {
        name: {k: paddle.tile(v, [copies] + [1] * (v.ndim - 1)).astype(dtype) for k, v in outputs.items()}
        for name, outputs in leaves.items()
    }
    labels = paddle.tile(paddle.to_tensor([[1, 2, 2, 0], [3, 0, 0, 0]]), [copies, 1])
    return leaves, predicts, [None, labels, paddle.tile(paddle.to_tensor([3, 1]), [copies])]


@EACH_DIVERGENCE
def test_the_divergence_matches_a_value_by_hand(divergence):
    # p_a = (1/2, 1/2), p_b = (3/4, 1/4): 1/2 * sum (p_a - p_b) log(p_a / p_b) = 1/8 * log 3
    a, b = paddle.to_tensor([[0.5, 0.5]]).log(), paddle.to_tensor([[0.75, 0.25]]).log()
    assert float(divergence(a, b)) == pytest.approx(math.log(3) / 8, rel=1e-6)


@EACH_DIVERGENCE
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_the_divergence_matches_the_formula_frame_by_frame(divergence, temperature):
    a, b = _pair()
    rows = zip(_rows(a, temperature), _rows(b, temperature))
    terms = [sum((x - y) * math.log(x / y) for x, y in zip(p, q)) / 2 for p, q in rows]
    expected = temperature**2 * sum(terms) / len(terms)
    assert float(divergence(a, b, temperature)) == pytest.approx(expected, rel=1e-5)


@EACH_DIVERGENCE
def test_the_divergence_of_equal_predictions_is_zero(divergence):
    a, _ = _pair()
    assert float(divergence(a, a + 3.0)) == pytest.approx(0, abs=1e-6)  # softmax ignores a shift


@EACH_DIVERGENCE
def test_the_divergence_is_symmetric_and_positive(divergence):
    a, b = _pair()
    assert float(divergence(a, b)) == pytest.approx(float(divergence(b, a)), rel=1e-6)
    assert float(divergence(a, b)) > 0


def test_the_gradient_of_the_divergence_matches_its_closed_form():
    a, b = _pair()
    mutual_kl(a, b).backward()
    p, q = _rows(a), _rows(b)
    log_ratio = np.log(p / q)
    expected = (p * (log_ratio - (p * log_ratio).sum(1, keepdims=True)) + p - q) / (2 * len(p))
    np.testing.assert_allclose(a.grad.numpy().reshape(p.shape), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(b.grad.numpy().sum(), 0, atol=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_detached_gradient_is_the_difference_from_a_constant_target(temperature):
    a, b = _pair()
    mutual_kl_detached(a, b, temperature).backward()
    p, q = _rows(a, temperature), _rows(b, temperature)
    expected = temperature * (p - q) / (2 * len(p))
    np.testing.assert_allclose(a.grad.numpy().reshape(p.shape), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(b.grad.numpy().reshape(p.shape), -expected, rtol=1e-4, atol=1e-7)


@EACH_DIVERGENCE
@pytest.mark.parametrize("scale", [200, 1e4])
def test_the_divergence_of_confident_logits_is_finite(divergence, scale):
    a, b = _random(0, 2, 1, 7, scale=scale), _random(1, 2, 1, 7, scale=scale)
    loss = divergence(a, b)
    loss.backward()
    assert np.isfinite(float(loss))
    assert np.isfinite(a.grad.numpy()).all()


@EACH_DIVERGENCE
def test_the_divergence_and_its_gradient_do_not_depend_on_the_batch_size(divergence):
    results = []
    for copies in (1, 4):
        a, b = _pair()
        loss = divergence(paddle.tile(a, [copies, 1, 1]), paddle.tile(b, [copies, 1, 1]))
        loss.backward()
        results.append((float(loss), a.grad.numpy()))
        assert loss.shape == []
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-8)


@EACH_DIVERGENCE
@pytest.mark.parametrize(("dtype", "error"), [("float16", 5e-3), ("bfloat16", 5e-2), ("float64", 1e-5)])
def test_the_divergence_takes_every_float_type(divergence, dtype, error):
    a, b = _pair()
    loss = divergence(a.astype(dtype), b.astype(dtype))
    assert loss.dtype == (paddle.float64 if dtype == "float64" else paddle.float32)
    assert float(loss) == pytest.approx(float(divergence(a, b)), rel=error)


def test_the_divergence_refuses_other_shapes_and_a_temperature_of_zero():
    a, b = _pair()
    with pytest.raises(ValueError, match=r"`b` must have the shape of `a`, \(2, 4, 7\), got \(2, 3, 7\)"):
        mutual_kl(a, b[:, 1:])
    with pytest.raises(ValueError, match="`temperature` must be a number > 0, got 0"):
        mutual_kl(a, b, 0)


def test_the_feature_distance_matches_a_value_by_hand():
    a, b = paddle.to_tensor([[1.0, 2.0], [3.0, 4.0]]), paddle.to_tensor([[1.0, 4.0], [0.0, 4.0]])
    assert float(feature_distance(a, b)) == pytest.approx((0 + 4 + 9 + 0) / 4)


def test_the_gradient_of_the_feature_distance_matches_its_closed_form():
    a, b = _random(0, 2, 3, 1, 5), _random(1, 2, 3, 1, 5)
    feature_distance(a, b).backward()
    np.testing.assert_allclose(a.grad.numpy(), 2 * (a - b).numpy() / a.size, rtol=1e-5)
    np.testing.assert_allclose(b.grad.numpy(), -a.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_feature_distance_of_half_precision_does_not_overflow(dtype):
    a = paddle.full([2, 3], 300.0).astype(dtype)
    assert float(feature_distance(a, -a)) == pytest.approx(600**2)  # above what float16 holds


def test_the_loss_is_the_weighted_sum_of_its_terms():
    _, predicts, batch = _predicts()
    report = UDMLLoss(ctc_weight=2.0, feature_weight=3.0, mutual_weight=5.0)(predicts, batch)
    student, teacher = predicts["Student"], predicts["Teacher"]
    expected = {
        "ctc_Student": ctc_loss(student["head_out"], *batch[1:]),
        "ctc_Teacher": ctc_loss(teacher["head_out"], *batch[1:]),
        "feature": feature_distance(student["backbone_out"], teacher["backbone_out"]),
        "mutual": 6 * mutual_kl(student["head_out"], teacher["head_out"]),  # frames of a line
    }
    assert set(report) == {"loss", "infeasible", *expected}
    for name, value in expected.items():
        assert float(report[name]) == pytest.approx(float(value), rel=1e-6)
    weights = {"feature": 3, "mutual": 5}
    total = sum(weights.get(name, 2) * float(value) for name, value in expected.items())
    assert float(report["loss"]) == pytest.approx(total, rel=1e-6)


def test_the_divergence_of_a_line_is_the_sum_over_its_frames_unless_the_mean_is_asked_for():
    _, predicts, batch = _predicts()
    per_line, per_frame = (
        float(UDMLLoss(mutual_mean_over=unit)(predicts, batch)["mutual"]) for unit in ("lines", "frames")
    )
    assert float(UDMLLoss()(predicts, batch)["mutual"]) == per_line == pytest.approx(6 * per_frame, rel=1e-6)


def test_the_mutual_term_has_the_published_value_and_gradient():
    # PaddleOCR, commit cc24646a: 1/2 sum over lines, frames and classes of (p - q)(log p - log q), over the lines.
    leaves, predicts, batch = _predicts()
    report = UDMLLoss(ctc_weight=0, feature_weight=0)(predicts, batch)
    report["loss"].backward()
    a, b = (leaves[name]["head_out"] for name in ("Student", "Teacher"))
    p, q = _rows(a), _rows(b)
    assert float(report["loss"]) == pytest.approx(0.5 * ((p - q) * np.log(p / q)).sum() / 2, rel=1e-5)
    for logits, x, y in ((a, p, q), (b, q, p)):
        log_ratio = np.log(x / y)
        closed_form = (x * (log_ratio - (x * log_ratio).sum(1, keepdims=True)) + x - y) / (2 * 2)
        np.testing.assert_allclose(logits.grad.numpy().reshape(x.shape), closed_form, rtol=1e-4, atol=1e-7)


def test_an_unknown_mean_of_the_mutual_term_is_refused():
    with pytest.raises(ValueError, match="no `mutual_mean_over` 'line'; did you mean 'lines'"):
        UDMLLoss(mutual_mean_over="line")


@pytest.mark.parametrize(
    ("option", "missing_terms"),
    [
        ("ctc_weight", {"ctc_Student", "ctc_Teacher", "infeasible"}),
        ("feature_weight", {"feature"}),
        ("mutual_weight", {"mutual"}),
    ],
)
def test_a_weight_of_zero_leaves_the_term_out(option, missing_terms):
    _, predicts, batch = _predicts()
    assert set(UDMLLoss()(predicts, batch)) - set(UDMLLoss(**{option: 0})(predicts, batch)) == missing_terms


@pytest.mark.parametrize(
    "options", [{"ctc_weight": 2}, {"feature_weight": 2}, {"mutual_weight": 2}, {"temperature": 2.0}]
)
def test_every_numeric_option_changes_the_loss(options):
    _, predicts, batch = _predicts()
    losses = [float(UDMLLoss(**each)(predicts, batch)["loss"]) for each in ({}, options)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_without_a_feature_term_no_feature_map_is_needed():
    _, predicts, batch = _predicts()
    logits = {name: outputs["head_out"] for name, outputs in predicts.items()}
    assert float(UDMLLoss(feature_weight=0)(logits, batch)["loss"]) > 0


def test_logits_may_come_last_in_a_tuple():
    _, predicts, batch = _predicts()
    expected = float(UDMLLoss()(predicts, batch)["loss"])
    for outputs in predicts.values():
        outputs["head_out"] = ("features", outputs["head_out"])
    assert float(UDMLLoss()(predicts, batch)["loss"]) == expected


def test_the_loss_of_two_equal_networks_is_their_ctc_alone():
    _, predicts, batch = _predicts()
    predicts["Teacher"] = predicts["Student"]
    report = UDMLLoss()(predicts, batch)
    assert float(report["loss"]) == pytest.approx(2 * float(report["ctc_Student"]), rel=1e-6)


def test_every_term_gives_both_networks_a_gradient():
    for weights in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        leaves, predicts, batch = _predicts()
        UDMLLoss(ctc_weight=weights[0], feature_weight=weights[1], mutual_weight=weights[2])(predicts, batch)[
            "loss"
        ].backward()
        key = "backbone_out" if weights[1] else "head_out"
        assert all(np.abs(outputs[key].grad.numpy()).max() > 0 for outputs in leaves.values())


def test_the_loss_and_its_gradient_do_not_depend_on_the_batch_size():
    results = []
    for copies in (1, 3):
        leaves, predicts, batch = _predicts(copies)
        loss = UDMLLoss()(predicts, batch)["loss"]
        loss.backward()
        assert loss.shape == []
        results.append((float(loss), leaves["Student"]["head_out"].grad.numpy()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    _, predicts, batch = _predicts()
    expected = float(UDMLLoss()(predicts, batch)["loss"])
    loss = UDMLLoss()(_predicts(dtype=dtype)[1], batch)["loss"]
    assert loss.dtype == paddle.float32
    assert float(loss) == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("term", ["ctc_Teacher", "feature", "mutual"])
def test_a_nan_loss_is_reported_by_the_name_of_its_term(term):
    _, predicts, batch = _predicts()
    weights = dict.fromkeys(("ctc_weight", "feature_weight", "mutual_weight"), 0)
    weights[f"{term.split('_')[0]}_weight"] = 1.0
    key = "backbone_out" if term == "feature" else "head_out"
    predicts["Teacher"][key] = predicts["Teacher"][key] * float("nan")
    assert find_broken_term(read_terms(UDMLLoss(**weights)(predicts, batch)))[0] == term


def test_a_misspelt_network_gets_a_suggestion():
    _, predicts, batch = _predicts()
    with pytest.raises(UserError, match="network 'Studnet'.* did you mean 'Student'?"):
        UDMLLoss(pair=["Studnet", "Teacher"])(predicts, batch)


def test_an_unknown_network_lists_the_known_ones():
    _, predicts, batch = _predicts()
    with pytest.raises(UserError, match="there are 'Student', 'Teacher'"):
        UDMLLoss(pair=["A", "B"])(predicts, batch)


def test_a_model_of_one_network_is_refused():
    _, predicts, batch = _predicts()
    with pytest.raises(UserError, match="'Student' that is not in the model"):
        UDMLLoss()(predicts["Student"]["head_out"], batch)


def test_a_missing_head_output_lists_the_existing_outputs():
    _, predicts, batch = _predicts()
    del predicts["Teacher"]["head_out"]
    with pytest.raises(UserError, match="Teacher returns no 'head_out'; there is only 'backbone_out'"):
        UDMLLoss()(predicts, batch)


def test_a_missing_feature_map_says_which_option_returns_it():
    _, predicts, batch = _predicts()
    logits = {name: outputs["head_out"] for name, outputs in predicts.items()}
    with pytest.raises(UserError, match="Student returns no 'backbone_out'; set its `return_all_feats: true`"):
        UDMLLoss()(logits, batch)


def test_two_networks_of_different_shapes_are_refused_with_a_remedy():
    pair = {name: {"head_out": paddle.zeros([2, 4, 5]), "backbone_out": paddle.zeros([2, 3])} for name in "ab"}
    pair["b"]["backbone_out"] = paddle.zeros([2, 6])
    batch = [None, paddle.ones([2, 1], "int64"), paddle.ones([2], "int64")]
    with pytest.raises(
        UserError, match=r"'backbone_out' of a and b, .* \(2, 3\) .* \(2, 6\): give both the same Backbone"
    ):
        UDMLLoss(["a", "b"])(pair, batch)
    pair["b"]["head_out"] = paddle.zeros([2, 4, 6])
    with pytest.raises(UserError, match="'head_out' of a and b"):
        UDMLLoss(["a", "b"])(pair, batch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pair": "Student"}, "names of two different networks, got 'Student'"),
        ({"pair": ["Student", "Student"]}, "two different networks"),
        ({"mutual_weight": -1}, "`mutual_weight` must be a number >= 0, got -1"),
        ({"ctc_weight": "1"}, "`ctc_weight` must be a number >= 0, got '1'"),
        ({"ctc_weight": 0, "feature_weight": 0, "mutual_weight": 0}, "must be above 0"),
        ({"temperature": 0}, "`temperature` must be a number > 0, got 0"),
    ],
)
def test_wrong_options_are_refused_when_the_loss_is_built(options, message):
    with pytest.raises(ValueError, match=message):
        UDMLLoss(**options)
