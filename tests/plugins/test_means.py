"""Class means of a trained network over a set of lines: which frames count, and what they come to."""

import numpy as np
import paddle
import pytest
from arrays import draw_normal
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.center_loss import means
from ppocrv2_ext.plugins.center_loss.head import CenterCTCHead
from ppocrv2_ext.plugins.ctc.alignment import align

C, D = 5, 4


# --- the rules -------------------------------------------------------------------------------------------------------


def _merged(path):
    return [int(c) for c, before in zip(path, [0, *path]) if c not in (0, before)]


def test_by_argmax_only_lines_whose_path_merges_to_the_label_are_used():
    random = np.random.RandomState(0)
    paths, lengths = random.randint(0, 3, (900, 5)), random.randint(0, 4, 900)
    labels = random.randint(1, 3, (900, 3))
    logits = paddle.to_tensor(np.eye(3, dtype="float32")[paths])
    classes, is_correct = means.assign_by_argmax(logits, paddle.to_tensor(labels), paddle.to_tensor(lengths))
    expected = [_merged(path) == label[:n].tolist() for path, label, n in zip(paths, labels, lengths)]
    assert is_correct.numpy().tolist() == expected
    assert 20 < sum(expected) < 500
    assert (classes.numpy() == paths * np.array(expected)[:, None]).all()


def test_by_alignment_lines_with_an_infeasible_label_are_left_out():
    logits = paddle.to_tensor(draw_normal(0, 2, 3, C))
    classes, fits = means.assign_by_alignment(logits, paddle.to_tensor([[1, 2], [2, 2]]), paddle.to_tensor([2, 2]))
    assert fits.numpy().tolist() == [True, True]
    classes, fits = means.assign_by_alignment(
        logits[:, :2], paddle.to_tensor([[1, 2], [2, 2]]), paddle.to_tensor([2, 2])
    )
    assert fits.numpy().tolist() == [True, False]
    assert classes.numpy().tolist() == [[1, 2], [0, 0]]


# --- gathering -------------------------------------------------------------------------------------------------------


class _Network(nn.Layer):
    """Dropout and a head of ours or of PaddleOCR: a network that is another one in training."""

    def __init__(self, head):
        super().__init__()
        self.dropout, self.head = nn.Dropout(0.5), head

    def forward(self, x):
        return self.head(self.dropout(x))


def _batches(sizes=(3, 3, 1)):
    x, lengths = draw_normal(1, 7, 6, 7), np.array([3, 2, 1, 3, 3, 1, 2])
    labels = np.random.RandomState(2).randint(1, C - 1, (7, 3))
    edges = np.cumsum([0, *sizes])
    return [[paddle.to_tensor(part[a:b]) for part in (x, labels, lengths)] for a, b in zip(edges, edges[1:])]


def _head():
    paddle.seed(0)
    return CenterCTCHead(7, C, mid_channels=D)


def test_means_and_spreads_match_a_loop_over_frames():
    network = _Network(_head())
    found = means.class_means(means.gather(network, _batches(), C))
    frames = {c: [] for c in range(C)}
    for x, labels, lengths in _batches((1,) * 7):
        features = network.head.fc1(x)
        for feature, c in zip(features[0].numpy(), align(network.head.fc2(features), labels, lengths)[0].numpy()):
            frames[int(c)].append(feature.astype("float64"))
    for c in (1, 2, 3):
        mean = sum(frames[c]) / len(frames[c])
        np.testing.assert_allclose(found.centers[c], mean, rtol=1e-5, atol=1e-6)
        spread = np.sqrt(np.mean([((feature - mean) ** 2).sum() for feature in frames[c]]))
        assert found.spreads[c] == pytest.approx(spread, rel=1e-4)
    assert found.counts.tolist() == [0, *(len(frames[c]) for c in (1, 2, 3)), 0]
    assert not found.centers[[0, 4]].any()


@pytest.mark.parametrize("sizes", [(7,), (4, 3), (1,) * 7])
def test_the_sizes_of_the_batches_do_not_matter(sizes):
    reference, found = (means.class_means(means.gather(_Network(_head()), _batches(s), C)) for s in ((3, 3, 1), sizes))
    np.testing.assert_allclose(found.centers, reference.centers, rtol=1e-5, atol=1e-6)
    for name in ("counts", "label_counts", "used_lines", "unused_lines"):
        assert np.array_equal(getattr(found, name), getattr(reference, name)), name
    assert found.label_counts.sum() == 15
    assert found.used_lines + found.unused_lines == 7


def test_paddleocrs_head_gives_the_same_totals(wheel):
    from ppocr.modeling.heads.rec_ctc_head import CTCHead

    ours, stock = _head(), CTCHead(7, C, mid_channels=D)
    stock.set_state_dict(ours.state_dict())
    totals = [means.gather(_Network(head), _batches(), C) for head in (ours, stock)]
    assert (totals[0].frames.numpy() == totals[1].frames.numpy()).all()


def test_gathering_leaves_no_hook_and_changes_no_weight():
    network = _Network(_head())
    before = {name: value.numpy().tobytes() for name, value in network.state_dict().items()}
    means.gather(network, _batches(), C)
    assert {name: value.numpy().tobytes() for name, value in network.state_dict().items()} == before
    assert not network.head.fc2._forward_post_hooks
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_without_a_layer_of_that_many_classes_is_an_error():
    with pytest.raises(UserError, match=r"one linear layer of 9 classes at its end, this one has 0"):
        means.gather(_Network(_head()), _batches(), 9)
