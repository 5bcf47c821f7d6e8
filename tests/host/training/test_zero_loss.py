"""A loss of 0 that is no success is named: in the first step, and wherever texts need too many frames."""

from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from ppocrv2_ext.data.line_frames import Frames
from ppocrv2_ext.host.samples.loader import Batch
from ppocrv2_ext.host.training import first_step, zero_loss
from ppocrv2_ext.host.training.loop import surround
from ppocrv2_ext.plugins.ctc.losses import FeasibleCTCLoss, FocalCTCLoss

FRAMES = 6
SHORT, REPEATED, LONG = [1, 2, 3], [1, 1, 1, 1], [1, 2, 3, 1, 2, 3, 1]  # they need 3, 7 and 7 frames
NEEDED = {3: 3, 4: 7, 7: 7}
CONFIG = {"Train": {"dataset": {"name": "SimpleDataSet", "transforms": [{"CTCLabelEncode": None}]}}}


def batch(*texts):
    labels = np.zeros((len(texts), 8), np.int64)
    for row, text in zip(labels, texts):
        row[: len(text)] = text
    lengths = [len(text) for text in texts]
    tensors = [paddle.zeros([len(texts), 3, 32, 48]), paddle.to_tensor(labels), paddle.to_tensor(lengths)]
    return Batch(tensors, ["a.png"] * len(texts), [NEEDED[length] for length in lengths])


def logits(lines):
    return paddle.to_tensor(np.random.default_rng(3).normal(size=(lines, FRAMES, 4)).astype("float32"))


@pytest.fixture
def said():
    return []


@pytest.fixture
def watch(said, monkeypatch):
    """A watch of trainings with lines of 48 pixels, of which the network makes 6 frames."""
    frames = Frames("Wide", "RecResizeImg.image_shape", 48, FRAMES, FRAMES, 8.0)
    monkeypatch.setattr(zero_loss, "measure_frames", lambda config, modes: ({"Train": frames}, []))
    return zero_loss.ZeroLossWatch(CONFIG, said.append)


def stock_ctc(wheel):
    from ppocr.losses import build_loss

    return build_loss({"name": "CTCLoss"})


@pytest.mark.parametrize("make", [lambda wheel: FeasibleCTCLoss(), lambda wheel: FocalCTCLoss(), stock_ctc])
def test_a_batch_of_texts_that_are_all_too_long_is_named_with_the_width_to_set(watch, said, make, wheel):
    loss = make(wheel)
    watch.watch(loss)
    terms = loss(logits(2), batch(REPEATED, LONG))
    assert float(terms["loss"]) == 0
    assert said == [
        "2 of the 2 texts in a batch need more than the 6 frames that the network makes of 48 pixels, up to"
        " 7: CTC gives them a loss of 0 and learns nothing from them; set the width in RecResizeImg.image_shape to 64."
    ]


def test_one_such_text_is_named_at_the_step_that_has_it_and_counted_at_the_end(watch, said):
    loss = FeasibleCTCLoss()
    watch.watch(loss)
    for texts in ([SHORT, SHORT], [SHORT, LONG], [LONG, LONG]):
        loss(logits(2), batch(*texts))
    assert len(said) == 1
    assert said[0].startswith("1 of the 2 texts in a batch need more than the 6 frames")
    watch.end()
    assert said[1].startswith("CTC learned nothing from 3 of the 6 texts that this process read")


def test_nothing_is_said_of_texts_that_fit(watch, said):
    loss = FeasibleCTCLoss()
    watch.watch(loss)
    loss(logits(2), batch(SHORT, SHORT))
    watch.end()
    assert said == []


def test_where_the_width_is_not_the_reason_no_width_is_named(watch, said, monkeypatch):
    monkeypatch.setattr(zero_loss, "measure_frames", lambda config, modes: ({}, ["not known"]))
    loss = FeasibleCTCLoss()
    watch.watch(loss)
    loss(logits(1), batch(LONG))
    assert said[0].endswith("make the lines wider, or leave such texts out.")


@pytest.mark.parametrize("term", ["loss", "CTCLoss", "ctc", "ctc_Student", "loss_ctc_0", "focal_ctc"])
def test_a_first_loss_of_0_for_another_reason_is_named(watch, said, term):
    class Zero(paddle.nn.Layer):
        def forward(self, predicts, batch):
            alike = dict.fromkeys(("dml_ctc_0", "ctc_logits_0", "CTCCenterLoss", "infeasible"), paddle.zeros([]))
            return {"loss": paddle.ones([]), **alike, term: paddle.zeros([])}

    loss = Zero()
    watch.watch(loss)
    for _ in range(2):
        loss(logits(1), batch(SHORT))
    (sentence,) = said
    assert sentence.startswith(f"{term} is exactly 0 in the first step")


def test_a_training_of_paddleocrs_is_watched_from_its_first_step_to_its_end(watch, said):
    class Network(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.head = paddle.nn.Linear(4, 4)

    def train(config, model, loss_class, optimizer, logger):
        for texts in ([SHORT, LONG], [LONG, LONG]):
            loss_class(logits(2), batch(*texts))

    config = {**CONFIG, "Global": {}, "Architecture": {"model_type": "det"}, "Eval": CONFIG["Train"]}
    model, logger = Network(), SimpleNamespace(warning=said.append)
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    surround(train, [first_step.check_first_step])(config, model, FeasibleCTCLoss(), optimizer, logger)
    assert [sentence.partition(" need")[0] for sentence in said] == [
        "1 of the 2 texts in a batch",
        "CTC learned nothing from 3 of the 4 texts that this process read: they",
    ]


def test_only_the_first_step_reads_the_device(watch, monkeypatch):
    loss = FeasibleCTCLoss()
    loss.forward = lambda predicts, batch: {"loss": paddle.ones([]), "ctc": paddle.ones([])}
    watch.watch(loss)
    batches, predicts, reads = [batch(SHORT), batch(LONG), batch(SHORT)], logits(1), []
    for name in ("__float__", "__bool__", "__int__", "numpy", "item", "tolist"):
        monkeypatch.setattr(paddle.Tensor, name, lambda tensor: reads.append(tensor) or 1.0)
    counts = []
    for each in batches:
        loss(predicts, each)
        counts.append(len(reads))
    assert counts == [2, 2, 2]  # its two terms
