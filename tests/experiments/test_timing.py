"""What the benchmarks share."""

from experiments.timing import describe_machine, spread, take_turns


def test_the_first_round_does_not_count_and_the_order_turns_around():
    turns = list(take_turns(("a", "b"), 2))
    assert turns == [("a", False), ("b", False), ("b", True), ("a", True), ("a", True), ("b", True)]


def test_without_a_warm_up_every_round_counts():
    assert list(take_turns(("a", "b"), 1, warm=False)) == [("b", True), ("a", True)]


def test_a_spread_is_the_median_with_the_quartiles():
    assert spread([1, 2, 3, 4, 5], 1) == "3.0 [2.0, 4.0]"
    assert spread([-1, 0, 1], 1, sign="+") == "+0.0 [-0.5, +0.5]"


def test_a_machine_is_told_with_its_commit_and_load():
    assert describe_machine().startswith("commit ")
    assert " cores" in describe_machine()
