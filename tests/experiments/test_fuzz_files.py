"""Samples of the suites that `scripts/fuzz.py files kills` runs whole."""

import pytest
from experiments.fuzz import files, is_wrong, kills


def test_a_sample_of_hostile_files_is_refused_by_every_command(tmp_path, monkeypatch, wheel):
    every_case = list(files.list_cases(tmp_path, "true"))
    assert len(every_case) >= 80
    sample = every_case[::9]
    assert {road for road, _, _ in every_case} > {"weights --from", "average", "--resume"}
    monkeypatch.setattr(files, "list_cases", lambda folder, touch: iter(sample))
    (tmp_path / "case").mkdir()
    outcomes = list(files.run(files.COUNT, 7, tmp_path))
    assert [outcome for outcome in outcomes if outcome.verdict != "refuses"] == []


@pytest.mark.slow
def test_trainings_that_are_killed_go_on_from_what_they_had_saved(tmp_path):
    outcomes = list(kills.run(4, 8, tmp_path))
    assert len(outcomes) == 4
    assert not list(filter(is_wrong, outcomes))
