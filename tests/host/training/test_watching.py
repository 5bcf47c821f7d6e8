"""What the observers of PaddleOCR's loop are told, and how they end it."""

import signal

import pytest
from toy_training import BATCH, EPOCHS, STEPS_PER_EPOCH, run, save_place, toy

from ppocrv2_ext.checkpoints.records import Position
from ppocrv2_ext.interrupts import Interrupted


@pytest.fixture
def watching(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.training import watching

    monkeypatch.chdir(tmp_path)
    return watching


class Diary:
    """Keeps what an observer is told. ``act`` may do something at each event."""

    def __init__(self, act=lambda method, values, watch: None):
        self.events, self.act, self.watch = [], act, None

    def __getattr__(self, method):
        def note(*values):
            self.events.append((method, values))
            if method == "begin":
                self.watch = values[1]
            self.act(method, values, self.watch)

        return note

    def values(self, method):
        return [values[0] for name, values in self.events if name == method]


def end_at(step):
    def act(method, values, watch):
        if method == "step" and values[0].number == step:
            watch.stop("stopped early", "enough")

    return act


def test_every_step_is_told_with_its_terms_and_its_rate(watching, monkeypatch):
    diary = Diary()
    run(toy(), [diary], monkeypatch)
    steps = diary.values("step")
    assert [step.number for step in steps] == list(range(1, EPOCHS * STEPS_PER_EPOCH + 1))
    assert [step.epoch for step in steps] == [1 + index // STEPS_PER_EPOCH for index in range(len(steps))]
    assert {(step.rate, step.samples, *step.terms) for step in steps} == {(0.1, BATCH, "loss", "term")}
    assert steps[-1].terms["loss"] < steps[0].terms["loss"]
    assert all(step.waited >= 0 and step.seconds > 0 for step in steps)


def test_a_metric_is_best_where_paddleocr_saves_a_best_checkpoint(watching, monkeypatch):
    diary = Diary()
    saved = run(toy([0.1, 0.3, 0.2, 0.3, 0.1]), [diary], monkeypatch)
    evaluations = diary.values("evaluation")
    assert [each.step for each in evaluations if each.best] == [
        step for prefix, step in saved if prefix == "best_accuracy"
    ]
    assert [each.best for each in evaluations] == [True, True, False, True] + 6 * [False]


def test_the_best_of_an_earlier_run_counts(watching, monkeypatch):
    diary = Diary()
    run(toy([0.3, 0.6], before={"acc": 0.5, "start_epoch": 5}), [diary], monkeypatch)
    assert [each.best for each in diary.values("evaluation")] == [False, True]
    assert [step.number for step in diary.values("step")] == [17, 18, 19, 20]


def test_the_results_of_an_evaluation_are_told_and_those_of_training_are_not(watching, monkeypatch):
    diary = Diary()
    run(toy(cal_metric_during_train=True), [diary], monkeypatch)
    assert len(diary.values("results")) == len(diary.values("evaluation")) == 10


def test_an_epoch_adds_up_its_steps(watching, monkeypatch):
    diary = Diary()
    run(toy(), [diary], monkeypatch)
    epochs, steps = diary.values("epoch"), diary.values("step")
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5]
    assert epochs[0].waited == pytest.approx(sum(step.waited for step in steps[:4]))
    assert epochs[0].seconds == pytest.approx(sum(step.waited + step.seconds for step in steps[:4]))


@pytest.mark.parametrize("step", [3, 4, 20])
def test_an_end_takes_no_further_step_and_leaves_a_checkpoint_of_the_last_one(watching, monkeypatch, step):
    diary = Diary(end_at(step))
    saved = run(toy(), [diary], monkeypatch)
    assert diary.values("step")[-1].number == step
    assert saved[-1] == ("latest", step)
    assert [prefix for prefix, _ in saved].count("latest") == -(-step // STEPS_PER_EPOCH)
    assert diary.values("end") == [watching.Outcome(step, "stopped early", "enough")]


def test_a_training_without_an_end_is_finished(watching, monkeypatch):
    diary = Diary()
    run(toy(), [diary], monkeypatch)
    assert diary.values("end")[0].name == "finished"


@pytest.mark.parametrize("old", [Position(3, 5, 21, 8), Position(3, 1, 5, 2), Position(2, 2, 4, 2)])
def test_a_training_that_goes_on_with_epochs_of_another_length_counts_its_steps_right(
    watching, monkeypatch, tmp_path, old
):
    from ppocrv2_ext.host.training.resume import make_resumable

    diary = Diary()
    before = {"start_epoch": old.finished_epochs + 1, "global_step": old.global_step}  # as it is loaded
    arguments = toy(before=before, checkpoints=save_place(tmp_path / "out", old))
    saved = run(arguments, [diary], monkeypatch, around=[make_resumable])
    first = 2 * old.steps_per_epoch  # two epochs were finished
    assert [step.number for step in diary.values("step")] == list(range(first + 1, first + 3 * STEPS_PER_EPOCH + 1))
    (end,) = diary.values("end")
    assert (end.step, end.name) == (first + 3 * STEPS_PER_EPOCH, "finished")
    assert saved[-1] == ("latest", end.step)
    training = diary.values("begin")[0]
    assert [training.count_epochs(step) for step in (first, first + 2, end.step)] == [2, 2.5, EPOCHS]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (FloatingPointError("nan"), "failed"),
        (KeyboardInterrupt(), "interrupted"),
        (Interrupted(signal.SIGINT), "interrupted"),
    ],
)
def test_an_error_is_told_and_goes_on(watching, monkeypatch, error, name):
    def act(method, values, watch):
        if method == "step" and values[0].number == 3:
            raise error

    diary = Diary(act)
    with pytest.raises(type(error)):
        run(toy(), [diary], monkeypatch)
    assert [(end.step, end.name) for end in diary.values("end")] == [(3, name)]


def test_the_loop_is_as_it_was_afterwards(watching, monkeypatch):
    from tools import program

    before = (program.eval, program.TrainingStats, program.build_dataloader)
    run(toy(), [Diary()], monkeypatch)
    assert (program.eval, program.TrainingStats, program.build_dataloader) == before


def test_observing_changes_no_weight(watching, monkeypatch):
    import paddle

    weights = []
    for observers in ([], [Diary()]):
        paddle.seed(7)
        arguments = toy()
        run(arguments, observers, monkeypatch)
        weights.append(arguments["model"].weight.numpy())
    assert (weights[0] == weights[1]).all()
