"""The schedule of a config: the place of a training in it, and how it is fitted to another number of steps."""

import math
import pickle

import paddle
import pytest

from ppocrv2_ext.checkpoints.records import Position

COSINE, WARM = ({"name": "Cosine", "learning_rate": 0.1, "warmup_epoch": epochs} for epochs in (0, 2))


@pytest.mark.parametrize(("system", "steps"), [("Linux", 23), ("Windows", 21)])
def test_the_steps_of_a_schedule_are_counted_as_paddleocrs_loop_takes_them(wheel, monkeypatch, system, steps):
    from ppocrv2_ext.host.training import schedule

    monkeypatch.setattr(schedule.platform, "system", lambda: system)  # on Windows an epoch leaves its last batch out
    assert schedule.count_schedule_steps(Position(3, 3, 99, 10)) == steps


@pytest.mark.parametrize("lr", [{"name": "Cosine", "learning_rate": 0.1, "warmup_epoch": 2}, {"learning_rate": 0.1}])
def test_a_schedule_that_is_at_its_place_stays_as_it_is(wheel, lr):
    from ppocrv2_ext.host.training.schedule import build_schedule, move_schedule

    optimizer = {"name": "Adam", "lr": lr}
    schedule = build_schedule(optimizer, 10, 7)
    if lr.get("warmup_epoch"):
        for _ in range(24):
            schedule.step()
        before = schedule.state_dict()
        move_schedule(schedule, optimizer, 10, Position(4, 3, 24, 7))
        assert schedule.state_dict() == before
    else:
        move_schedule(schedule, optimizer, 10, Position(4, 3, 24, 7))
        assert schedule == 0.1


@pytest.fixture
def restore(wheel, tmp_path):
    """Save a training with one schedule and load it with another: ``restore(saved, now)`` is the new schedule."""
    from ppocr.optimizer import build_optimizer

    from ppocrv2_ext.host.training.schedule import leave_other_schedule

    file = tmp_path / "latest.pdopt"

    def load_model(config, model, optimizer=None):
        with file.open("rb") as stream:
            optimizer.set_state_dict(pickle.load(stream))

    def restore(saved, now):
        model = paddle.nn.Linear(1, 1)
        optimizer, schedule = build_optimizer({"name": "Adam", "lr": saved}, 10, 7, model)
        for _ in range(3):
            model(paddle.ones([1, 1])).sum().backward()
            optimizer.step()
            if not isinstance(schedule, float):
                schedule.step()
        state = {
            name: value.numpy() if name != "LR_Scheduler" else value for name, value in optimizer.state_dict().items()
        }
        file.write_bytes(pickle.dumps(state, protocol=2))
        new, schedule = build_optimizer({"name": "Adam", "lr": now}, 10, 7, model)
        config = {"Global": {"checkpoints": str(tmp_path / "latest")}}
        leave_other_schedule(load_model)(config, model, new)
        assert new._learning_rate is schedule
        assert set(new._accumulators_holder) == set(state) - {"LR_Scheduler"}  # the moments are there
        return schedule

    return restore


@pytest.mark.parametrize(("saved", "now"), [(COSINE, WARM), (WARM, COSINE), ({"learning_rate": 0.1}, WARM)])
def test_a_schedule_of_another_form_is_left_where_it_was(restore, saved, now):
    assert restore(saved, now).last_epoch == 0


@pytest.mark.parametrize("lr", [COSINE, WARM])
def test_a_schedule_of_the_same_form_is_restored(restore, lr):
    assert restore(lr, lr).last_epoch == 3


@pytest.fixture
def schedule(wheel):
    from ppocrv2_ext.host.training import schedule

    return schedule


def test_a_fitted_schedule_has_the_shape_of_the_one_of_the_config(schedule):
    rates = [math.cos(math.pi * index / 2000) for index in range(1000)]
    fitted = schedule.FittedSchedule(rates, 0, 0.0, 50)
    assert fitted.rate(0) == rates[0]
    assert fitted.rate(25) == rates[500]
    assert fitted.rate(50) == fitted.rate(80) == rates[-1]


def test_another_fit_never_makes_the_rate_jump(schedule):
    fitted = schedule.FittedSchedule([1 - index / 10000 for index in range(10000)], 0, 0.0, 1000)
    for step, last_step in ((100, 300), (200, 5000), (400, 420)):
        before = fitted.rate(step)
        fitted.fit(step, last_step)
        assert fitted.rate(step) == pytest.approx(before, abs=2e-4)
    assert fitted.position(420) == 1


@pytest.mark.parametrize("epochs", [1, 7, 1200, 20000])
def test_the_table_of_a_schedule_goes_from_its_beginning_to_its_end(schedule, epochs):
    cosine = {"name": "Adam", "lr": {"name": "Cosine", "learning_rate": 0.1}}
    rates = schedule.tabulate_schedule(cosine, epochs)
    assert rates[0] == 0.1
    assert rates[-1] < 1e-6
    assert rates[len(rates) // 2] == pytest.approx(0.05, rel=1e-3)


def test_the_table_keeps_the_share_of_the_warm_up(schedule):
    warm = {"name": "Adam", "lr": {"name": "Cosine", "learning_rate": 0.1, "warmup_epoch": 10}}
    rates = schedule.tabulate_schedule(warm, 100)
    assert rates.index(max(rates)) / len(rates) == pytest.approx(0.1, abs=1e-3)


def test_a_constant_rate_has_no_table(schedule):
    assert schedule.tabulate_schedule({"name": "Adam", "lr": {"learning_rate": 0.1}}, 10) is None
