"""A training writes its history and its report while it goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
from drawn_words import draw_words
from toy_training import run, toy

from ppocrv2_ext.checkpoints import records, sets
from ppocrv2_ext.report import history

UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"


@pytest.fixture
def recording(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.observers import recording

    monkeypatch.chdir(tmp_path)
    return recording


def description(recording, warnings=()):
    return recording.Description("a toy", "ppocrv2 train -c toy", {"PaddleOCR": "2.10"}, warnings)


def record(recording, monkeypatch, **options):
    file = recording.Path("out") / history.FILE_NAME
    before = history.read(file)
    recorder = recording.Recorder(description(recording), file, before.seconds)
    run(toy(**options), [recorder], monkeypatch)
    return history.read(file)


def test_every_window_of_steps_every_evaluation_and_every_epoch_has_a_line(recording, monkeypatch):
    read = record(recording, monkeypatch, values=[0.1, 0.3, 0.2])
    assert [event.step for event in read.steps] == list(range(2, 21, 2))
    assert [event.step for event in read.evaluations] == list(range(2, 21, 2))
    assert [event.step for event in read.epochs] == [4, 8, 12, 16, 20]
    assert [event.best for event in read.evaluations] == [True, True] + 8 * [False]
    assert (read.end.outcome, read.end.step) == ("finished", 20)
    assert read.runs[0].command == "ppocrv2 train -c toy"
    assert {"PaddleOCR", "Paddle", "Python"} <= set(read.runs[0].versions)


def test_a_line_holds_the_means_of_its_steps(recording, monkeypatch):
    import paddle

    steps = []

    class Keep:
        def __getattr__(self, method):
            return lambda *values: steps.append(values[0]) if method == "step" else None

    paddle.seed(7)
    file = recording.Path("out") / history.FILE_NAME
    run(toy(), [Keep(), recording.Recorder(description(recording), file)], monkeypatch)
    expected = np.mean([step.terms["loss"] for step in steps[2:4]])
    assert history.read(file).steps[1].terms["loss"] == pytest.approx(expected, abs=1e-6)


def test_the_report_is_there_after_the_first_evaluation(recording, monkeypatch):
    sizes = []
    write = recording.write_page
    monkeypatch.setattr(
        recording, "write_page", lambda *values: sizes.append(len(values[2].evaluations)) or write(*values)
    )
    record(recording, monkeypatch)
    assert sizes == [*range(1, 11), 10]
    assert "a toy" in recording.Path("out/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("interval", "said"), [(21, 1), (20, 0)])
def test_a_training_that_was_never_evaluated_says_that_it_has_no_best(recording, monkeypatch, caplog, interval, said):
    with caplog.at_level("WARNING", logger="toy"):
        record(recording, monkeypatch, eval_batch_step=[0, interval])
    messages = [record.message for record in caplog.records]
    assert messages.count("There was no evaluation, so there is no best_accuracy; take latest.") == said


def test_a_training_that_was_never_evaluated_says_whose_best_is_there(recording, monkeypatch, caplog):
    recording.Path("out").mkdir(exist_ok=True)
    recording.Path("out/best_accuracy.pdparams").touch()
    with caplog.at_level("WARNING", logger="toy"):
        record(recording, monkeypatch, eval_batch_step=[0, 21])
    assert caplog.messages[-1] == "There was no evaluation, so best_accuracy is of an earlier training; take latest."


def test_the_best_of_a_training_before_in_the_same_folder_is_not_taken_for_its_own(recording, monkeypatch, caplog):
    record(recording, monkeypatch)
    recording.Path("out/best_accuracy.pdparams").touch()
    with caplog.at_level("WARNING", logger="toy"):
        record(recording, monkeypatch, eval_batch_step=[0, 21])
    assert caplog.messages[-1] == "There was no evaluation, so best_accuracy is of an earlier training; take latest."


def interrupt(recording, monkeypatch):
    """Train in a folder with an earlier history, and stop in the second step."""

    class Stop(recording.watching.Observer):
        def step(self, step):
            if step.number == 2:
                raise KeyboardInterrupt

    recorder = recording.Recorder(description(recording), recording.Path("out") / history.FILE_NAME)
    with pytest.raises(KeyboardInterrupt):
        run(toy(eval_batch_step=[0, 3]), [recorder, Stop()], monkeypatch)


def test_a_training_that_is_interrupted_before_its_first_evaluation_says_whose_best_is_there(
    recording, monkeypatch, caplog
):
    record(recording, monkeypatch)
    with caplog.at_level("WARNING", logger="toy"):
        interrupt(recording, monkeypatch)
    assert "best_accuracy" not in caplog.text
    recording.Path("out/best_accuracy.pdparams").touch()
    with caplog.at_level("WARNING", logger="toy"):
        interrupt(recording, monkeypatch)
    assert caplog.messages[-1] == "There was no evaluation, so best_accuracy is of an earlier training."


@pytest.mark.parametrize(("best", "said"), [("this one", 0), ("another", 1)])
def test_the_best_of_a_resumed_training_is_its_own_if_its_record_says_so(recording, monkeypatch, caplog, best, said):
    for name, run_name in (("latest", "this one"), ("best_accuracy", best)):
        place = {"position": records.Position(2, 0, 4, 4)._asdict(), "run": run_name}
        with sets.writing("out", name, place) as part:
            (part / f"{name}.pdparams").touch()
    options = {"before": {"start_epoch": 2}, "eval_batch_step": [0, 21], "checkpoints": "out/latest"}
    with caplog.at_level("WARNING", logger="toy"):
        record(recording, monkeypatch, **options)
    assert sum("There was no evaluation" in message for message in caplog.messages) == said


def test_every_evaluation_says_what_its_metrics_are_of_and_the_report_does_once(recording, monkeypatch, caplog):
    about = description(recording)._replace(
        warnings=["Train: one is broken."], remarks=["Eval: 2 of 3 lost a character."]
    )
    recorder = recording.Recorder(about, recording.Path("out") / history.FILE_NAME)
    with caplog.at_level("WARNING", logger="toy"):
        run(toy(), [recorder], monkeypatch)
    assert caplog.messages.count("Eval: 2 of 3 lost a character.") == 10
    assert recording.Path("out/report.html").read_text(encoding="utf-8").count("Eval: 2 of 3 lost a character.") == 1


def test_what_the_log_of_the_config_hid_is_said_again_before_the_first_step(recording, monkeypatch, caplog):
    said = description(recording)._replace(reminder="out holds latest of an earlier training.")
    with caplog.at_level("INFO", logger="toy"):
        run(toy(), [recording.Recorder(said, recording.Path("out") / history.FILE_NAME)], monkeypatch)
    assert caplog.messages[0] == "out holds latest of an earlier training."
    assert caplog.messages.count(caplog.messages[0]) == 1


def test_a_resumed_training_goes_on_with_the_curves_and_the_time(recording, monkeypatch):
    first = record(recording, monkeypatch, epoch_num=2)
    second = record(recording, monkeypatch, before={"start_epoch": 2})
    assert [event.step for event in second.steps] == list(range(2, 21, 2))
    assert second.seconds > first.seconds
    assert len(second.runs) == 2


def test_a_page_that_cannot_be_made_is_a_warning(recording, monkeypatch, caplog):
    def fail(*values):
        raise KeyError("nothing")

    monkeypatch.setattr(recording, "write_page", fail)
    assert record(recording, monkeypatch).end.outcome == "finished"
    assert "report.html could not be written" in caplog.text
    assert "The report of this training is" not in caplog.text


def test_transforms_that_cannot_be_shown_cost_the_samples_and_not_the_training(recording, monkeypatch, caplog):
    monkeypatch.setattr(recording, "EvaluatedSamples", lambda config, transforms: transforms.scale)
    read = record(recording, monkeypatch)
    assert read.end.outcome == "finished"
    assert "the report will show no samples of this evaluation: AttributeError" in caplog.text


def test_a_full_disk_costs_the_report_and_not_the_training(recording, monkeypatch, caplog):
    from ppocrv2_ext.errors import UserError

    def fail(*values):
        raise UserError("cannot write out/it: No space left on device; name another place.")

    monkeypatch.setattr(recording.history, "append", fail)
    monkeypatch.setattr(recording, "write_page", fail)
    recorder = recording.Recorder(description(recording), recording.Path("out") / history.FILE_NAME)
    ends = []
    monkeypatch.setattr(recorder, "end", lambda outcome, end=recorder.end: (ends.append(outcome), end(outcome)))
    run(toy(), [recorder], monkeypatch)
    assert [(end.name, end.step) for end in ends] == [("finished", 20)]
    assert caplog.text.count("No space left on device") == 1


def test_waiting_for_data_is_measured_and_advice_given(recording, monkeypatch, caplog):
    from time import sleep

    arguments = toy()
    loader = arguments["train_dataloader"]

    class Slow(type(loader)):
        def __iter__(self):
            for batch in self.batches:
                sleep(0.01)
                yield batch

    arguments["train_dataloader"] = Slow(4)
    monkeypatch.setattr(recording, "count_cores", lambda: 8)
    file = recording.Path("out") / history.FILE_NAME
    run(arguments, [recording.Recorder(description(recording), file)], monkeypatch)
    read = history.read(file)
    assert read.epochs[-1].waiting > 0.5
    assert "Set Train.loader.num_workers=7" in read.epochs[-1].advice
    assert read.epochs[-1].advice in caplog.text


def test_a_whole_training_of_two_networks_reports_itself_and_goes_on_when_resumed(ppocrv2_here, tmp_path, either_host):
    options = ["-c", UDML_CENTER, "-o", *draw_words(tmp_path), "Global.eval_batch_step=[0,2]"]
    first = ppocrv2_here("train", *options, paddleocr=either_host)
    assert first.returncode == 0, first.stdout + first.stderr
    second = ppocrv2_here("train", *options, "Global.epoch_num=3", "--resume", "out", paddleocr=either_host)
    assert second.returncode == 0, second.stdout + second.stderr
    assert f"The report of this training is {Path('out/report.html')}." in second.stdout + second.stderr
    out = tmp_path / "out"
    lines = [json.loads(line) for line in (out / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines if line["event"] == "run"] == [0, 4]
    assert [line["step"] for line in lines if line["event"] == "steps"] == [1, 2, 3, 4, 5, 6]
    html = (out / "report.html").read_text(encoding="utf-8")
    for expected in ("Student", "Teacher", "ctc_Student", "data:image/jpeg;base64,", "cat.png", "resumed at 4"):
        assert expected in html, expected
