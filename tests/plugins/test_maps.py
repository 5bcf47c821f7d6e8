"""The comparisons of maps: hand values, slow references, closed-form gradients, extremes, PaddleOCR's own."""

import functools
import itertools
import math
import os
import subprocess
import sys

import cv2
import numpy as np
import paddle
import pytest

from ppocrv2_ext.plugins.cml.loss import maps

SHAPE = (2, 6, 8)  # B, H, W


def tensor(array, grad=False):
    return paddle.to_tensor(np.asarray(array, "float32"), stop_gradient=not grad)


def probabilities(seed, shape=SHAPE):
    return 1 / (1 + np.exp(-2 * np.random.RandomState(seed).normal(size=shape))).astype("float32")


def binary(seed, share, shape=SHAPE):
    return (np.random.RandomState(seed).uniform(size=shape) < share).astype("float32")


GT, MASK = binary(10, 0.2), binary(11, 0.8)
LABELS = (probabilities(12), binary(13, 0.5), GT, MASK)


def slow_bce(p, gt, mask, ratio):
    """(loss, weights) one pixel at a time, float64; no two pixels are equally hard."""
    p = p.astype("float64")
    loss, weights = np.zeros_like(p), np.zeros_like(p)
    others = []
    for i in np.ndindex(p.shape):
        loss[i] = -math.log(p[i] if gt[i] else 1 - p[i])
        if mask[i] and gt[i]:
            weights[i] = 1
        elif mask[i]:
            others.append((loss[i], i))
    left = ratio * weights.sum()
    for _, i in sorted(others, reverse=True):
        weights[i] = min(1, max(left, 0))
        left -= 1
    return (loss * weights).sum() / max(weights.sum(), 1), weights


def gradient(function, array):
    x = tensor(array, grad=True)
    function(x).backward()
    return x.grad.numpy()


# name: (loss of a (B, ...) map and further (B, ...) maps, those maps)
FRACTION = functools.partial(maps.balanced_bce, ohem_ratio=1.3)
LOSSES = {
    "balanced_bce": (maps.balanced_bce, (probabilities(1), GT, MASK)),
    "balanced_bce, fraction of a pixel": (FRACTION, (probabilities(1), GT, MASK)),
    "balanced_bce, equal pixels": (FRACTION, (np.full(SHAPE, 0.3), GT, MASK)),
    "dice_loss": (maps.dice_loss, (probabilities(1), GT, MASK)),
    "masked_l1": (maps.masked_l1, (probabilities(1), *LABELS[:2])),
    "bernoulli_kl": (maps.bernoulli_kl, (probabilities(1), probabilities(2))),
    "stock_mutual": (maps.stock_mutual, (probabilities(1), probabilities(2))),
    "db_loss": (lambda m, *labels: maps.db_loss(m.unbind(1), labels), (probabilities(3, (2, 3, 6, 8)), *LABELS)),
    "distillation_loss": (
        lambda m, *rest: maps.distillation_loss(m.unbind(1), *rest),
        (probabilities(3, (2, 3, 6, 8)), binary(4, 0.3), MASK),
    ),
}
each_loss = pytest.mark.parametrize("name", LOSSES)


def evaluate(name, change=lambda array: array):
    """(loss, its gradient) of one of LOSSES with every map changed."""
    function, arrays = LOSSES[name]
    first, *rest = map(change, arrays)
    x = tensor(first, grad=True)
    loss = function(x, *map(tensor, rest))
    loss.backward()
    return loss, x.grad.numpy()


@each_loss
def test_every_loss_is_a_float32_scalar(name):
    loss, _ = evaluate(name)
    assert loss.shape == []
    assert loss.dtype == paddle.float32


