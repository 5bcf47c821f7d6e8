"""A loss or a weight that is not finite ends training with one message, and no checkpoint is overwritten."""

import hashlib

import numpy as np
import paddle
import pytest
from click.testing import CliRunner
from drawn_words import WORDS

from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import train

UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"


@pytest.fixture
def nan_guard(wheel):
    from ppocrv2_ext.host.training import nan_guard

    return nan_guard


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("workers", [2, pytest.param(0, marks=pytest.mark.slow)])
def test_training_stops_at_a_nan_loss_names_term_and_files_and_keeps_the_checkpoint(
    ppocrv2_here, words, tmp_path, workers, either_host
):
    explode = ["Optimizer.lr.decay_epochs=[1]", "Optimizer.lr.values=[0.0001,1.0e+12]"]
    run = ppocrv2_here(
        "train", "-c", UDML_CENTER, "-o", *words, *explode, f"Train.loader.num_workers={workers}", paddleocr=either_host
    )  # fmt: skip
    assert run.returncode == 2, run.stdout + run.stderr
    said = run.stderr.splitlines()[-1]
    assert said.startswith("ppocrv2: training stopped: the loss term 'ctc_Student' is nan, in a batch of 4 images: ")
    assert sum(f"{word}.png" in said for word in WORDS) == 4
    assert said.endswith("another Global.save_model_dir and a lower learning rate.")
    out = tmp_path / "out"
    assert digest(out / "latest.pdparams") == digest(out / "iter_epoch_1.pdparams")
    assert all(np.isfinite(value.numpy()).all() for value in paddle.load(str(out / "latest.pdparams")).values())


def test_the_message_says_if_there_is_no_checkpoint_yet(wheel, words, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise FloatingPointError("the loss term 'ctc' is nan")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "run_host_script", stop)
    run = CliRunner().invoke(main, ["train", "-c", UDML_CENTER, "-o", *words])
    assert run.exit_code == 2
    assert "training stopped: the loss term 'ctc' is nan; no checkpoint of this training was in out yet" in run.output


def test_the_best_checkpoint_is_named_if_it_was_saved_within_the_first_epoch(ppocrv2_here, words, tmp_path):
    explode = ["Optimizer.lr.decay_epochs=[1]", "Optimizer.lr.values=[1.0e+12,0]", "Global.eval_batch_step=[0,1]"]
    run = ppocrv2_here("train", "-c", UDML_CENTER, "-o", *words, *explode)
    assert run.returncode == 2, run.stdout + run.stderr
    assert [file.stem for file in (tmp_path / "out").glob("*.pdparams")] == ["best_accuracy"]
    said = run.stderr.splitlines()[-1]
    assert "; out/best_accuracy, the last checkpoint, is as it was: start from it with -o Global.pretrained" in said


def test_a_nan_in_a_loss_of_paddleocrs_is_reported_too(nan_guard):
    from ppocr.losses import build_loss

    from ppocrv2_ext.host.samples.loader import Batch

    loss = build_loss({"name": "CTCLoss"})
    logits = paddle.full([10, 6, 5], float("nan"))
    labels = [paddle.ones([10, 2], dtype="int32"), paddle.full([10], 2, dtype="int64")]
    batch = Batch([None, *labels], [f"{number}.png" for number in range(10)])
    with pytest.raises(FloatingPointError, match=r"^the loss term 'loss' is nan, in a batch of 10 images: 0.* 2 more$"):
        loss(logits, batch)
    with pytest.raises(FloatingPointError, match="^the loss term 'loss' is nan$"):
        loss(logits, list(batch))


