"""A training is ended when its time is spent, and its schedule is fitted to the time."""

import math

import pytest
from toy_training import STEPS_PER_EPOCH, Watched, run, toy


@pytest.fixture
def budget(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.observers import budget

    monkeypatch.chdir(tmp_path)
    return budget


@pytest.mark.parametrize(
    ("step", "left", "each", "last", "expected"),
    [(10, 50.0, 1.0, 1000, 60), (10, 50.0, 1.0, 40, 40), (10, -1.0, 1.0, 1000, 10), (0, 0.9, 1.0, 1000, 0)],
)
def test_the_last_step_by_hand(budget, step, left, each, last, expected):
    assert budget.find_last_step(step, left, each, last) == expected


class Clock:
    """Stands in for the time: a step takes a second, an evaluation as long as it is told."""

    def __init__(self, evaluation=0.0):
        self.now, self.evaluation_seconds = 100.0, evaluation

    def __call__(self):
        return self.now

    def __getattr__(self, method):
        def tick(*values):
            if method == "step":
                self.now += 1.0
            if method == "evaluation":
                self.now += self.evaluation_seconds

        return tick


def train_for(budget, monkeypatch, seconds, evaluation=0.0, epochs=100, interval=2, before=None, **options):
    """A toy of 100 epochs, in which a step takes a second, with a budget. Returns (steps, outcome, plans, seconds)."""
    from paddle.optimizer.lr import CosineAnnealingDecay

    clock, watched, plans = Clock(evaluation), Watched(), []
    monkeypatch.setattr(budget, "monotonic", clock)
    schedule = CosineAnnealingDecay(0.1, T_max=epochs * STEPS_PER_EPOCH)
    observer = budget.Budget(seconds / 60, record=plans.append, **options)
    arguments = toy(schedule=schedule, before=before, epoch_num=epochs, eval_batch_step=[0, interval])
    run(arguments, [clock, observer, watched], monkeypatch)
    return watched.steps, watched.outcome, plans, clock.now - 100


@pytest.mark.parametrize("seconds", [60, 200])
def test_a_budget_is_spent_to_the_step_and_the_rate_ends_at_zero(budget, monkeypatch, seconds):
    steps, outcome, plans, spent = train_for(budget, monkeypatch, seconds)
    assert spent == pytest.approx(seconds, abs=2)
    assert len(steps) == pytest.approx(seconds, abs=2)
    assert outcome.name == "budget spent"
    assert steps[0].rate == 0.1
    assert steps[-1].rate < 0.1 * 0.02
    assert plans[-1].last_step == steps[-1].number


def test_the_rate_falls_without_a_jump(budget, monkeypatch):
    steps, *_ = train_for(budget, monkeypatch, 100, evaluation=3.0)
    drops = [before.rate - after.rate for before, after in zip(steps, steps[1:])]
    assert min(drops) > -1e-9
    assert max(drops) < 0.1 * math.pi / 2 / (len(steps) - 25) * 1.5


def test_evaluations_are_paid_from_the_budget(budget, monkeypatch):
    # 100 s hold 40 pairs of steps with an evaluation of half a second each.
    steps, _, _, spent = train_for(budget, monkeypatch, 100, evaluation=0.5)
    assert len(steps) == pytest.approx(80, abs=3)
    assert spent == pytest.approx(100, abs=3)


def test_a_budget_that_is_long_enough_changes_nothing(budget, monkeypatch):
    steps, outcome, _, _ = train_for(budget, monkeypatch, 10_000, epochs=10)
    expected = [0.05 * (1 + math.cos(math.pi * index / 40)) for index in range(40)]
    assert outcome.name == "finished"
    assert [step.rate for step in steps] == pytest.approx(expected, abs=1e-4)


def test_a_spent_budget_takes_no_step(budget, monkeypatch):
    steps, outcome, _, _ = train_for(budget, monkeypatch, 60, spent=61.0)
    assert steps == []
    assert outcome.name == "budget spent"


@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.5])
def test_a_budget_of_a_few_steps_holds_too(budget, monkeypatch, seconds):
    steps, outcome, _, _ = train_for(budget, monkeypatch, seconds)
    assert len(steps) == math.ceil(seconds)
    assert outcome.name == "budget spent"
    assert outcome.sentence.startswith(
        f"The time of Global.max_minutes={seconds / 60:g} is spent after step {len(steps)};"
    )


