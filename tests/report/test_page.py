"""The report as one HTML file."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.report import page
from ppocrv2_ext.report.history import End, Epoch, Evaluation, History, Run, Steps
from ppocrv2_ext.report.page import Samples, Subject
from ppocrv2_ext.report.samples import LineSamples, SceneSamples

SUBJECT = Subject("rec/plates", "out", "Global:\n  epoch_num: 3\n", "acc", ["Student", "Student2"], "best network")
RUN = Run(
    0, "2026-01-01 00:00:00", "ppocrv2 train -c 车牌.yml", {"Paddle": "3.3.1"}, "0123abc", "cpu", ["一 broken line"]
)
METRICS = {"acc": 0.5, "Student_acc": 0.4, "Student2_acc": 0.5, "Student2_norm_edit_dis": 0.8, "fps": 123.0}
HISTORY = History(
    [RUN],
    [Steps(step, 1, float(step), 0.001, {"loss": 2.0 / step, "infeasible": 0.0}, 0.3, 40.0) for step in range(1, 9)],
    [Evaluation(4, 1, 5.0, METRICS, True), Evaluation(8, 1, 9.0, {**METRICS, "acc": 0.45}, False)],
    [Epoch(8, 1, 9.5, 0.3, "Training waited for data 30% of the time. Set Train.loader.num_workers=2.")],
    [],
    End(8, 10.0, "finished", "The training took all its steps."),
)
EMPTY = History([], [], [], [], [], None)
VOID = {"meta", "img", "br", "image", "line", "polyline", "polygon", "circle"}


def line_samples():
    samples = LineSamples()
    samples.add("皖.jpg", "皖A皖", "豫A豫", 0.9, lambda: np.zeros((32, 64, 3), np.uint8))
    samples.add("苏.jpg", "苏B2", "苏B2", 0.8, lambda: np.zeros((32, 64, 3), np.uint8))
    samples.add("<b>.jpg", "<i>", "", 0.7, lambda: np.zeros((32, 64, 3), np.uint8))
    return Samples(4, "Student2", samples)


def scene_samples():
    box = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
    samples = SceneSamples()
    samples.add("a.jpg", [box, box + 20], [False, False], [box], (1.0, 1.0), lambda: np.zeros((50, 50, 3), np.uint8))
    return Samples(4, None, samples)


class Balance(HTMLParser):
    """Fails on a tag that is not closed."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def text_of(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("</style>")[2]).split())


@pytest.mark.parametrize("history", [EMPTY, HISTORY, HISTORY._replace(end=None), EMPTY._replace(runs=[RUN])])
@pytest.mark.parametrize("samples", [None, line_samples(), scene_samples()])
def test_every_state_of_a_training_makes_a_page_whose_tags_are_closed(history, samples):
    parser = Balance()
    parser.feed(page.render_page(SUBJECT, history, samples))
    assert parser.open == []


def test_the_page_needs_no_other_file_no_script_and_no_network():
    html = page.render_page(SUBJECT, HISTORY, line_samples())
    assert "<script" not in html
    assert "<link" not in html
    assert set(re.findall(r'(?:src|href)="([^"]{0,5})', html)) == {"data:"}
    assert not re.findall(r"url\(|https?:|@import", html)


def test_the_page_says_how_the_training_ran_and_what_came_out():
    text = text_of(page.render_page(SUBJECT, HISTORY, line_samples()))
    for expected in (
        "rec/plates finished",
        "Best acc 50.00% epoch 1, step 4",
        "ppocrv2 train -c 车牌.yml",
        "Paddle 3.3.1",
        "Commit 0123abc",
        "epoch_num: 3",
        "Time of training 10 s",
        "Student2 norm_edit_dis 80.00% 80.00%",
        "best network acc 50.00% 45.00%",
        "label 皖A皖 read 豫A豫",
        "1 of 3 are right to the character",
        "皖 → 豫 2",
    ):
        assert expected in text, expected


def test_the_page_shows_the_commands_of_all_runs_of_a_training():
    again = RUN._replace(
        step=1000, time="2026-01-02 00:00:00", command="ppocrv2 train -c out/resolved.yml --resume out"
    )
    text = text_of(page.render_page(SUBJECT, HISTORY._replace(runs=[RUN, again]), None))
    assert f"2026-01-01 00:00:00, from step 0: {RUN.command}" in text
    assert f"2026-01-02 00:00:00, from step 1,000: {again.command}" in text
    assert "from step" not in text_of(page.render_page(SUBJECT, HISTORY, None))


def test_text_from_the_data_cannot_become_markup():
    html = page.render_page(SUBJECT, HISTORY, line_samples())
    assert "<i>" not in html.partition("Samples of")[2].replace("<i style", "")
    assert "&lt;i&gt;" in html


def test_warnings_name_the_data_and_the_waiting():
    assert page.list_warnings(HISTORY) == [
        "一 broken line",
        "Training waited for data 30% of the time. Set Train.loader.num_workers=2. So it was in 1 of 1 epochs.",
    ]


def test_a_training_without_evaluation_is_warned_about():
    assert page.list_warnings(EMPTY)[0].startswith("There was no evaluation")


def test_a_term_that_is_always_zero_has_no_chart():
    assert [chart.title for chart in page.chart_losses(HISTORY, None)] == ["loss", "learning rate"]


def test_values_are_split_by_the_longest_name_of_a_network():
    assert page.split_by_network(METRICS, ["Student", "Student2"], "best") == {
        "best": {"acc": 0.5, "fps": 123.0},
        "Student": {"acc": 0.4},
        "Student2": {"acc": 0.5, "norm_edit_dis": 0.8},
    }


def test_scenes_are_drawn_with_what_was_found_and_missed():
    html = page.render_page(SUBJECT, HISTORY, scene_samples())
    assert html.count('<polygon class="found" points="0.0,0.0 10.0,0.0') == 1
    assert html.count('<polygon class="missed" points="20.0,20.0') == 1
    assert "1 found, 1 missed, 0 wrong" in html


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.6, "1 min 00 s"), (250, "4 min 10 s"), (11100, "3 h 05 min")]
)
def test_durations_are_short(seconds, text):
    assert page.format_duration(seconds) == text


def test_the_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "report.html"
    page.write_page(file, SUBJECT, HISTORY, None)
    before = file.read_bytes()
    monkeypatch.setattr("pathlib.Path.write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "disk full")))
    with pytest.raises(UserError, match="disk full"):
        page.write_page(file, SUBJECT, EMPTY, None)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert file.read_bytes() == before
