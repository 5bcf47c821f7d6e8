"""The report of a training names the lines that were left out."""

from ppocrv2_ext.commands.train import describe_lines_left_out


def test_lines_that_are_left_out_are_counted_over_all_label_files():
    assert describe_lines_left_out({"Train": [10, 5], "Eval": [4]}, {"Train": [9, 3], "Eval": [4]}) == [
        "Train: 3 of 15 lines are broken and left out. Nothing is learnt from them; `ppocrv2 check` lists them."
    ]


def test_in_an_evaluation_they_are_missing_from_the_metrics():
    sentence = describe_lines_left_out({"Eval": [4]}, {"Eval": [1]})[0]
    assert sentence.startswith("Eval: 3 of 4 lines are broken and left out. The metrics")


def test_sets_that_are_not_checked_or_not_counted_are_passed_over():
    assert describe_lines_left_out({"Train": [10], "Eval": None}, {"Eval": [3]}) == []