@each_loss
def test_a_repeated_batch_has_the_same_loss_and_its_share_of_the_gradient(name):
    (once, gradient_once), (thrice, gradient_thrice) = evaluate(name), evaluate(name, lambda a: np.concatenate([a] * 3))
    assert float(thrice) == pytest.approx(float(once), rel=1e-6)
    np.testing.assert_allclose(3 * gradient_thrice, np.concatenate([gradient_once] * 3), rtol=1e-5, atol=1e-9)


@each_loss
def test_the_order_of_images_and_pixels_does_not_matter(name):
    def flipped(a):
        return a[::-1, ..., ::-1].copy()

    (loss, grad), (loss_flipped, grad_flipped) = evaluate(name), evaluate(name, flipped)
    assert float(loss_flipped) == pytest.approx(float(loss), rel=1e-6)
    np.testing.assert_allclose(grad_flipped, flipped(grad), rtol=1e-5, atol=1e-9)


@each_loss
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(name, dtype):
    function, arrays = LOSSES[name]
    halves = [tensor(array).astype(dtype) for array in arrays]
    expected = function(*(half.astype("float32") for half in halves))
    halves[0].stop_gradient = False
    loss = function(*halves)
    loss.backward()
    assert float(loss) == float(expected)
    assert np.isfinite(halves[0].grad.astype("float32").numpy()).all()


@each_loss
@pytest.mark.parametrize(("p", "text", "mask"), list(itertools.product((0, 1, 0.5), (0, 1), (0, 1))))
def test_loss_and_gradient_of_extreme_maps_are_finite(name, p, text, mask):
    function, arrays = LOSSES[name]
    values = (p, text, mask, text, mask)  # for db_loss all of them
    filled = [np.full(array.shape, value) for array, value in zip(arrays, values)]
    x = tensor(filled[0], grad=True)
    loss = function(x, *map(tensor, filled[1:]))
    loss.backward()
    assert math.isfinite(float(loss))
    assert np.isfinite(x.grad.numpy()).all()


# ---- balanced binary cross-entropy


