"""The place of a training in its schedule."""

import pytest

from ppocrv2_ext.checkpoints.sets import Position


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
