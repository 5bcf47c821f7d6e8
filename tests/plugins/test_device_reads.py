"""No loss makes the host wait for the device: a whole step reads once, where a NaN is looked for."""

import numpy as np
import paddle
import pytest

from ppocrv2_ext.plugins.center_loss.head import CenterCTCHead
from ppocrv2_ext.plugins.center_loss.loss import CTCCenterLoss
from ppocrv2_ext.plugins.cml import cpu_maps, maps
from ppocrv2_ext.plugins.cml.loss import CMLLoss
from ppocrv2_ext.plugins.ctc import alignment
from ppocrv2_ext.plugins.ctc import losses as ctc_losses
from ppocrv2_ext.plugins.terms import find_broken_term, read_terms
from ppocrv2_ext.plugins.udml.loss import UDMLLoss

READS = ("numpy", "tolist", "item", "__bool__", "__float__", "__int__", "__index__")


@pytest.fixture
def reads(monkeypatch):
    """The names of the calls that bring a tensor to the host, when no tensor counts as one of the CPU."""
    parts = ((maps, "can_view"), (cpu_maps, "can_use"), (ctc_losses, "on_cpu"), (ctc_losses, "can_view"))
    for module, name in (*parts, (alignment, "can_view")):
        monkeypatch.setattr(module, name, lambda *tensors: False)
    calls = []
    for name in READS:
        original = getattr(paddle.Tensor, name)
        monkeypatch.setattr(
            paddle.Tensor,
            name,
            lambda self, *rest, _name=name, _original=original: calls.append(_name) or _original(self, *rest),
        )
    return calls


def text_lines():
    batch = [None, paddle.to_tensor([[1, 2, 2], [3, 0, 0]]), paddle.to_tensor([3, 1])]
    head = CenterCTCHead(in_channels=4, out_channels=5)
    features = paddle.to_tensor(np.random.RandomState(0).randn(2, 6, 4).astype("float32"))
    return head(features), batch


def scenes():
    rng = np.random.RandomState(1)
    predicts = {
        name: {"maps": paddle.to_tensor(rng.uniform(0.1, 0.9, (2, 3, 8, 8)).astype("float32"))}
        for name in ("Student", "Student2", "Teacher")
    }
    labels = [paddle.to_tensor((rng.rand(2, 8, 8) > 0.5).astype("float32")) for _ in range(4)]
    return predicts, [None, *labels]


def udml():
    output, batch = text_lines()
    network = {"backbone_out": output.features, "head_out": output.logits}
    other = {"backbone_out": output.features * 2, "head_out": output.logits * 2}
    return UDMLLoss(), {"Student": network, "Teacher": other}, batch


def center():
    return CTCCenterLoss(), *text_lines()


def cml():
    return CMLLoss(), *scenes()


@pytest.mark.parametrize("case", [udml, center, cml])
def test_a_loss_reads_nothing_from_the_device_and_the_check_for_nan_reads_once(case, reads):
    loss, predicts, batch = case()
    del reads[:]
    report = loss(predicts, batch)
    assert reads == []
    assert find_broken_term(read_terms(report)) is None
    assert reads == ["numpy"]