def test_bce_matches_a_value_by_hand():
    # one text pixel, so with ratio 1 one other pixel: the hardest_weights, 0.9; the last one is masked out
    p, gt, mask = (tensor([[row]]) for row in ([0.8, 0.9, 0.2, 0.99], [1, 0, 0, 0], [1, 1, 1, 0]))
    expected = -(math.log(0.8) + math.log(0.1)) / 2
    assert float(maps.balanced_bce(p, gt, mask, ohem_ratio=1)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("ratio", [0.25, 1, 1.5, 3, 1000])
def test_bce_and_its_gradient_match_a_loop_over_pixels(ratio):
    p = probabilities(1)
    loss, weights = slow_bce(p, GT, MASK, ratio)
    fast = functools.partial(maps.balanced_bce, gt=tensor(GT), mask=tensor(MASK), ohem_ratio=ratio)
    assert float(fast(tensor(p))) == pytest.approx(loss, rel=1e-5)
    expected = weights * (p - GT) / (p * (1.0 - p)) / weights.sum()
    np.testing.assert_allclose(gradient(fast, p), expected, rtol=1e-4, atol=1e-7)


def test_bce_of_all_pixels_is_the_plain_mean():
    p, gt, ones = probabilities(1), tensor(GT), paddle.ones(SHAPE)
    plain = paddle.nn.functional.binary_cross_entropy(tensor(p), gt)
    assert float(maps.balanced_bce(tensor(p), gt, ones, ohem_ratio=1e6)) == pytest.approx(float(plain), rel=1e-5)


def test_bce_without_text_and_its_gradient_are_zero():
    fast = functools.partial(maps.balanced_bce, gt=paddle.zeros(SHAPE), mask=paddle.ones(SHAPE))
    assert float(fast(tensor(probabilities(1)))) == 0
    assert (gradient(fast, probabilities(1)) == 0).all()


def test_bce_without_background_is_the_mean_over_text():
    p, ones = probabilities(1), paddle.ones(SHAPE)
    assert float(maps.balanced_bce(tensor(p), ones, ones)) == pytest.approx(-np.log(p).mean(), rel=1e-5)


def test_an_image_without_text_still_teaches_beside_one_with_text():
    gt = GT.copy()
    gt[1] = 0
    fast = functools.partial(maps.balanced_bce, gt=tensor(gt), mask=paddle.ones(SHAPE))
    assert (gradient(fast, probabilities(1))[1] != 0).any()


def test_a_sure_mistake_costs_17_nats_and_an_almost_sure_one_still_has_its_gradient():
    gt, mask = tensor([[[0, 1]]]), tensor([[[1, 1]]])
    fast = functools.partial(maps.balanced_bce, gt=gt, mask=mask)
    assert float(fast(tensor([[[1, 0]]]))) == pytest.approx(25 * math.log(2), rel=1e-6)
    near = gradient(fast, [[[1 - 2**-24, 1e-7]]])[0, 0]
    np.testing.assert_allclose(near, [2**24 / 2, -1e7 / 2], rtol=1e-5)


@pytest.mark.parametrize("count", [0.5, 1, 2.25, 4])
def test_equally_hard_pixels_share_the_remaining_weight(count):
    values = tensor([[[3.0, 1.0], [3.0, 3.0]]])
    weights = maps.hardest_weights(values, count).numpy()
    assert weights.sum() == pytest.approx(count)
    assert weights[0, 0, 0] == weights[0, 1, 0] == weights[0, 1, 1] == pytest.approx(min(count / 3, 1))


@pytest.mark.parametrize("seed", range(20))
def test_a_sort_on_the_device_finds_the_same_pixel_as_a_selection(seed):
    rng = np.random.RandomState(seed)
    values = paddle.to_tensor(rng.randint(0, 9, 50).astype("float32"))
    count = float(rng.uniform(1e-6, 50))
    by_selection, by_sort = (
        float(find(values, paddle.to_tensor(count))) for find in (maps.smallest_by_selection, maps.smallest_by_sort)
    )
    assert by_selection == by_sort == sorted(values.numpy())[-int(np.ceil(np.float32(count)))]


# ---- dice and L1


def test_dice_matches_a_value_by_hand():
    # |p g| = 0.8, |p| + |g| = 1.2 + 1; the third pixel is masked out
    p, gt, mask = (tensor([[row]]) for row in ([0.8, 0.4, 0.9], [1, 0, 1], [1, 1, 0]))
    assert float(maps.dice_loss(p, gt, mask)) == pytest.approx(1 - 2 * 0.8 / 2.2, rel=1e-6)


def test_dice_is_0_for_the_label_and_1_for_its_opposite():
    gt, mask = tensor(GT), tensor(MASK)
    assert float(maps.dice_loss(gt, gt, mask)) == 0
    assert float(maps.dice_loss(1 - gt, gt, mask)) == 1


def test_the_dice_gradient_matches_its_closed_form():
    p = probabilities(1).astype("float64")
    overlap, total = (p * GT * MASK).sum(), (p * MASK).sum() + (GT * MASK).sum()
    fast = functools.partial(maps.dice_loss, gt=tensor(GT), mask=tensor(MASK))
    expected = -2 * MASK * (GT * total - overlap) / total**2
    np.testing.assert_allclose(gradient(fast, p), expected, rtol=1e-4, atol=1e-7)


def test_bce_dice_is_the_sum_of_bce_and_dice():
    p, gt, mask = (tensor(a) for a in (probabilities(1), GT, MASK))
    both = float(maps.balanced_bce(p, gt, mask, 2)) + float(maps.dice_loss(p, gt, mask))
    assert float(maps.bce_dice(p, gt, mask, ohem_ratio=2)) == pytest.approx(both, rel=1e-6)


@pytest.mark.parametrize(("gt", "mask"), [(0, 1), (1, 0)])
def test_dice_without_text_and_its_gradient_are_zero(gt, mask):
    fast = functools.partial(maps.dice_loss, gt=paddle.full(SHAPE, gt), mask=paddle.full(SHAPE, mask))
    assert float(fast(tensor(probabilities(1)))) == 0
    assert (gradient(fast, probabilities(1)) == 0).all()


def test_l1_matches_a_value_by_hand():
    threshold, gt, mask = (tensor([[row]]) for row in ([0.5, 0.1, 0.9], [0.3, 0.7, 0.0], [1, 1, 0]))
    assert float(maps.masked_l1(threshold, gt, mask)) == pytest.approx((0.2 + 0.6) / 2, rel=1e-6)


def test_the_l1_gradient_matches_its_closed_form_and_an_empty_mask_gives_zero():
    p, (gt, mask) = probabilities(1), LABELS[:2]
    fast = functools.partial(maps.masked_l1, gt=tensor(gt), mask=tensor(mask))
    np.testing.assert_allclose(gradient(fast, p), mask * np.sign(p - gt) / mask.sum(), rtol=1e-5, atol=1e-9)
    assert float(maps.masked_l1(tensor(p), tensor(gt), paddle.zeros(SHAPE))) == 0


# ---- sums of them


def test_db_loss_is_the_weighted_sum_of_its_terms():
    m, labels = tensor(probabilities(3, (2, 3, 6, 8))), [tensor(label) for label in LABELS]
    threshold_gt, threshold_mask, gt, mask = labels
    l_p, l_b = maps.balanced_bce(m[:, 0], gt, mask), maps.dice_loss(m[:, 2], gt, mask)
    expected = 2 * l_p + l_b + 7 * maps.masked_l1(m[:, 1], threshold_gt, threshold_mask)
    assert float(maps.db_loss(m.unbind(1), labels, alpha=2, beta=7)) == pytest.approx(float(expected), rel=1e-6)


def test_the_papers_weights_are_a_rescaled_db_loss():
    m, labels = tensor(probabilities(3, (2, 3, 6, 8))), [tensor(label) for label in LABELS]
    l_p, with_b, with_t = (
        float(maps.db_loss(m.unbind(1), labels, alpha=a, beta=b)) for a, b in ((1, 0), (0, 0), (0, 1))
    )
    l_p, l_b, l_t = l_p - with_b, with_b, with_t - with_b
    a, b = 5, 10
    ours = a * maps.db_loss(m.unbind(1), labels, alpha=1 / a, beta=b / a)
    assert float(ours) == pytest.approx(l_p + a * l_b + b * l_t, rel=1e-5)


def test_distillation_does_not_use_the_threshold_map():
    def fast(m):
        return maps.distillation_loss(m.unbind(1), text=tensor(binary(4, 0.3)), mask=tensor(MASK), gamma=2)

    m = probabilities(3, (2, 3, 6, 8))
    moved = gradient(fast, m)
    assert (moved[:, 1] == 0).all()
    assert (moved[:, [0, 2]] != 0).any(axis=(0, 2, 3)).all()
    text, mask = tensor(binary(4, 0.3)), tensor(MASK)
    expected = 2 * maps.balanced_bce(tensor(m[:, 0]), text, mask) + maps.dice_loss(tensor(m[:, 2]), text, mask)
    assert float(fast(tensor(m))) == pytest.approx(float(expected), rel=1e-6)


# ---- mutual learning


def test_kl_matches_a_value_by_hand():
    # 1/2 (p - q)(logit p - logit q) = 1/2 * 1/4 * log 3
    assert float(maps.bernoulli_kl(tensor([[[0.75]]]), tensor([[[0.5]]]))) == pytest.approx(math.log(3) / 8, rel=1e-6)


def test_kl_is_the_mean_of_both_divergences_of_both_outcomes():
    p, q = (probabilities(seed).astype("float64") for seed in (1, 2))
    forth = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    back = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
    assert float(maps.bernoulli_kl(tensor(p), tensor(q))) == pytest.approx(((forth + back) / 2).mean(), rel=1e-5)


def test_the_kl_gradient_matches_its_closed_form():
    p, q = (probabilities(seed).astype("float64") for seed in (1, 2))
    expected = (np.log(p / (1 - p)) - np.log(q / (1 - q)) + (p - q) / (p * (1 - p))) / (2 * p.size)
    np.testing.assert_allclose(gradient(lambda x: maps.bernoulli_kl(x, tensor(q)), p), expected, rtol=1e-4, atol=1e-7)


def test_kl_is_0_for_equal_maps_symmetric_and_positive():
    p, q = tensor(probabilities(1)), tensor(probabilities(2))
    assert float(maps.bernoulli_kl(p, p)) == 0
    assert float(maps.bernoulli_kl(p, q)) == float(maps.bernoulli_kl(q, p)) > 0


def test_kl_treats_background_and_text_alike():
    p, q = tensor(probabilities(1)), tensor(probabilities(2))
    assert float(maps.bernoulli_kl(1 - p, 1 - q)) == pytest.approx(float(maps.bernoulli_kl(p, q)), rel=1e-5)


def test_kl_gives_both_maps_a_gradient():
    p, q = tensor(probabilities(1), grad=True), tensor(probabilities(2), grad=True)
    maps.bernoulli_kl(p, q).backward()
    assert (p.grad.numpy() != 0).all()
    assert (q.grad.numpy() != 0).all()


def test_kl_of_certain_and_opposite_maps_is_finite():
    zero, one = paddle.zeros(SHAPE), paddle.ones(SHAPE)
    assert float(maps.bernoulli_kl(zero, one)) == pytest.approx(25 * math.log(2), rel=1e-6)


def test_paddleocrs_divergence_matches_a_value_by_hand():
    # 1/2 (p log(p / q) + q log(q / p)) = 1/2 * 1/4 * log 1.5
    stock = maps.stock_mutual(tensor([[[0.75]]]), tensor([[[0.5]]]))
    assert float(stock) == pytest.approx(math.log(1.5) / 8, abs=2e-5)


def test_paddleocrs_divergence_hardly_sees_a_difference_where_both_maps_are_sure_of_text():
    # Known difference: log(p / q) is near 0 there; what differs is log((1 - p) / (1 - q)).
    p, q = tensor([[[0.98]]]), tensor([[[0.9999]]])
    assert float(maps.stock_mutual(p, q)) < 0.01 * float(maps.bernoulli_kl(p, q))
    assert float(maps.stock_mutual(1 - p, 1 - q)) > 0.9 * float(maps.bernoulli_kl(p, q))


# ---- the teacher's text


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(3, 17, 23), (1, 1, 1), (2, 3, 1)])
def test_dilation_is_bit_equal_to_opencv(size, shape):
    text = binary(size, 0.1, shape)
    expected = np.stack([cv2.dilate(image, np.ones((size, size), "uint8")).reshape(shape[1:]) for image in text])
    np.testing.assert_array_equal(maps.dilate(tensor(text), size).numpy(), expected)


