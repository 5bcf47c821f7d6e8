"""CTC with center loss: the head that holds the centers, and the loss that updates them.

Run as a script by :func:`test_two_processes_hold_the_centers_of_the_joined_batch`: one process of a distributed run.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from arrays import draw_normal

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.center_loss.head import CenterCTCHead
from ppocrv2_ext.plugins.center_loss.loss import CTCCenterLoss, center_loss, class_sums
from ppocrv2_ext.plugins.ctc.alignment import align
from ppocrv2_ext.plugins.ctc.losses import ctc_loss
from ppocrv2_ext.plugins.terms import find_broken_term, read_terms
from ppocrv2_ext.plugins.udml.loss import UDMLLoss

B, T, C, D = 3, 6, 5, 4
LABELS = [[1, 2, 2], [3, 1, 0], [4, 0, 0]]
LENGTHS = [3, 2, 1]


def _batch(copies=1):
    return [None, paddle.tile(paddle.to_tensor(LABELS), [copies, 1]), paddle.tile(paddle.to_tensor(LENGTHS), [copies])]


def _head(seed=0, mid_channels=D):
    paddle.seed(seed)
    return CenterCTCHead(in_channels=7, out_channels=C, mid_channels=mid_channels)


def _input(seed=3):
    return paddle.to_tensor(draw_normal(seed, B, T, 7))


def _bits(layer):
    return {name: value.numpy().tobytes() for name, value in layer.state_dict().items()}


@pytest.mark.parametrize("mid_channels", [None, D])
def test_the_head_is_paddleocrs_head_with_two_more_buffers(wheel, mid_channels):
    from ppocr.modeling.heads.rec_ctc_head import CTCHead

    ours, stock = _head(mid_channels=mid_channels), CTCHead(7, C, mid_channels=mid_channels)
    shapes = {name: list(value.shape) for name, value in ours.state_dict().items()}
    assert shapes.pop("centers") == [C, mid_channels or 7]
    assert shapes.pop("center_counts") == [C]
    assert shapes == {name: list(value.shape) for name, value in stock.state_dict().items()}
    stock.set_state_dict(ours.state_dict())
    for layer in (ours, stock):
        layer.eval()
    assert (ours(_input()).numpy() == stock(_input()).numpy()).all()


def test_in_training_the_head_returns_its_own_buffers():
    head = _head()
    output = head(_input())
    assert output.centers is head.centers
    assert output.counts is head.center_counts
    np.testing.assert_allclose(head.fc2(output.features).numpy(), output.logits.numpy(), rtol=1e-5)
    assert output[-1] is output.logits  # what stock's CTC loss and decoder take of a tuple


def test_in_mixed_precision_the_head_returns_float32():
    head = _head()
    with paddle.amp.auto_cast(level="O1", dtype="bfloat16"):
        output = head(_input())
    assert {output.features.dtype, output.logits.dtype, output.centers.dtype} == {paddle.float32}
    report = CTCCenterLoss()(output, _batch())
    report["loss"].backward()
    assert int(head.center_counts.sum()) > 0


def test_the_exported_head_holds_no_centers(tmp_path):
    sizes, outputs = [], []
    for mid_channels in (D, None):
        head = _head(mid_channels=mid_channels)
        head.eval()
        spec = [paddle.static.InputSpec([None, T, 7], "float32")]
        paddle.jit.save(head, str(tmp_path / "head"), input_spec=spec)
        outputs.append((paddle.jit.load(str(tmp_path / "head"))(_input()).numpy(), head(_input()).numpy()))
        exported = paddle.jit.load(str(tmp_path / "head"))
        sizes.append(sum(parameter.size for parameter in exported.parameters()))
    assert sizes == [7 * D + D + D * C + C, 7 * C + C]
    for exported, eager in outputs:
        np.testing.assert_allclose(exported, eager, rtol=1e-6)


def test_the_loss_is_the_weighted_sum_of_ctc_and_center():
    head = _head()
    CTCCenterLoss()(head(_input(9)), _batch())
    output, batch = head(_input()), _batch()
    classes = align(output.logits, *batch[1:])
    center = center_loss(output.features, classes, head.centers, head.center_counts, mean_over="frames")
    report = CTCCenterLoss(ctc_weight=2.0, center_weight=0.25)(output, batch)
    assert float(report["center"]) == pytest.approx(float(center), rel=1e-6)
    assert float(report["ctc"]) == pytest.approx(float(ctc_loss(output.logits, *batch[1:])), rel=1e-6)
    assert float(report["loss"]) == pytest.approx(2 * float(report["ctc"]) + 0.25 * float(center), rel=1e-6)
    assert float(report["infeasible"]) == 0


def test_the_center_term_is_a_mean_over_all_frames_unless_that_of_characters_is_asked_for():
    def center(**options):
        head = _head()
        CTCCenterLoss()(head(_input(9)), _batch())
        output = head(_input())
        classes = align(output.logits, *_batch()[1:])
        counted = (classes.flatten() > 0) & (head.center_counts.gather(classes.flatten()) > 0)
        share = float(counted.astype("float32").mean())
        return float(CTCCenterLoss(**options)(output, _batch())["center"]), share

    (default, share), (frames, _), (characters, _) = (
        center(**options) for options in ({}, {"center_mean_over": "frames"}, {"center_mean_over": "character_frames"})
    )
    assert 0 < share < 1
    assert default == frames == pytest.approx(share * characters, rel=1e-6)


def test_a_character_has_a_center_term_from_its_second_batch_on():
    head, loss = _head(), CTCCenterLoss()
    first, second = (float(loss(head(_input()), _batch())["center"]) for _ in range(2))
    assert first == 0 < second


def test_frames_get_their_classes_from_the_alignment_or_the_argmax():
    output, batch = _head()(_input()), _batch()
    for assignment, classes in (("alignment", align(output.logits, *batch[1:])), ("argmax", output.logits.argmax(-1))):
        head = _head()
        CTCCenterLoss(assignment=assignment)(head(_input()), batch)
        sums, frames = class_sums(output.features, classes, C)
        assert head.center_counts.numpy().tolist() == frames.numpy().tolist()
        np.testing.assert_allclose(head.centers * frames.unsqueeze(1), sums, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"ctc_weight": 2}, {"center_weight": 1}, {"assignment": "argmax"}, {"momentum": 0.0}],
)
def test_every_option_changes_the_loss(options):
    totals = []
    for each in ({}, options):
        head, loss = _head(), CTCCenterLoss(**each)
        totals.append([float(loss(head(_input(seed)), _batch())["loss"]) for seed in (1, 2, 3)][-1])
    assert totals[0] != pytest.approx(totals[1], rel=1e-5)


def test_a_weight_of_zero_leaves_the_term_out():
    head = _head()
    assert set(CTCCenterLoss(ctc_weight=0)(head(_input()), _batch())) == {"loss", "center"}
    before = _bits(head)
    assert set(CTCCenterLoss(center_weight=0)(head(_input()), _batch())) == {"loss", "ctc", "infeasible"}
    assert _bits(head) == before


def test_infeasible_labels_are_counted_and_move_no_center():
    head, loss = _head(), CTCCenterLoss()
    short = head(_input()[:, :2])
    assert float(loss(short, _batch())["infeasible"]) == 1  # 1 2 2 needs four frames
    assert not head.center_counts.numpy()[2:3].any()


def test_loss_and_gradient_do_not_depend_on_the_batch_size():
    results = []
    for copies in (1, 3):
        head = _head()
        CTCCenterLoss()(head(_input(9)), _batch())
        report = CTCCenterLoss(center_weight=1.0)(head(paddle.tile(_input(), [copies, 1, 1])), _batch(copies))
        report["loss"].backward()
        results.append((float(report["loss"]), head.fc1.weight.grad.numpy()))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-6)


def test_every_parameter_gets_a_gradient_and_no_buffer_does():
    head = _head()
    CTCCenterLoss()(head(_input()), _batch())["loss"].backward()
    assert [name for name, p in head.named_parameters() if p.grad is None or not p.grad.numpy().any()] == []
    assert {name for name, _ in head.named_parameters()} == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}


def _within_class_spread(head):
    output = head(_input())
    classes = align(output.logits, *_batch()[1:])
    sums, frames = class_sums(output.features, classes, C)
    means = sums / frames.clip(min=1).unsqueeze(1)
    return float(center_loss(output.features, classes, means, frames)) / float((output.features**2).mean())


def test_training_with_the_center_term_reduces_the_spread_of_characters():
    spreads = []
    for center_weight in (0.0, 0.5):
        head, loss = _head(), CTCCenterLoss(center_weight=center_weight)
        optimizer = paddle.optimizer.SGD(0.1, parameters=head.parameters())
        for _ in range(40):
            loss(head(_input()), _batch())["loss"].backward()
            optimizer.step()
            optimizer.clear_grad()
        spreads.append(_within_class_spread(head))
    assert spreads[1] < 0.8 * spreads[0]


def test_a_nan_loss_is_reported_by_the_name_of_its_term_and_leaves_the_centers_finite():
    head = _head()
    before = _bits(head)
    output = head(_input())
    report = CTCCenterLoss()(output._replace(logits=output.logits * float("nan")), _batch())
    assert find_broken_term(read_terms(report))[0] == "ctc"
    assert _bits(head) == before
    CTCCenterLoss(ctc_weight=0)(head(_input()), _batch())
    report = CTCCenterLoss(ctc_weight=0)(output._replace(features=output.features * float("inf")), _batch())
    assert find_broken_term(read_terms(report))[0] == "center"
    assert np.isfinite(head.centers.numpy()).all()
    assert _bits(head).keys() == before.keys()


def test_beside_udml_the_loss_updates_the_centers_of_one_network():
    networks = {name: _head(seed) for seed, name in enumerate(("Student", "Teacher"))}
    predicts = {
        name: {"backbone_out": _input(seed), "head_out": head(_input())}
        for seed, (name, head) in enumerate(networks.items())
    }
    pair = UDMLLoss()(predicts, _batch())
    report = CTCCenterLoss(ctc_weight=0, network="Student")(predicts, _batch())
    assert set(report) == {"loss", "center_Student"}
    assert set(pair) == {"loss", "ctc_Student", "ctc_Teacher", "feature", "mutual", "infeasible"}
    assert int(networks["Student"].center_counts.sum()) > 0
    assert int(networks["Teacher"].center_counts.sum()) == 0


def test_another_head_is_an_error():
    output = _head()(_input())
    for predicts in (output.logits, tuple(output), {"head_out": output.logits}):
        with pytest.raises(UserError, match="needs the features and centers of a CenterCTCHead"):
            CTCCenterLoss()(predicts, _batch())


def test_half_precision_centers_are_an_error():
    output = _head()(_input())
    with pytest.raises(UserError, match="centers must be float32.*amp_level: O1"):
        CTCCenterLoss()(output._replace(centers=output.centers.astype("bfloat16")), _batch())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"assignment": "aligned"}, "no `assignment` 'aligned'; did you mean 'alignment'?"),
        ({"momentum": 1.5}, r"`momentum` must be a number from 0 to 1, got 1.5"),
        ({"center_weight": -1}, "`center_weight` must be a number >= 0, got -1"),
        ({"center_mean_over": "lines"}, "no `center_mean_over` 'lines'"),
        ({"center_mean_over": "frames", "distance": "relative"}, "has no effect on the relative distance"),
        ({"ctc_weight": 0, "center_weight": 0}, "must be above 0"),
    ],
)
def test_wrong_options_are_refused_when_the_loss_is_built(options, message):
    with pytest.raises(ValueError, match=message):
        CTCCenterLoss(**options)


def _train(head, optimizer, seeds):
    for seed in seeds:
        CTCCenterLoss()(head(_input(seed)), _batch())["loss"].backward()
        optimizer.step()
        optimizer.clear_grad()


def test_a_resumed_training_is_bit_equal_to_an_uninterrupted_one(tmp_path):
    def fresh(seed):
        head = _head(seed)
        return head, paddle.optimizer.SGD(0.1, parameters=head.parameters())

    straight, resumed = fresh(0), fresh(1)
    _train(*straight, (1, 2))
    paddle.save(straight[0].state_dict(), str(tmp_path / "latest.pdparams"))
    resumed[0].set_state_dict(paddle.load(str(tmp_path / "latest.pdparams")))
    assert _bits(resumed[0]) == _bits(straight[0])
    for head, optimizer in (straight, resumed):
        _train(head, optimizer, (3, 4))
    assert _bits(resumed[0]) == _bits(straight[0])
    assert int(resumed[0].center_counts.sum()) > 0


def test_both_losses_train_networks_of_paddleocr_in_one_combined_loss(wheel):
    from ppocr.losses.combined_loss import CombinedLoss
    from ppocr.modeling.architectures import build_model

    architecture = {
        "model_type": "rec",
        "algorithm": "CRNN",
        "return_all_feats": True,
        "Backbone": {"name": "LCNet", "scale": 0.25},
        "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 4},
        "Head": {"name": "CenterCTCHead", "mid_channels": D, "out_channels": C},
    }
    networks = {name: build_model(architecture) for name in ("Student", "Teacher")}
    image = paddle.to_tensor(draw_normal(0, B, 3, 32, 4 * T))
    loss = CombinedLoss(
        [{"UDMLLoss": {"weight": 1.0}}, {"CTCCenterLoss": {"weight": 1.0, "ctc_weight": 0, "network": "Student"}}]
    )
    loss({name: network(image) for name, network in networks.items()}, _batch())
    report = loss({name: network(image) for name, network in networks.items()}, _batch())
    report["loss"].backward()
    assert {"ctc_Student", "ctc_Teacher", "feature", "mutual", "center_Student"} < set(report)
    assert float(report["center_Student"]) > 0
    for network in networks.values():
        assert [name for name, p in network.named_parameters() if not p.stop_gradient and p.grad is None] == []


STOCK = """
import json, sys, numpy as np, paddle
from ppocr.losses.center_loss import CenterLoss
from ppocr.losses.basic_loss import DMLLoss
case = np.load(sys.argv[1])
centers, classes = case["centers"], case["classes"]
loss = CenterLoss(num_classes=centers.shape[0], feat_dim=centers.shape[1])
loss.centers = paddle.to_tensor(centers.astype("float64"))
features = paddle.to_tensor(case["features"], stop_gradient=False)
value = loss((features, paddle.nn.functional.one_hot(paddle.to_tensor(classes), centers.shape[0])), None)["loss_center"]
value.backward()
pair = [paddle.to_tensor(case[name], stop_gradient=False) for name in "ab"]
mutual = DMLLoss(act="softmax", use_log=True)(*pair)
mutual.backward()
gradients = [logits.grad.numpy().tolist() for logits in pair]
print(json.dumps([float(value), features.grad.numpy().tolist(), float(mutual), gradients]))
"""


@pytest.mark.checkout
def test_loss_gradient_and_divergence_equal_paddleocrs(checkout, tmp_path):
    x, classes, centers = draw_normal(0, B, T, D), np.random.RandomState(1).randint(1, C, (B, T)), draw_normal(2, C, D)
    a, b = draw_normal(3, B, T, C), draw_normal(4, B, T, C)
    np.savez(tmp_path / "case.npz", features=x, classes=classes, centers=centers, a=a, b=b)
    command = [sys.executable, "-W", "ignore", "-c", STOCK, str(tmp_path / "case.npz")]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(checkout)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    value, gradient, mutual, mutual_gradients = json.loads(done.stdout.splitlines()[-1])
    features = paddle.to_tensor(x, stop_gradient=False)
    # PaddleOCR gives blanks a center too; there are none here.
    known = paddle.to_tensor(centers), paddle.ones([C], dtype="int64")
    loss = center_loss(features, paddle.to_tensor(classes), *known, mean_over="frames")
    loss.backward()
    assert float(loss) == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(features.grad.numpy(), gradient, rtol=1e-5, atol=1e-8)
    pair = [paddle.to_tensor(logits, stop_gradient=False) for logits in (a, b)]
    predicts = {name: {"head_out": logits} for name, logits in zip(("Student", "Teacher"), pair)}
    report = UDMLLoss(ctc_weight=0, feature_weight=0)(predicts, None)
    report["loss"].backward()
    assert float(report["mutual"]) == pytest.approx(mutual, rel=1e-5)
    for logits, expected in zip(pair, mutual_gradients):
        np.testing.assert_allclose(logits.grad.numpy(), expected, rtol=1e-4, atol=1e-7)


def _distributed_steps(lines):
    """Two steps on some of the lines, without an optimizer; the head's centers."""
    head, loss = _head(), CTCCenterLoss()
    for seed in (1, 2):
        loss(head(_input(seed)[lines]), [None, *(tensor[lines] for tensor in _batch()[1:])])
    return head


@pytest.mark.slow
def test_two_processes_hold_the_centers_of_the_joined_batch(two_processes, tmp_path):
    two_processes(__file__, tmp_path)
    ranks = [paddle.load(str(tmp_path / f"rank{rank}.pdparams")) for rank in (0, 1)]
    joined = _distributed_steps(slice(0, B))
    for name in ("centers", "center_counts"):
        assert (ranks[0][name].numpy() == ranks[1][name].numpy()).all()
        np.testing.assert_allclose(ranks[0][name].numpy(), getattr(joined, name).numpy(), rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    paddle.set_device("cpu")
    paddle.distributed.init_parallel_env()
    this = paddle.distributed.get_rank()
    trained = _distributed_steps(slice(0, 2) if this == 0 else slice(2, B))
    paddle.save(trained.state_dict(), str(Path(sys.argv[1]) / f"rank{this}.pdparams"))
