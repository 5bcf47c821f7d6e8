"""A sample of the broken configs that `scripts/fuzz.py configs` makes, and what the fuzzer counts as wrong."""

import random
import threading

import pytest
from experiments.fuzz import TimeoutReached, configs, format_table, is_wrong, time_limit


@pytest.fixture(scope="module")
def outcomes(wheel, tmp_path_factory):
    return list(configs.run(2 * len(configs.MUTATIONS), 3, tmp_path_factory.mktemp("fuzz")))


def test_every_broken_config_ends_in_a_sentence_and_runs_nothing(outcomes):
    assert [outcome for outcome in outcomes if is_wrong(outcome)] == []
    assert all(outcome.said.strip() for outcome in outcomes if outcome.verdict == "refuses")


def test_a_config_in_which_nothing_is_broken_works(outcomes):
    assert {outcome.verdict for outcome in outcomes if outcome.kind == "nothing"} == {"works"}


def test_the_same_seed_makes_the_same_configs_and_another_seed_others(tmp_path):
    base = configs._read_bases(None)[0][1]
    make = configs.MUTATIONS["a value of another type"]
    first, again, other = (make(base, random.Random(seed), tmp_path / "canary") for seed in ("1", "1", "2"))
    assert first == again != other


def test_code_that_runs_and_a_case_without_end_are_noticed(wheel, tmp_path, monkeypatch):
    canary = tmp_path / "canary"
    canary.touch()
    file = tmp_path / "a.yml"
    file.write_text("a: 1\n", encoding="utf-8")
    ran = configs._prepare("code", file, "case", None, canary)
    assert ran.verdict == "code ran"
    assert is_wrong(ran)
    with pytest.raises(TimeoutReached), time_limit(0.05):
        threading.Event().wait(20)
    assert "code ran" in format_table([ran])[0]
