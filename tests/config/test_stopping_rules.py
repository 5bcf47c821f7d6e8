"""What `Global.early_stop` may say."""

import pytest

from ppocrv2_ext.config.stopping import EarlyStop, read_early_stop
from ppocrv2_ext.errors import UserError


def test_without_a_rule_nothing_stops_early():
    assert read_early_stop({}) is None
    assert read_early_stop({"early_stop": None}) is None


def test_patience_alone_means_that_any_rise_counts():
    assert read_early_stop({"early_stop": {"patience": 3}}) == EarlyStop(3, 0.0)


@pytest.mark.parametrize("rule", [5, "5", [5], {}, {"min_delta": 0.1}, True])
def test_a_rule_without_patience_is_refused_with_an_example(rule):
    with pytest.raises(UserError, match=r"such as \{patience: 5, min_delta: 0.001\}"):
        read_early_stop({"early_stop": rule})


@pytest.mark.parametrize(
    ("key", "value"),
    [("patience", 0), ("patience", 2.5), ("patience", True), ("patience", "3"), ("min_delta", -1), ("min_delta", "x")],
)
def test_a_number_out_of_range_is_named(key, value):
    with pytest.raises(UserError, match=rf"Global\.early_stop\.{key}"):
        read_early_stop({"early_stop": {"patience": 3, key: value}})


def test_a_misspelt_key_is_answered_with_the_right_one():
    with pytest.raises(UserError, match="did you mean 'patience'"):
        read_early_stop({"early_stop": {"patience": 3, "patiense": 4}})
