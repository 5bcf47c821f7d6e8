"""Center loss and the running class means, as functions."""

import numpy as np
import paddle
import pytest
from arrays import draw_normal

from ppocrv2_ext.plugins.center_loss.loss import center_loss, class_sums, update_centers

B, T, C, D = 3, 6, 5, 4


def _case(copies=1):
    """Features that receive gradient, classes of frames (blank and unseen class 4 among them), centers, counts."""
    features = paddle.to_tensor(draw_normal(0, B, T, D), stop_gradient=False)
    classes = paddle.to_tensor(np.random.RandomState(1).randint(0, C, (B, T)))
    centers, counts = paddle.to_tensor(draw_normal(2, C, D)), paddle.to_tensor([7, 3, 1, 9, 0])
    tiled = [paddle.tile(features, [copies, 1, 1]), paddle.tile(classes, [copies, 1]), centers, counts]
    return features, tiled


def _has_center(classes):
    return np.isin(classes.numpy(), [1, 2, 3])


def test_the_loss_matches_a_value_by_hand():
    # two frames of class 1, with its center at (1, 0): squared distances 4 and 9; the third is blank
    x, centers = paddle.to_tensor([[1.0, 2.0], [4.0, 0.0], [50.0, 50.0]]), paddle.to_tensor([[0.0, 0.0], [1.0, 0.0]])
    assert float(center_loss(x, paddle.to_tensor([1, 1, 0]), centers, paddle.to_tensor([5, 5]))) == pytest.approx(6.5)


def test_the_loss_matches_the_formula_frame_by_frame():
    _, case = _case()
    x, y, centers, counts = (tensor.numpy() for tensor in case)
    frames = [(i, t) for i in range(B) for t in range(T) if y[i, t] != 0 and counts[y[i, t]] > 0]
    total = sum(sum((float(a) - float(b)) ** 2 for a, b in zip(x[i, t], centers[y[i, t]])) for i, t in frames)
    assert float(center_loss(*case)) == pytest.approx(total / len(frames), rel=1e-6)


def test_the_loss_is_zero_only_if_every_frame_is_at_its_center():
    _, (x, y, centers, counts) = _case()
    there = centers.gather(y.flatten()).reshape([B, T, D])
    assert float(center_loss(there, y, centers, counts)) == 0
    assert float(center_loss(x, y, centers, counts)) > 0


def test_the_gradient_matches_its_closed_form():
    features, case = _case()
    center_loss(*case).backward()
    _, y, centers, _ = case
    chosen = _has_center(y)[..., None]
    expected = 2 * (features.numpy() - centers.numpy()[y.numpy()]) * chosen / chosen.sum()
    np.testing.assert_allclose(features.grad.numpy(), expected, rtol=1e-6)


def test_only_features_receive_gradient():
    _, (x, y, centers, counts) = _case()
    centers.stop_gradient = False
    center_loss(x, y, centers, counts).backward()
    assert centers.grad is None


def test_the_loss_and_its_gradient_do_not_depend_on_the_batch_size():
    results = []
    for copies in (1, 4):
        features, case = _case(copies)
        loss = center_loss(*case)
        loss.backward()
        assert loss.shape == []
        results.append((float(loss), features.grad.numpy()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("label", "count"), [(0, 7), (4, 0)])
def test_without_a_frame_that_has_a_center_the_loss_and_its_gradient_are_zero(label, count):
    features, (x, y, centers, counts) = _case()
    assert int(counts[label]) == count
    loss = center_loss(x, paddle.full_like(y, label), centers, counts)
    loss.backward()
    assert float(loss) == 0
    assert not features.grad.numpy().any()


def test_the_loss_and_its_gradient_are_finite_for_large_features():
    features, (x, y, centers, counts) = _case()
    loss = center_loss(1e4 * x, y, centers, counts)
    loss.backward()
    assert np.isfinite(float(loss))
    assert np.isfinite(features.grad.numpy()).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    _, (x, y, centers, counts) = _case()
    loss = center_loss(x.astype(dtype), y, centers, counts)
    assert loss.dtype == paddle.float32
    assert float(loss) == pytest.approx(float(center_loss(x, y, centers, counts)), rel=1e-2)


def test_centers_of_another_size_are_an_error():
    _, (x, y, centers, counts) = _case()
    with pytest.raises(ValueError, match=r"`centers` must be \(C, D\) with D=4, got \(5, 3\)"):
        center_loss(x, y, centers[:, 1:], counts)


def test_class_sums_match_a_loop():
    _, (x, y, _, _) = _case()
    sums, frames = class_sums(x, y, C)
    expected = [x.numpy()[y.numpy() == c].sum(0) if c else np.zeros(D) for c in range(C)]
    np.testing.assert_allclose(sums.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert frames.numpy().tolist() == [(y.numpy() == c).sum() if c else 0 for c in range(C)]
    assert sums.stop_gradient


def test_blank_frames_are_in_no_sum_even_if_infinite():
    _, (x, y, _, _) = _case()
    blank = (y == 0).unsqueeze(2).astype("float32")
    sums, _ = class_sums(x.detach() / (1 - blank), y, C)
    assert np.isfinite(sums.numpy()).all()


def _empty():
    return paddle.zeros([C, D]), paddle.zeros([C], dtype="int64")


def _sums(frames_of_class_1, seed):
    x = draw_normal(seed, frames_of_class_1, D)
    return x, class_sums(paddle.to_tensor(x), paddle.ones([len(x)], dtype="int64"), C)


def test_the_first_center_is_the_mean_of_the_batch():
    (centers, counts), (x, sums) = _empty(), _sums(3, 0)
    update_centers(centers, counts, *sums)
    np.testing.assert_allclose(centers.numpy()[1], x.mean(0), rtol=1e-5, atol=1e-7)
    assert counts.numpy().tolist() == [0, 3, 0, 0, 0]


def test_momentum_one_is_the_mean_of_all_frames():
    (centers, counts), batches = _empty(), [_sums(n, n) for n in (3, 1, 5)]
    for _, sums in batches:
        update_centers(centers, counts, *sums, momentum=1.0)
    np.testing.assert_allclose(centers.numpy()[1], np.concatenate([x for x, _ in batches]).mean(0), rtol=1e-5)
    assert int(counts[1]) == 9


def test_momentum_zero_is_the_mean_of_the_last_batch():
    (centers, counts), batches = _empty(), [_sums(n, n) for n in (3, 1, 5)]
    for _, sums in batches:
        update_centers(centers, counts, *sums, momentum=0.0)
    np.testing.assert_allclose(centers.numpy()[1], batches[-1][0].mean(0), rtol=1e-5)


def test_a_center_of_many_frames_moves_by_one_minus_the_momentum():
    centers, counts = _empty()
    centers[1], counts[1] = 1.0, 1000
    update_centers(centers, counts, paddle.full([C, D], 6.0), paddle.to_tensor([0.0, 2.0, 0.0, 0.0, 0.0]), momentum=0.9)
    np.testing.assert_allclose(centers.numpy()[1], 0.9 * 1 + 0.1 * 3, rtol=1e-6)


def test_classes_without_frames_stay_bit_equal():
    (centers, counts), (_, sums) = _empty(), _sums(3, 0)
    centers.set_value(draw_normal(5, C, D))
    before = centers.numpy()
    update_centers(centers, counts, *sums)
    assert (centers.numpy() == before).all(axis=1).tolist() == [True, False, True, True, True]