def test_no_step_is_taken_after_an_evaluation_that_took_the_time(budget, monkeypatch):
    steps, outcome, _, _ = train_for(budget, monkeypatch, 10, evaluation=9.0)
    assert [step.number for step in steps] == [1, 2]
    assert outcome.name == "budget spent"


@pytest.mark.parametrize(
    ("seconds", "evaluation", "epochs", "said"), [(10, 9.0, 100, 1), (100, 0.0, 100, 0), (0.5, 0.0, 100, 1)]
)
def test_a_training_says_at_its_end_that_it_took_longer_than_its_budget(
    budget, monkeypatch, caplog, seconds, evaluation, epochs, said
):
    train_for(budget, monkeypatch, seconds, evaluation, epochs)
    assert len([text for text in caplog.messages if "minutes, and Global.max_minutes is" in text]) == said


def test_a_training_whose_last_evaluation_takes_the_time_is_finished(budget, monkeypatch):
    steps, outcome, _, _ = train_for(budget, monkeypatch, 10, evaluation=9.0, epochs=1, interval=4)
    assert (len(steps), outcome.name) == (4, "finished")


@pytest.mark.parametrize(("interval", "steps"), [(30, 10), (50, 0)])
def test_a_budget_that_ends_long_after_the_last_evaluation_is_told_so(budget, monkeypatch, caplog, interval, steps):
    with caplog.at_level("WARNING", logger="toy"):
        train_for(budget, monkeypatch, 100, interval=interval)
    warnings = [text for text in caplog.messages if "are not evaluated" in text]
    assert len(warnings) == (steps > 0)
    assert all(text.startswith(f"the last {steps} of 100 steps") for text in warnings)


def test_the_end_says_how_to_go_on(budget, monkeypatch):
    _, outcome, _, _ = train_for(budget, monkeypatch, 60, spent=61.0)
    assert outcome.sentence == (
        "The time of Global.max_minutes=1 is spent after step 0; with a larger number --resume goes on."
    )


@pytest.mark.parametrize(("interval", "is_evaluated", "said"), [(101, False, 1), (100, False, 0), (101, True, 0)])
def test_a_budget_that_ends_before_the_first_evaluation_is_named(
    budget, monkeypatch, caplog, interval, is_evaluated, said
):
    with caplog.at_level("WARNING", logger="toy"):
        train_for(budget, monkeypatch, 100, interval=interval, is_evaluated=is_evaluated)
    warnings = [record.message for record in caplog.records if "no best_accuracy" in record.message]
    assert warnings == said * [
        "there will be no evaluation and no best_accuracy of this training: the training ends at step 100, and"
        " Global.eval_batch_step asks for the next evaluation at step 101; set"
        " Global.eval_batch_step=[0,4] for one after every epoch."
    ]


def test_a_resumed_training_goes_on_where_it_was_in_the_schedule(budget, monkeypatch):
    steps, _, _, spent = train_for(budget, monkeypatch, 100, spent=40.0, point=budget.SchedulePoint(0.4, 100 / 60))
    assert steps[1].rate == pytest.approx(cosine(0.4), rel=0.01)
    assert spent == pytest.approx(60, abs=2)
    assert steps[-1].rate < 0.1 * 0.02


def cosine(position):
    return 0.05 * (1 + math.cos(math.pi * position))


@pytest.mark.parametrize(("position", "spent"), [(1.0, 50.0), (0.8, 40.0)])
def test_a_larger_budget_takes_the_schedule_back_to_the_share_that_is_used(
    budget, monkeypatch, caplog, position, spent
):
    point = budget.SchedulePoint(position, 50 / 60)
    with caplog.at_level("INFO", logger="toy"):
        steps, outcome, plans, _ = train_for(budget, monkeypatch, 100, spent=spent, point=point)
    assert len(steps) == pytest.approx(100 - spent, abs=2)
    assert steps[0].rate == pytest.approx(cosine(position / 2), rel=0.02)
    assert steps[-1].rate < 0.1 * 0.02
    assert outcome.name == "budget spent"
    assert {plan.minutes for plan in plans} == {100 / 60}
    assert caplog.messages[0] == (
        "Global.max_minutes was 0.833333 and is 1.66667, so the schedule of the learning rate goes back from"
        f" {position:.0%} of its way to {position / 2:.0%}."
    )


