"""The losses of the completed wheel: hand values, gradients, invariances and what every option does."""

import functools
import math

import numpy as np
import paddle
import pytest
from stand_in_host import CLASSES, builder, det_case, random, rec_case

from ppocrv2_ext.plugins.center_loss.head import CenterHeadOutput

pytest_plugins = ["stand_in_host"]
pytestmark = pytest.mark.usefixtures("completed")


@pytest.fixture
def db(completed):
    return completed("ppocr.losses.det_db_loss")


def tensors(*rows):
    return [paddle.to_tensor([[row]], dtype="float32") for row in rows]


def test_dice_by_hand(db):
    # |p g| = 0.8, |p| + |g| = 1.2 + 1; the third pixel is masked out
    pred, gt, mask = tensors([0.8, 0.4, 0.9], [1, 0, 1], [1, 1, 0])
    assert float(db.dice_loss(pred, gt, mask)) == pytest.approx(1 - 2 * 0.8 / 2.2, rel=1e-5)


def test_dice_is_zero_for_the_map_itself(db):
    gt = paddle.to_tensor((random("gt", 2, 8, 8) > 0).astype("float32"))
    assert float(db.dice_loss(gt, gt, paddle.ones_like(gt))) == pytest.approx(0, abs=1e-6)


def test_dice_gradient_in_closed_form(db):
    pred = paddle.to_tensor(1 / (1 + np.exp(-random("pred", 2, 4, 4))), stop_gradient=False)
    gt, mask = (paddle.to_tensor((random(key, 2, 4, 4) > 0).astype("float32")) for key in ("gt", "mask"))
    db.dice_loss(pred, gt, mask).backward()
    p, g, m = (x.numpy().astype("float64") for x in (pred, gt, mask))
    inter, union = (p * g * m).sum(), (p * m).sum() + (g * m).sum()
    np.testing.assert_allclose(pred.grad.numpy(), -2 * m * (g * union - inter) / union**2, rtol=1e-4, atol=1e-7)


def test_masked_l1_by_hand(db):
    pred, gt, mask = tensors([0.5, 0.1, 0.9], [0.3, 0.7, 0.0], [1, 1, 0])
    assert float(db.masked_l1(pred, gt, mask)) == pytest.approx((0.2 + 0.6) / 2, rel=1e-5)


def test_masked_l1_is_zero_under_an_empty_mask(db):
    pred, gt, mask = tensors([0.5, 0.1], [0.3, 0.7], [0, 0])
    assert float(db.masked_l1(pred, gt, mask)) == 0


def test_dice_where_text_is_dice_if_there_is_text(db):
    predicts, (_, _, gt, mask) = det_case()
    pred = predicts["maps"][:, 0]
    dice = db.dice_loss(pred, gt, mask)
    assert float(db.dice_where_text(pred, gt, mask)) == pytest.approx(float(dice), rel=1e-5)


def db_loss(text=True, copies=1, **options):
    predicts, labels = det_case(text)
    loss = builder("loss")({"name": "DBLoss", **options})
    maps = paddle.tile(predicts["maps"], [copies, 1, 1, 1])
    return loss({"maps": maps}, [None, *(paddle.tile(label, [copies, 1, 1]) for label in labels)])


def test_db_loss_is_the_sum_of_its_terms():
    terms = {key: float(value) for key, value in db_loss().items()}
    total = terms.pop("loss")
    assert sorted(terms) == ["loss_binary_maps", "loss_shrink_maps", "loss_threshold_maps"]
    assert total == pytest.approx(sum(terms.values()), rel=1e-6)


def test_db_loss_does_not_depend_on_the_batch_size():
    one, four = (db_loss(copies=n)["loss"] for n in (1, 4))
    assert one.shape == []
    assert float(four) == pytest.approx(float(one), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "other"),
    [
        ({"alpha": 5}, {"alpha": 6}),
        ({"beta": 10}, {"beta": 11}),
    ],
)
def test_option_of_the_db_loss_changes_its_value(options, other):
    assert float(db_loss(**options)["loss"]) != pytest.approx(float(db_loss(**other)["loss"]), rel=1e-3)


def test_the_hard_pixels_of_the_db_loss_have_no_effect_on_dice():
    assert float(db_loss(ohem_ratio=1)["loss"]) == float(db_loss(ohem_ratio=3)["loss"])


def test_without_text_the_probability_term_is_zero():
    assert float(db_loss(text=False)["loss_shrink_maps"]) == 0


def test_without_text_the_gradient_of_the_db_loss_is_finite():
    predicts, labels = det_case(text=False)
    builder("loss")({"name": "DBLoss"})(predicts, [None, *labels])["loss"].backward()
    assert np.isfinite(predicts["maps"].grad.numpy()).all()


