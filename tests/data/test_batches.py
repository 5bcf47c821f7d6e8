"""What ``ratio_list`` and the size of a batch leave of a data set, before Paddle starts."""

import random

import pytest
from small_sets import lmdb_words, words, write

from ppocrv2_ext.data import check_report
from ppocrv2_ext.data.batches import explain_empty_share, explain_no_batch, list_gaps, list_parts
from ppocrv2_ext.data.check import check_data
from ppocrv2_ext.data.sources import count_taken


def make_eval(size=1, drop_last=False, **dataset):
    dataset = {"name": "SimpleDataSet", "label_file_list": ["a.txt", "b.txt"], **dataset}
    return {"Eval": {"dataset": dataset, "loader": {"batch_size_per_card": size, "drop_last": drop_last}}}


def test_a_share_that_takes_no_line_of_a_file_is_named_with_one_that_does():
    assert explain_empty_share(make_eval(ratio_list=[1.0, 0.1]), "Eval", [24, 4]) == (
        "Eval.dataset.ratio_list: the share 0.1 takes none of the 4 samples of b.txt; make it larger, such as 0.25, or"
        " leave b.txt out."
    )
    assert explain_empty_share(make_eval(ratio_list=[1.0, 0.25]), "Eval", [24, 4]) is None


@pytest.mark.parametrize("number", [1, 2, 3, 4, 7, 120, 999, 1000, 1001, 5000])
def test_the_share_to_set_takes_at_least_one_line(number):
    sentence = explain_empty_share(make_eval(label_file_list=["a.txt"], ratio_list=0.00001), "Eval", [number])
    share = float(sentence.partition("such as ")[2].partition(", or")[0])
    assert share <= 1
    assert count_taken(number, share) >= 1


def test_a_file_without_a_usable_line_is_not_the_fault_of_its_share():
    assert explain_empty_share(make_eval(ratio_list=0.5), "Eval", [24, 0]) is None


def test_the_share_of_lmdbs_is_held_to_each_of_them(folder):
    config, place = lmdb_words(folder, *[("abc", "a.png")] * 4)
    config["Train"]["dataset"]["ratio_list"] = 0.1
    assert f"takes none of the 4 samples of {place}; make it larger, such as 0.25" in explain_empty_share(
        config, "Train", [4]
    )


@pytest.mark.parametrize("seed", range(50))
def test_what_is_said_to_be_judged_is_what_batches_hold(seed):
    rng = random.Random(seed)
    size, counts, share = rng.randint(1, 9), [rng.randint(1, 9), rng.randint(1, 9)], rng.choice([1.0, 0.5])
    config = make_eval(size, drop_last=True, ratio_list=share)
    taken = sum(round(count * share) for count in counts)
    batches = [range(taken)[start : start + size] for start in range(0, taken, size)]
    judged = sum(len(batch) for batch in batches if len(batch) == size)
    assert (explain_no_batch(config, "Eval", counts) is None) == (judged > 0)
    said = list_parts(config, {"Eval": counts})
    assert bool(said) == (0 < judged < taken)
    if said:
        assert said[0].startswith(f"Eval: the metrics count {judged} of the {taken} samples of a.txt, b.txt; ")
        assert said[0].endswith(f" does not fill a batch of {size}: set Eval.loader.drop_last=false to judge all.")


def test_without_drop_last_a_batch_that_is_not_full_is_judged_too():
    assert list_gaps(make_eval(32), {"Eval": [3, 4]}) == []


def test_a_set_of_which_its_share_takes_nothing_is_one_gap():
    (sentence,) = list_gaps(make_eval(label_file_list=["a.txt"], ratio_list=0.1), {"Eval": [3]})
    assert "the share 0.1 takes none of the 3 samples of a.txt" in sentence


def test_a_set_without_a_usable_line_is_reported_as_such_and_not_as_a_gap():
    assert list_gaps(make_eval(32, drop_last=True), {"Eval": [0, 0]}) == []


def test_the_report_says_how_many_lines_the_shares_take(folder):
    config = words(folder, *["a.png\tabc"] * 3, "nowhere.png\tabc")
    more = write(folder / "more.txt", *["a.png\tabc"] * 4)
    config["Train"]["dataset"]["label_file_list"].append(str(more))
    config["Train"]["dataset"]["ratio_list"] = [1.0, 0.5]
    report = check_data(config, ("Train",))
    with check_report.Console(record=True, width=1000) as console:
        console.print(check_report.render(report))
    sentence = f"ratio_list takes 3 of the 3 of {folder}/words.txt, 2 of the 4 of {more}"
    assert sentence in console.export_text()
    assert check_report.to_data(report)["Train"]["taken"] == [3, 2]


def test_without_shares_the_report_says_nothing_of_them(folder):
    report = check_data(words(folder, "a.png\tabc"), ("Train",))
    with check_report.Console(record=True, width=1000) as console:
        console.print(check_report.render(report))
    assert "ratio_list" not in console.export_text()
    assert check_report.to_data(report)["Train"]["taken"] == [1]