def test_a_nan_loss_is_reported_by_the_name_of_its_term(nan_guard):
    def build(config):
        layer = paddle.nn.Layer()
        layer.forward = lambda predicts, batch: {"loss": predicts.sum(), "fine": predicts[0], "spoilt": predicts[1]}
        return layer

    loss = nan_guard.check_loss(build)({})
    assert float(loss(paddle.to_tensor([1.0, 2.0]), None)["loss"]) == 3
    with pytest.raises(FloatingPointError, match="'spoilt' is inf"):
        loss(paddle.to_tensor([1.0, float("inf")]), None)


def test_what_paddleocr_logs_of_a_loss_waits_for_no_device_and_its_gradient_is_kept(nan_guard):
    def build(config):
        layer = paddle.nn.Layer()
        layer.forward = lambda predicts, batch: {"loss": predicts.sum(), "each": predicts * 2, "half": predicts[0] / 2}
        return layer

    predicts = paddle.to_tensor([1.0, 2.0], stop_gradient=False)
    report = nan_guard.check_loss(build)({})(predicts, None)
    assert {name: float(value) for name, value in report.items()} == {"loss": 3, "each": 3, "half": 0.5}  # `each`: mean
    for name in ("each", "half"):
        assert report[name].place.is_cpu_place()
        assert report[name].shape == []
        assert report[name].stop_gradient
    report["loss"].backward()
    assert predicts.grad.tolist() == [1, 1]


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_that_are_not_finite_overwrite_no_checkpoint(nan_guard, value):
    saved = []
    save = nan_guard.check_checkpoint(lambda model, *rest, prefix: saved.append(prefix))
    model = paddle.nn.Linear(2, 2)
    save(model, None, prefix="latest")
    model.bias.set_value(np.array([0, value], np.float32))
    with pytest.raises(FloatingPointError, match="weight 'bias' is not finite"):
        save(model, None, prefix="best_accuracy")
    assert saved == ["latest"]


def test_paddleocrs_trainer_saves_through_the_check(nan_guard):
    from ppocr.utils import save_load

    assert save_load.save_model.__wrapped__.__module__ == "ppocr.utils.save_load"


RANK = """
import os

import paddle

from ppocrv2_ext.cli import main


class Kept(paddle.DataParallel):
    def __init__(self, model, **options):
        super().__init__(model, **options)
        global kept
        kept = model


paddle.DataParallel = Kept
main(standalone_mode=False)
paddle.save(kept.state_dict(), f"rank{os.environ['PADDLE_TRAINER_ID']}.pdparams")
"""


@pytest.mark.slow
def test_two_processes_train_the_centers_of_one_process_with_the_joined_batch(ppocrv2, two_processes, words, tmp_path):
    # With its usual epsilon, Adam turns a difference of rounding in a gradient near zero into a whole step.
    steady = ["Global.distributed=true", "Optimizer.epsilon=1.0", "Optimizer.lr.values=[0.1,0.1]"]
    one = ["Train.loader.batch_size_per_card=8", "Global.save_model_dir=joined"]
    alone = ppocrv2("train", "-c", UDML_CENTER, "-o", *words, *steady, *one)
    assert alone.returncode == 0, alone.stdout + alone.stderr
    (tmp_path / "rank.py").write_text(RANK, encoding="utf-8")
    two_processes("rank.py", "train", "-c", UDML_CENTER, "-o", *words, *steady)
    ranks = [paddle.load(str(tmp_path / f"rank{rank}.pdparams")) for rank in (0, 1)]
    joined = paddle.load(str(tmp_path / "joined" / "latest.pdparams"))
    before = paddle.load(str(tmp_path / "joined" / "iter_epoch_1.pdparams"))
    assert max(float((joined[name] - before[name]).abs().max()) for name in joined if "weight" in name) > 1e-3
    centers = [name for name in joined if "center" in name]
    assert len(centers) == 4
    assert all(int(joined[name].sum()) > 0 for name in centers if "counts" in name)
    for name in joined:
        assert (ranks[0][name].numpy() == ranks[1][name].numpy()).all(), name
        np.testing.assert_allclose(ranks[0][name].numpy(), joined[name].numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