def ctc(logits, labels, lengths):
    loss = builder("loss")({"name": "CTCLoss"})
    return loss(logits, [None, paddle.to_tensor(labels), paddle.to_tensor(lengths)])["loss"]


def test_ctc_by_hand():
    # Two positions, label "1": the paths are 11, 1-, -1, each with probability 1 / C^2.
    logits = paddle.zeros([1, 2, CLASSES])
    assert float(ctc(logits, [[1]], [1])) == pytest.approx(-math.log(3 / CLASSES**2), rel=1e-6)


def test_ctc_reads_the_logits_that_the_center_ctc_head_returns_last():
    logits, batch = rec_case()
    loss = builder("loss")({"name": "CTCLoss"})
    output = CenterHeadOutput(features=None, centers=None, counts=None, logits=logits)
    assert float(loss(output, batch)["loss"]) == float(loss(logits, batch)["loss"])


def test_ctc_does_not_depend_on_the_batch_size():
    logits, batch = rec_case()
    loss = builder("loss")({"name": "CTCLoss"})
    many = [None, *(paddle.concat([x] * 3) for x in batch[1:])]
    one, three = loss(logits, batch)["loss"], loss(paddle.concat([logits] * 3), many)["loss"]
    assert float(three) == pytest.approx(float(one), rel=1e-5)


def test_ctc_is_finite_for_confident_logits():
    logits, batch = rec_case()
    value = builder("loss")({"name": "CTCLoss"})(logits * 1e4, batch)["loss"]
    assert np.isfinite(float(value))


def test_cls_loss_of_undecided_logits_is_ln_2():
    loss = builder("loss")({"name": "ClsLoss"})
    value = loss(paddle.zeros([4, 2]), [None, paddle.to_tensor([0, 1, 1, 0])])["loss"]
    assert float(value) == pytest.approx(math.log(2), rel=1e-6)


def combined(*terms):
    return builder("loss")({"name": "CombinedLoss", "loss_config_list": list(terms)})


def test_combined_loss_adds_the_weighted_terms_and_reports_each():
    logits, batch = rec_case()
    plain = float(builder("loss")({"name": "CTCLoss"})(logits, batch)["loss"])
    report = combined({"CTCLoss": {"weight": 2.0}}, {"CTCLoss": {"weight": 0.5}})(logits, batch)
    values = {key: float(value) for key, value in report.items()}
    assert values == pytest.approx({"loss": 2.5 * plain, "CTCLoss": 2 * plain, "CTCLoss_1": 0.5 * plain}, rel=1e-6)


class PluginLoss(paddle.nn.Layer):
    """The loss of a plugin: it has a parameter and reports two terms."""

    def __init__(self, key="a", shape=()):
        super().__init__()
        self.key, self.shape = key, list(shape)
        self.scale = self.create_parameter([1])

    def forward(self, predicts, batch):
        return {"loss": paddle.ones(self.shape) * 3, self.key: paddle.ones([]) * 2}


@pytest.fixture
def plugged(completed, monkeypatch):
    # As the seam puts it there: a callable, found as an attribute of the module.
    module = completed("ppocr.losses.combined_loss")
    monkeypatch.setattr(module, "PluginLoss", functools.partial(PluginLoss), raising=False)


@pytest.mark.usefixtures("plugged")
def test_combined_loss_finds_the_terms_of_a_plugin_and_keeps_their_reports_apart():
    report = combined({"PluginLoss": {"weight": 1.0}}, {"PluginLoss": {"weight": 10.0}})(None, None)
    values = {key: float(value) for key, value in report.items()}
    assert values == {"loss": 33, "PluginLoss": 3, "a": 2, "PluginLoss_1": 30, "PluginLoss_1.a": 20}


@pytest.mark.usefixtures("plugged")
def test_combined_loss_weights_no_count():
    report = combined({"PluginLoss": {"weight": 0.1, "key": "infeasible"}})(None, None)
    assert float(report["infeasible"]) == 2
    assert float(report["loss"]) == pytest.approx(0.3)


@pytest.mark.usefixtures("plugged")
def test_combined_loss_owns_the_parameters_of_its_terms():
    assert len(combined({"PluginLoss": {"weight": 1.0}}).parameters()) == 1


@pytest.mark.usefixtures("plugged")
def test_combined_loss_refuses_a_vector():
    with pytest.raises(ValueError, match=r"loss 'PluginLoss' must return a scalar, got shape \(4,\)"):
        combined({"PluginLoss": {"weight": 1.0, "shape": [4]}})(None, None)
