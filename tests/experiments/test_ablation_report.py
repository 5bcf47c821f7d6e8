"""The tables of the ablation against values by hand: means, spreads, differences seed by seed."""

import json
import math

import pytest
from experiments.ablation import report
from experiments.ablation.paper import Row
from experiments.ablation.results import Results

ROWS = [Row("one", "One", "a", 0.7), Row("two", "Two", "b", None), Row("three", "Three", "c", 0.8)]
MEASURES = ("acc", "norm_edit_dis")


def run(row, seed, best="network", digest="same", **accuracies):
    networks = {name: {"acc": value, "norm_edit_dis": 0.9} for name, value in accuracies.items()}
    about = {"commit": "abc", "versions": {"paddlepaddle": "3.3.1"}, "machine": "m"}
    cost = {"images": 640, "train_seconds": 120.0, "cpu_seconds": 90.0}
    return {"row": row, "seed": seed, "best": best, "networks": networks, "digest": digest, **cost, **about}


@pytest.fixture
def results():
    ones = [run("one", 1, network=0.5), run("one", 2, network=0.6), run("one", 3, network=0.7)]
    twos = [run("two", 3, "B", A=0.6, B=0.8), run("two", 1, "A", A=0.7, B=0.5)]
    cost = {"parameters": 2090000, "bytes": 2**23, "milliseconds": 4.25, "engine": "onnxruntime"}
    deployed = {"one": {"digest": "same", **cost}}
    means = {"A": {"acc": 0.75, "norm_edit_dis": 0.95}, "B": {"acc": 0.6, "norm_edit_dis": 0.9}}
    averaged = {"two": {"digest": "same", "seeds": [1, 3], "networks": means}}
    return Results({"one": ones, "two": twos}, deployed, {"three": [(1, "it broke", "log.txt")]}, averaged)


@pytest.fixture
def section(results):
    return report.Section.of("equal images", ROWS, results, MEASURES)


def test_the_deviation_is_that_of_a_sample(section):
    spread = section.lines[0].measures["acc"]
    assert spread.mean == pytest.approx(0.6)
    assert spread.deviation == pytest.approx(0.1)


def test_differences_are_taken_within_a_seed(section):
    assert section.lines[0].difference is None
    difference = section.lines[1].difference  # seed 1: 0.7 - 0.5, seed 3: 0.8 - 0.7
    assert (difference.mean, difference.deviation) == pytest.approx((0.15, math.sqrt(0.005)))


def test_each_network_of_a_row_has_its_own_mean_and_difference(section):
    (reached, difference) = section.lines[1].networks["B"]  # 0.5 and 0.8
    assert (reached.mean, difference.mean) == pytest.approx((0.65, 0.05))


def test_one_seed_has_no_deviation(results):
    results.runs["one"] = results.runs["one"][:1]
    line = report.summarize(ROWS, results, MEASURES)[0]
    assert line.measures["acc"].deviation is None
    assert report.make_cells([line], MEASURES)[1][0][2] == "0.500"


def test_markdown_by_hand(section):
    text = report.to_markdown("Title", [section], {"acc": 0.491, "norm_edit_dis": 0.727}, MEASURES)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    assert rows[2] == [
        "One", "0.700", "0.600 ± 0.100", "0.900 ± 0.000", "3", "–", "640", "2.0", "1.5", "2.090", "8.00", "4.2",
    ]  # fmt: skip
    assert rows[4][:5] == ["Three", "0.800", "failed", "–", "0 (+1 failed)"]
    assert "The weights before training: exact match 0.491, 1 − NED 0.727." in text
    assert "- failed: Three, seed 1: it broke; see log.txt" in text


def test_averaged_weights_are_compared_with_one_run_and_cost_the_images_of_all_seeds(section):
    header, rows = report.make_average_cells(section.lines, MEASURES)
    assert rows == [
        ["Two: A", "0.750", "0.950", "2", "+0.100", "1280"],
        ["Two: B", "0.600", "0.900", "2", "-0.050", "1280"],
    ]
    text = report.to_markdown("Title", [section], None, MEASURES)
    assert f"| {' | '.join(header)} |" in text
    assert "| Two: A | 0.750 | 0.950 | 2 | +0.100 | 1280 |" in text


def test_without_averaged_weights_there_is_no_table_of_them(results):
    section = report.Section.of("equal images", ROWS, results._replace(averages={}), MEASURES)
    assert "averaged" not in report.to_markdown("Title", [section], None, MEASURES)


@pytest.mark.parametrize("change", [{"seeds": [1, 2]}, {"seeds": [1, 3, 4]}, {"digest": "other"}])
def test_an_average_of_other_runs_is_not_shown(results, change):
    results.averages["two"].update(change)
    section = report.Section.of("equal images", ROWS, results, MEASURES)
    assert report.make_average_cells(section.lines, MEASURES)[1] == []


def test_an_average_or_an_exported_network_without_runs_is_not_shown(results):
    section = report.Section.of("equal images", ROWS, results._replace(runs={}), MEASURES)
    assert [(line.averaged, line.deployed) for line in section.lines] == [(None, None)] * 3
    assert report.to_markdown("Title", [section], None, MEASURES)


def test_an_average_of_runs_with_different_settings_is_not_shown(results):
    results.runs["two"][0]["digest"] = "other"
    section = report.Section.of("equal images", ROWS, results, MEASURES)
    assert section.lines[1].averaged is None


def test_the_cost_of_an_exported_network_of_other_settings_is_not_shown(results):
    results.deployments["one"]["digest"] = "other"
    section = report.Section.of("equal images", ROWS, results, MEASURES)
    assert report.make_cells(section.lines, MEASURES)[1][0][-3:] == ["–", "–", "–"]


def test_a_row_that_could_not_be_timed_says_so(results):
    cost = results.deployments["one"]
    del cost["milliseconds"]
    cost["problem"] = "no image can be read"
    section = report.Section.of("equal images", ROWS, results, MEASURES)
    assert report.make_cells(section.lines, MEASURES)[1][0][-3:] == ["2.090", "8.00", "failed"]


def test_runs_that_differ_in_the_weights_of_their_seed_get_no_warning(results):
    for number, own in enumerate(results.runs["two"]):
        own.update(settings="same", digest=str(number))
    assert not any("different settings" in note for note in report.make_notes(*results[:2]))


def test_runs_of_different_settings_in_one_row_get_a_warning(results):
    results.runs["two"][0]["digest"] = "other"
    assert any("row two were made with different settings" in note for note in report.make_notes(*results[:2]))


def test_json_holds_the_same_numbers(section):
    content = json.loads(json.dumps(report.to_json([section], None, MEASURES)))
    assert content["budgets"][0]["lines"][0]["measures"]["acc"]["values"] == [0.5, 0.6, 0.7]


def test_the_picture_has_a_panel_for_the_paper_and_one_for_each_budget(section, tmp_path):
    plot = pytest.importorskip("experiments.ablation.plot")
    from PIL import Image

    widths = []
    start = {"acc": 0.491, "norm_edit_dis": 0.727}
    for sections, before in (([section], start), ([section, section._replace(title="equal time")], None)):
        plot.draw_picture("Title", sections, before, MEASURES, tmp_path / "table.png")
        widths.append(Image.open(tmp_path / "table.png").width)
    assert widths[1] > widths[0] * 1.2