def test_dilation_by_2_extends_text_to_the_right_and_down():
    text = np.zeros((1, 3, 3), "float32")
    text[0, 1, 1] = 1
    expected = [[[0, 0, 0], [0, 1, 1], [0, 1, 1]]]
    np.testing.assert_array_equal(maps.dilate(tensor(text), 2).numpy(), expected)


def test_teacher_text_is_strictly_above_the_threshold_and_has_no_gradient():
    p = tensor([[[0.25, 0.5, 0.75]]], grad=True)
    text = maps.teacher_text(p, threshold=0.5, dilation=1)
    assert text.numpy().tolist() == [[[0, 0, 1]]]
    assert text.stop_gradient


# ---- PaddleOCR's own, in a process of its own

STOCK = """
import sys
import numpy as np, paddle
from ppocr.losses.basic_loss import DMLLoss
from ppocr.losses.det_basic_loss import BalanceLoss
from ppocr.losses.det_db_loss import DBLoss
from ppocr.losses.distillation_loss import DistillationDilaDBLoss

inputs = {key: paddle.to_tensor(value) for key, value in np.load("inputs.npz").items()}
batch = [None] + [inputs[f"label{i}"] for i in range(4)]
teacher = {"maps": inputs["teacher"].unsqueeze(1)}
pair = {"model_name_pairs": [["Student", "Teacher"]], "key": "maps"}

def dila(m, **options):
    loss = DistillationDilaDBLoss(**pair, **options)
    return loss({"Student": {"maps": m}, "Teacher": teacher}, batch)["loss"]

cases = {
    "db": (lambda m: DBLoss(alpha=5, beta=10)({"maps": m}, batch)["loss"], "student"),
    "bce": (lambda m: BalanceLoss(main_loss_type="BCELoss")(m[:, 0], batch[3], batch[4]), "student"),
    "dila": (dila, "student"),
    "dila50": (lambda m: dila(m, alpha=50), "student"),
    "dml": (lambda m: DMLLoss()(m, inputs["teacher"]), "peer"),
}
results = {}
for name, (function, argument) in cases.items():
    x = inputs[argument].clone().detach()
    x.stop_gradient = False
    loss = function(x)
    loss.backward()
    results[name], results[name + "/grad"] = loss.numpy(), x.grad.numpy()
np.savez("results.npz", **results)
"""


