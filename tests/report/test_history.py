"""The history of a training: lines that are only added, joined over its runs."""

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.report import history
from ppocrv2_ext.report.history import End, Epoch, Evaluation, Plan, Run, Steps

EVENTS = [
    Run(0, "2026-01-01 00:00:00", "ppocrv2 train", {"Paddle": "3.3"}, "abc", "cpu", ["一 warning"]),
    Steps(10, 1, 5.0, 0.001, {"loss": 2.0}, 0.1, 30.0),
    Evaluation(10, 1, 6.0, {"acc": 0.5}, True),
    Epoch(20, 1, 9.0, 0.2, None),
    Plan(20, 9.0, 0.2, 100),
    Steps(30, 2, 12.0, 0.001, {"loss": 1.0}, 0.1, 30.0),
    Evaluation(30, 2, 13.0, {"acc": 0.6}, True),
    End(30, 14.0, "finished", "It took all its steps."),
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "out" / history.FILE_NAME
    for event in EVENTS:
        history.append(path, event)
    return path


def test_what_is_written_is_read(file):
    read = history.read(file)
    assert [*read.runs, *read.steps, *read.evaluations, *read.epochs, *read.plans, read.end] == sorted(
        EVENTS, key=lambda event: [Run, Steps, Evaluation, Epoch, Plan, End].index(type(event))
    )


def test_a_file_that_is_not_there_is_an_empty_history(tmp_path):
    read = history.read(tmp_path / "nothing")
    assert (read.steps, read.end, read.seconds, read.step) == ([], None, 0.0, 0)


def test_a_history_knows_its_time_and_its_last_step(file):
    assert (history.read(file).seconds, history.read(file).step) == (14.0, 30)


def test_a_resumed_run_supersedes_what_came_after_its_start(file):
    history.append(file, EVENTS[0]._replace(step=20))
    read = history.read(file)
    assert [event.step for event in read.steps] == [10]
    assert [event.step for event in read.evaluations] == [10]
    assert len(read.runs) == 2
    assert read.end is None
    history.append(file, Steps(30, 2, 11.0, 0.001, {"loss": 1.5}, 0.1, 30.0))
    assert [event.terms["loss"] for event in history.read(file).steps] == [2.0, 1.5]


def test_a_new_run_in_the_same_folder_starts_with_nothing(file):
    history.append(file, EVENTS[0])
    read = history.read(file)
    assert (read.steps, read.evaluations, read.seconds) == ([], [], 0.0)
    assert read.runs == [EVENTS[0]]


def test_a_history_can_be_read_up_to_a_step(file):
    assert history.read(file, until=20).seconds == 9.0


def test_lines_are_only_added(file):
    before = file.read_bytes()
    history.append(file, EVENTS[0]._replace(step=20))
    assert file.read_bytes().startswith(before)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_line_that_was_cut_is_passed_over_and_spoils_no_other(file, cut):
    file.write_bytes(file.read_bytes()[:-cut])
    history.append(file, Steps(40, 3, 15.0, 0.001, {"loss": 0.5}, 0.1, 30.0))
    read = history.read(file)
    assert read.steps[-1].step == 40
    assert (read.end is None) == (cut > 1)


def test_lines_of_another_kind_are_passed_over(file):
    with open(file, "a", encoding="utf-8") as stream:
        stream.write('{"event": "sunrise"}\n[1]\nnull\n{"event": "end"}\n{"event": ["end"]}\n')
    assert history.read(file).end == EVENTS[-1]


def test_chinese_text_is_written_as_it_is(file):
    assert "一 warning" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\r", "\n", "\udcff"])
def test_every_character_of_a_command_line_is_read_as_it_was_written(character, tmp_path):
    run = EVENTS[0]._replace(command=f"ppocrv2 train -c a{character}b.yml")
    history.append(tmp_path / "history.jsonl", run)
    history.append(tmp_path / "history.jsonl", EVENTS[-1])
    assert history.read_events(tmp_path / "history.jsonl") == [run, EVENTS[-1]]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        history.append(tmp_path / "file" / "history.jsonl", EVENTS[0])


@pytest.mark.parametrize(
    "line",
    [
        *("[" * 100_000, "9" * 5_000, '{"event": "end"}', '["event"]'),
        '{"event": "epoch", "step": "1", "epoch": 1, "seconds": 1.0, "waiting": 0.5, "advice": null}',
        '{"event": "epoch", "step": 1, "epoch": 1, "seconds": Infinity, "waiting": 0.5, "advice": null}',
        '{"event": "epoch", "step": 1, "epoch": 1, "seconds": 1.0, "waiting": 0.5, "advice": ["x"]}',
        '{"event": "evaluation", "step": 1, "epoch": 1, "seconds": 1.0, "metrics": {"acc": "x"}, "best": true}',
        '{"event": "evaluation", "step": 1, "epoch": 1, "seconds": 1.0, "metrics": [1], "best": true}',
    ],
)
def test_a_line_that_no_training_has_written_is_passed_over(line, tmp_path):
    sound = history.End(3, 1.0, "finished", "The training took all its steps.")
    (tmp_path / "history.jsonl").write_text(f"{line}\n")
    history.append(tmp_path / "history.jsonl", sound)
    assert history.read_events(tmp_path / "history.jsonl") == [sound]


def test_every_event_is_read_as_it_was_written(tmp_path):
    events = [
        history.Run(0, "now", "train", {"Paddle": "3"}, None, "cpu", ["a warning"]),
        history.Steps(1, 1, 1, 0.1, {"loss": 2.5}, 0.0, 3),
        history.Evaluation(1, 1, 1.5, {"acc": 1}, True),
        history.Epoch(1, 1, 2.0, 0.25, "advice"),
        history.Plan(1, 2.0, 0.5, 9),
    ]
    for event in events:
        history.append(tmp_path / "history.jsonl", event)
    assert history.read_events(tmp_path / "history.jsonl") == events
