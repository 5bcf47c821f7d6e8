"""The losses of maps by the fast kernels, against the formulas in Paddle's operators."""

import functools
import math

import numpy as np
import paddle
import pytest
from fast_kernels import needs_numba

from ppocrv2_ext.plugins.cml import cpu_maps, maps
from ppocrv2_ext.plugins.cml.loss import CMLLoss
from ppocrv2_ext.plugins.fast_cpu.memory import paddle_only

pytestmark = needs_numba
CASES = 70  # of each of the 8 losses


def draw_case(seed):
    """Two probability maps and three labels, of a drawn size: sure or unsure, with many, few or no text, with ties."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, (5, 30, 40)))
    scale = rng.choice([0.1, 2, 30])
    p, q = (1 / (1 + np.exp(-scale * rng.normal(size=shape).astype("float32"))) for _ in range(2))
    if rng.random() < 0.3:  # many equal pixels
        p, q = (np.round(each, 1) for each in (p, q))
    text, mask, other_mask = ((rng.random(shape) < rng.choice([0, 0.05, 0.5, 1])) for _ in range(3))
    return [each.astype("float32") for each in (p, q, text, mask, other_mask)], float(rng.choice([0.3, 1, 3, 1000]))


def compare(function, first, *rest):
    """(value, gradients) of a function of maps; both of two maps get one, a label gets none."""
    tensors = [paddle.to_tensor(first, stop_gradient=False)]
    tensors += [paddle.to_tensor(each, stop_gradient=len(rest) > 1) for each in rest]
    loss = function(*tensors)
    (2.5 * loss).backward()
    return float(loss), [tensor.grad.numpy() for tensor in tensors if not tensor.stop_gradient]


LABELLED = {
    "balanced_bce": lambda ratio: functools.partial(maps.balanced_bce, ohem_ratio=ratio),
    "dice_loss": lambda ratio: maps.dice_loss,
    "bce_dice": lambda ratio: functools.partial(maps.bce_dice, ohem_ratio=ratio),
    "masked_l1": lambda ratio: maps.masked_l1,
}
MUTUAL = {"bernoulli_kl": maps.bernoulli_kl, "stock_mutual": maps.stock_mutual}


def assert_equal(found, expected):
    (loss, gradients), (expected_loss, expected_gradients) = found, expected
    assert loss == pytest.approx(expected_loss, rel=2e-5, abs=1e-7)
    for gradient, other in zip(gradients, expected_gradients):
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=2e-5 * np.abs(other).max() + 1e-9)


@pytest.mark.parametrize("name", LABELLED)
def test_a_comparison_with_labels_and_its_gradient_are_those_of_the_formula(name):
    for seed in range(2 * CASES):
        (p, _, text, mask, _), ratio = draw_case(seed)
        function = LABELLED[name](ratio)
        found = compare(function, p, text, mask)
        with paddle_only():
            assert_equal(found, compare(function, p, text, mask))


@pytest.mark.parametrize("name", MUTUAL)
def test_mutual_learning_and_both_gradients_are_those_of_the_formula(name):
    for seed in range(CASES):
        (p, q, *_), _ = draw_case(seed)
        found = compare(MUTUAL[name], p, q)
        with paddle_only():
            assert_equal(found, compare(MUTUAL[name], p, q))


def test_the_teachers_text_is_bit_equal_to_the_formula():
    for seed in range(CASES):
        (p, *_), _ = draw_case(seed)
        threshold, size = (0.3, 0.5)[seed % 2], seed % 6 + 1
        found = maps.teacher_text(paddle.to_tensor(p), threshold, size).numpy()
        with paddle_only():
            np.testing.assert_array_equal(found, maps.teacher_text(paddle.to_tensor(p), threshold, size).numpy())


def make_networks(seed, shape=(3, 40, 56)):
    rng = np.random.default_rng(seed)
    networks = {
        name: rng.uniform(0.02, 0.98, (shape[0], 3, *shape[1:])).astype("float32")
        for name in ("Student", "Student2", "Teacher")
    }
    labels = [rng.uniform(0.3, 0.7, shape), *(rng.random(shape) < share for share in (0.3, 0.1, 0.9))]
    return networks, [None, *(paddle.to_tensor(label.astype("float32")) for label in labels)]


def learn(loss, networks, batch):
    predicts = {
        name: {"maps": paddle.to_tensor(each, stop_gradient=name == "Teacher")} for name, each in networks.items()
    }
    report = loss(predicts, batch)
    report["loss"].backward()
    gradients = [predicts[name]["maps"].grad.numpy() for name in ("Student", "Student2")]
    return {name: float(value) for name, value in report.items()}, gradients


@pytest.mark.parametrize(("main_loss", "mutual"), [("bce", "bernoulli"), ("dice", "stock"), ("bce+dice", "bernoulli")])
def test_the_whole_loss_and_its_gradients_are_those_of_the_formulas(main_loss, mutual):
    loss = CMLLoss(main_loss=main_loss, mutual=mutual)
    for seed in range(5):
        found, gradients = learn(loss, *make_networks(seed))
        with paddle_only():
            expected, expected_gradients = learn(loss, *make_networks(seed))
        assert found == pytest.approx(expected, rel=1e-5)
        for gradient, other in zip(gradients, expected_gradients):
            np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


def test_the_value_of_millions_of_pixels_is_as_near_to_double_precision_as_the_formula():
    rng = np.random.default_rng(0)
    p, q = rng.uniform(1e-3, 1 - 1e-3, (2, 2, 1000, 1000)).astype("float32")
    text = rng.random(p.shape) < 0.1
    chosen = np.sort(-np.log1p(-p[~text].astype("float64")))[-3 * text.sum() :]
    exact = (chosen.sum() - np.log(p[text], dtype="float64").sum()) / (4 * text.sum())
    found = maps.balanced_bce(*(paddle.to_tensor(each.astype("float32")) for each in (p, text, np.ones(p.shape))))
    assert float(found) == pytest.approx(exact, rel=1e-6)
    p64, q64 = p.astype("float64"), q.astype("float64")
    exact = ((p64 - q64) * (np.log(p64 / (1 - p64)) - np.log(q64 / (1 - q64)))).mean() / 2
    assert float(maps.bernoulli_kl(paddle.to_tensor(p), paddle.to_tensor(q))) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mask", [0.0, 1.0])
@pytest.mark.parametrize("name", ["balanced_bce", "dice_loss", "masked_l1", "bernoulli_kl", "stock_mutual"])
def test_a_broken_pixel_breaks_the_loss(name, broken, mask):
    (p, q, text, _, _), _ = draw_case(1)
    p[0, 0, 0] = broken
    masks = np.full(p.shape, mask, "float32")
    labels = (q,) if name in MUTUAL else (text, masks)
    function = MUTUAL[name] if name in MUTUAL else LABELLED[name](3.0)
    assert not math.isfinite(compare(function, p, *labels)[0])


def test_a_label_with_a_gradient_goes_the_way_of_the_formula():
    p, text = (paddle.to_tensor(each, stop_gradient=False) for each in (np.full((1, 2, 2), 0.4, "float32"),) * 2)
    assert not cpu_maps.can_compare(p, text)
    maps.masked_l1(p, text, paddle.ones([1, 2, 2])).backward()
    assert text.grad is not None


def test_the_value_does_not_depend_on_the_number_of_threads(monkeypatch):
    networks, batch = make_networks(9)
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append(learn(CMLLoss(), networks, batch))
    (one, gradients), (three, other_gradients) = results
    assert one == three
    np.testing.assert_array_equal(gradients, other_gradients)