@pytest.fixture(scope="module")
def stock(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stock")
    inputs = {f"label{i}": label for i, label in enumerate(LABELS)}
    inputs.update(student=probabilities(3, (2, 3, 6, 8)), peer=probabilities(5), teacher=probabilities(6))
    np.savez(folder / "inputs.npz", **inputs)
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-W", "ignore", "-c", STOCK]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {**inputs, **np.load(folder / "results.npz")}


CASES = {
    "db": lambda m, teacher: maps.db_loss(m.unbind(1), [tensor(label) for label in LABELS], maps.dice_loss),
    "bce": lambda m, teacher: maps.balanced_bce(m[:, 0], tensor(GT), tensor(MASK)),
    "dila": lambda m, teacher: maps.distillation_loss(
        m.unbind(1), maps.teacher_text(teacher), tensor(MASK), maps.dice_loss
    ),
}


@pytest.mark.checkout
@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_equal_paddleocrs_where_it_is_right(stock, name):
    def function(m):
        return CASES[name](m, tensor(stock["teacher"]))

    np.testing.assert_allclose(float(function(tensor(stock["student"]))), stock[name].item(), rtol=1e-5)
    np.testing.assert_allclose(gradient(function, stock["student"]), stock[f"{name}/grad"], rtol=1e-5, atol=1e-6)


@pytest.mark.checkout
def test_paddleocrs_alpha_in_distillation_does_nothing_and_our_gamma_does(stock):
    assert stock["dila50"].item() == stock["dila"].item()
    m, text = tensor(stock["student"]), maps.teacher_text(tensor(stock["teacher"]))
    losses = [float(maps.distillation_loss(m.unbind(1), text, tensor(MASK), maps.dice_loss, gamma=g)) for g in (5, 50)]
    assert losses[1] > 2 * losses[0]


@pytest.mark.checkout
def test_paddleocrs_divergence_is_one_number_per_image_with_batch_size_times_the_gradient(stock):
    def ours(p):
        return maps.stock_mutual(p, tensor(stock["teacher"]))

    assert stock["dml"].shape == (2,)
    assert float(ours(tensor(stock["peer"]))) == pytest.approx(stock["dml"].mean(), rel=1e-5)
    np.testing.assert_allclose(2 * gradient(ours, stock["peer"]), stock["dml/grad"], rtol=1e-4, atol=1e-7)