def test_a_larger_budget_changes_nothing_where_the_epochs_are_the_limit(budget, monkeypatch, caplog):
    before, point = {"start_epoch": 61, "global_step": 240}, budget.SchedulePoint(0.6, 20.0)
    with caplog.at_level("INFO", logger="toy"):
        steps, outcome, _, _ = train_for(budget, monkeypatch, 5000, before=before, spent=240.0, point=point)
    expected = [cosine(0.6 + index / 400) for index in range(160)]
    assert [step.rate for step in steps] == pytest.approx(expected, abs=1e-4)
    assert outcome.name == "finished"
    assert "goes back" not in caplog.text


def test_a_budget_that_is_not_larger_leaves_the_schedule_where_it_is(budget, monkeypatch):
    steps, *_ = train_for(budget, monkeypatch, 100, spent=60.0, point=budget.SchedulePoint(0.4, 1000.0))
    assert steps[0].rate == pytest.approx(cosine(0.4), rel=0.01)
    assert steps[-1].rate < 0.1 * 0.02


def test_no_step_is_taken_at_the_end_of_a_schedule_for_the_seconds_that_are_left(budget, monkeypatch):
    steps, outcome, _, _ = train_for(budget, monkeypatch, 100, spent=95.0, point=budget.SchedulePoint(1.0, 100 / 60))
    assert steps == []
    assert outcome.name == "budget spent"
    assert outcome.sentence.endswith("with a larger number --resume goes on.")


def test_a_training_whose_time_was_spent_goes_on_when_it_gets_more(budget, monkeypatch):
    from paddle.optimizer.lr import CosineAnnealingDecay

    from ppocrv2_ext.host.observers import choosing, recording

    def train(minutes, before=None):
        clock, watched = Clock(), Watched()
        for module in (budget, recording):
            monkeypatch.setattr(module, "monotonic", clock)
        about = recording.Description("a toy", "ppocrv2 train -c toy", {})
        schedule = CosineAnnealingDecay(0.1, T_max=4000)
        arguments = toy(schedule=schedule, before=before, epoch_num=1000, max_minutes=minutes)
        run(arguments, lambda training: [clock, *choosing.choose_observers(about, training), watched], monkeypatch)
        return watched

    first = train(1)
    assert first.outcome.step == pytest.approx(60, abs=1)
    epochs = first.outcome.step // STEPS_PER_EPOCH
    place = {"start_epoch": epochs + 1, "global_step": epochs * STEPS_PER_EPOCH}
    assert train(1, place).steps[2:] == []
    second = train(3, place)
    assert second.outcome.step == pytest.approx(180, abs=6)
    assert second.steps[0].rate == pytest.approx(cosine(1 / 3), rel=0.05)
    assert second.steps[-1].rate < 0.1 * 0.02


def test_a_training_without_a_budget_goes_on_with_one_at_its_share_of_the_epochs(budget, monkeypatch, caplog):
    before = {"start_epoch": 41, "global_step": 4000}  # 40 of 100 epochs, which had 100 steps each
    with caplog.at_level("INFO", logger="toy"):
        steps, *_ = train_for(budget, monkeypatch, 100, before=before)
    assert steps[0].number == 4001
    assert steps[0].rate == pytest.approx(cosine(0.4), rel=0.01)
    assert steps[-1].rate < 0.1 * 0.02
    assert "training ends after 4100 steps, which are 65 epochs" in caplog.text  # 100 steps of epochs with 4


def test_the_fit_is_said_once(budget, monkeypatch, caplog):
    with caplog.at_level("INFO", logger="toy"):
        train_for(budget, monkeypatch, 100)
    said = [record.message for record in caplog.records if "Global.max_minutes" in record.message]
    assert said == [
        "Global.max_minutes=1.66667: a step takes 1 s with all that goes with it, so training ends after 100 steps,"
        " which are 25 epochs; the schedule of the learning rate is fitted to them."
    ]
