"""The place of a training in its schedule."""

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
