"""A training that gets no better is ended."""

import json

import pytest
from toy_training import EPOCHS, STEPS_PER_EPOCH, Watched, run, toy

UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"


@pytest.fixture
def early_stopping(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.observers import early_stopping

    monkeypatch.chdir(tmp_path)
    return early_stopping


@pytest.mark.parametrize(
    ("values", "min_delta", "count"),
    [
        ([], 0, 0),
        ([0.0], 0, 0),
        ([0.5, 0.5, 0.4], 0, 2),
        ([0.5, 0.4, 0.6], 0, 0),
        ([0.50, 0.505, 0.509], 0.01, 2),
        ([0.50, 0.505, 0.511], 0.01, 0),
        ([0.9, 0.1, 0.2, 0.3], 0, 3),
    ],
)
def test_evaluations_without_a_rise_are_counted_from_the_best(early_stopping, values, min_delta, count):
    assert early_stopping.count_without_rise(values, min_delta) == count


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_training_stops_after_as_many_evaluations_without_a_rise(early_stopping, monkeypatch, patience):
    watched = Watched()
    early = early_stopping.EarlyStopping(early_stopping.EarlyStop(patience))
    saved = run(toy([0.2, 0.4, 0.4]), [early, watched], monkeypatch)
    step = 2 * (2 + patience)
    assert watched.steps[-1].number == step
    assert saved[-1] == ("latest", step)
    assert watched.outcome.name == "stopped early"
    assert f"in {patience} evaluations, the best was 0.4" in watched.outcome.sentence


def test_a_training_that_gets_better_is_not_stopped(early_stopping, monkeypatch):
    watched = Watched()
    run(
        toy([index / 10 for index in range(10)]),
        [early_stopping.EarlyStopping(early_stopping.EarlyStop(1)), watched],
        monkeypatch,
    )
    assert (len(watched.steps), watched.outcome.name) == (EPOCHS * STEPS_PER_EPOCH, "finished")


def test_evaluations_of_earlier_runs_count(early_stopping, monkeypatch):
    watched = Watched()
    early = early_stopping.EarlyStopping(early_stopping.EarlyStop(3), before=[0.5, 0.4, 0.4])
    run(toy([0.4], before={"start_epoch": 3}), [early, watched], monkeypatch)
    assert watched.steps[-1].number == 10


def test_a_training_that_stops_early_says_so_keeps_its_checkpoint_and_exits_with_0(
    ppocrv2_here, words, tmp_path, either_host
):
    early = ["Global.epoch_num=50", "Global.eval_batch_step=[0,1]", "Global.early_stop={patience: 2}"]
    run = ppocrv2_here(
        "train", "-c", UDML_CENTER, "-o", *words, *early, "Optimizer.lr.values=[0,0]", paddleocr=either_host
    )
    assert run.returncode == 0, run.stdout + run.stderr
    out = tmp_path / "out"
    lines = [json.loads(line) for line in (out / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["outcome"] == "stopped early"
    assert f"{lines[-1]['sentence']} The last checkpoint is out/latest." in run.stdout
    assert lines[-1]["step"] == 3
    assert (out / "latest.pdparams").is_file()
    assert "stopped early" in (out / "report.html").read_text(encoding="utf-8")
