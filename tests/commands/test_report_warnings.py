"""The report of a training names the lines that were left out."""

from ppocrv2_ext.commands.train import list_losses


def test_lines_that_are_left_out_are_counted_over_all_label_files():
    assert list_losses({"Train": [10, 5], "Eval": [4]}, {"Train": [9, 3], "Eval": [4]}) == [
        "Train: broken lines are left out, 3 of 15; nothing is learnt from them. `ppocrv2 check` lists them."
    ]


def test_in_an_evaluation_they_are_missing_from_the_metrics():
    sentence = list_losses({"Eval": [4]}, {"Eval": [1]})[0]
    assert sentence.startswith("Eval: broken lines are left out, 3 of 4; the metrics")


def test_sets_that_are_not_checked_or_not_counted_are_passed_over():
    assert list_losses({"Train": [10], "Eval": None}, {"Eval": [3]}) == []
