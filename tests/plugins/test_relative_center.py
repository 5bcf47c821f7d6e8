"""Center loss relative to the spread of the centers: its value, what it ignores, where it pulls."""

import numpy as np
import paddle
import pytest

from ppocrv2_ext.plugins.center_loss.head import CenterCTCHead
from ppocrv2_ext.plugins.center_loss.loss import CTCCenterLoss, relative_center_loss

N, C, D = 24, 6, 5


def _case(scale=1.0, shift=0.0, copies=1):
    """Features that receive gradient, classes (blank and class 5, never seen, among them), centers, counts."""
    rng = np.random.default_rng(0)
    x, centers = rng.standard_normal((N, D)), rng.standard_normal((C, D))
    x, centers = (paddle.to_tensor((scale * each + shift).astype("float32")) for each in (x, centers))
    x.stop_gradient = False
    classes = paddle.to_tensor(rng.integers(0, C, N))
    return x, [
        paddle.tile(x, [copies, 1]),
        paddle.tile(classes, [copies]),
        centers,
        paddle.to_tensor([0, 1, 2, 3, 4, 0]),
    ]


def _gradient(x, case):
    relative_center_loss(*case).backward()
    return x.grad.numpy()


def _head():
    paddle.seed(0)
    return CenterCTCHead(in_channels=7, out_channels=5, mid_channels=4)


BATCH = [None, paddle.to_tensor([[1, 2, 2], [3, 1, 0]]), paddle.to_tensor([3, 2])]


def test_the_loss_matches_a_value_by_hand():
    # Centers (0, 0) and (4, 0), in the middle (2, 0). Distances to the own center 1 and 0, to the middle 5 and 4.
    x = paddle.to_tensor([[0.0, 1.0], [4.0, 0.0]])
    centers = paddle.to_tensor([[9.0, 9.0], [0.0, 0.0], [4.0, 0.0], [7.0, 7.0]])
    value = relative_center_loss(x, paddle.to_tensor([1, 2]), centers, paddle.to_tensor([0, 5, 1, 0]))
    assert float(value) == pytest.approx(1 / 9)


def test_the_loss_and_its_gradient_match_float64():
    x, (_, classes, centers, counts) = _case()
    is_used = np.isin(classes.numpy(), [1, 2, 3, 4])[:, None]
    features, own = x.numpy().astype(float), centers.numpy().astype(float)
    middle = own[counts.numpy() > 0].mean(axis=0)
    near, far = (is_used * (features - target) for target in (own[classes.numpy()], middle))
    share = (near**2).sum() / (far**2).sum()
    assert float(relative_center_loss(x, classes, centers, counts)) == pytest.approx(share, rel=1e-5)
    expected = 2 * (near - share * far) / (far**2).sum()
    np.testing.assert_allclose(_gradient(x, [x, classes, centers, counts]), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0), (1e3, 0), (1, 5)])
def test_scale_and_shift_of_the_features_change_nothing(scale, shift):
    assert float(relative_center_loss(*_case(scale, shift)[1])) == pytest.approx(
        float(relative_center_loss(*_case()[1])), rel=1e-4
    )


def test_a_repeated_batch_has_the_same_loss_and_gradient():
    (x, once), (y, thrice) = _case(), _case(copies=3)
    assert float(relative_center_loss(*thrice)) == pytest.approx(float(relative_center_loss(*once)), rel=1e-5)
    np.testing.assert_allclose(_gradient(y, thrice), _gradient(x, once), rtol=1e-4, atol=1e-7)


def test_the_loss_is_zero_where_every_frame_is_at_its_center():
    _, (_, classes, centers, counts) = _case()
    assert float(relative_center_loss(centers.gather(classes), classes, centers, counts)) == 0


def test_with_a_single_center_the_loss_is_one_without_gradient():
    x, (_, classes, centers, _) = _case()
    case = [x, classes, centers, paddle.to_tensor([0, 0, 3, 0, 0, 0])]
    assert float(relative_center_loss(*case)) == 1
    np.testing.assert_allclose(_gradient(x, case), 0, atol=1e-7)


@pytest.mark.parametrize("counts", [[0] * C, [0, 0, 0, 0, 0, 9]])
def test_without_a_frame_that_has_a_center_the_loss_and_its_gradient_are_zero(counts):
    x, (_, classes, centers, _) = _case()
    case = [x, classes.clip(max=4), centers, paddle.to_tensor(counts)]
    assert float(relative_center_loss(*case)) == 0
    assert not _gradient(x, case).any()


def test_the_loss_is_finite_where_all_features_are_equal():
    x, (_, classes, centers, counts) = _case(scale=0.0)
    assert float(relative_center_loss(x, classes, centers, counts)) == 0
    assert np.isfinite(_gradient(x, [x, classes, centers, counts])).all()


def test_the_option_distance_selects_the_distance():
    values = {}
    for distance in ("squared", "relative"):
        head, inputs = _head(), paddle.to_tensor(np.random.default_rng(0).standard_normal((2, 6, 7)).astype("float32"))
        loss = CTCCenterLoss(distance=distance)
        values[distance] = [float(loss(head(scale * inputs), BATCH)["center"]) for scale in (1.0, 1.1, 1.2)]
    assert values["squared"][0] == values["relative"][0] == 0  # no center yet
    assert values["squared"][1:] != values["relative"][1:]


def test_an_unknown_distance_gets_a_suggestion():
    with pytest.raises(ValueError, match="'relativ'.*relative"):
        CTCCenterLoss(distance="relativ")
