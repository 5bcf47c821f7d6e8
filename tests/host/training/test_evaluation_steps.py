"""A training that is too short for its first evaluation is named before its first step."""

import pytest
import yaml
from drawn_words import draw_words
from toy_training import EPOCHS, run, toy

from ppocrv2_ext.errors import UserError

UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"
EARLY_STOP = {"patience": 2}


@pytest.fixture
def evaluation_steps(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.training import evaluation_steps

    monkeypatch.chdir(tmp_path)
    return evaluation_steps


@pytest.fixture
def warnings(evaluation_steps, caplog):
    """The warnings before a training: ``warnings(toy())``."""

    def collect(arguments):
        caplog.clear()
        with caplog.at_level("WARNING", logger="toy"), evaluation_steps.require_evaluation(arguments, {}):
            pass
        return [record.message for record in caplog.records]

    return collect


def test_the_sentence_says_when_the_training_ends_and_what_to_set(warnings):
    assert warnings(toy(eval_batch_step=[0, 138])) == [
        "there will be no evaluation and no best_accuracy of this training: the training ends at step 20, and"
        " Global.eval_batch_step asks for the next evaluation at step 138; set"
        " Global.eval_batch_step=[0,4] for one after every epoch."
    ]


@pytest.mark.parametrize(
    "settings",
    [
        *({"eval_batch_step": step} for step in ([0, 20], [0, 21], [19, 1], [20, 1], [10, 10], [10, 11], [7, 5])),
        *({"eval_batch_step": step} for step in (20, 21)),
        *({"eval_batch_step": [100, 100], "eval_batch_epoch": epochs} for epochs in (5, 6)),
        {"eval_batch_step": [0, 3], "epoch_num": 1},
        {"eval_batch_step": [0, 5], "epoch_num": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "before",
    [
        {},
        {"start_epoch": 4, "global_step": 12},
        {"start_epoch": 4, "global_step": 100},
    ],
    ids=["new", "resumed", "resumed after longer epochs"],
)
def test_the_warning_comes_exactly_where_paddleocrs_loop_evaluates_nothing(warnings, monkeypatch, settings, before):
    arguments = toy(before=before, **settings)
    takes_steps = arguments["config"]["Global"]["epoch_num"] >= before.get("start_epoch", 1)
    said = warnings(arguments)
    run(arguments, [], monkeypatch)
    assert sum("there will be no evaluation" in sentence for sentence in said) == (
        takes_steps and arguments["eval_class"].evaluations == 0
    )


def test_what_the_sentence_says_to_set_brings_an_evaluation(warnings, monkeypatch):
    for setting in ({"eval_batch_step": [0, 4]}, {"eval_batch_step": [0, 1000], "eval_batch_epoch": 1}):
        arguments = toy(**setting)
        assert warnings(arguments) == []
        run(arguments, [], monkeypatch)
        assert arguments["eval_class"].evaluations == EPOCHS
    (said,) = warnings(toy(eval_batch_step=[0, 4], eval_batch_epoch=6))
    assert "Global.eval_batch_epoch=1" in said


@pytest.mark.parametrize(
    ("settings", "steps", "advice"),
    [
        ({"eval_batch_step": [0, 12]}, 8, "eval_batch_step=[0,10]"),
        ({"eval_batch_step": [0, 9]}, 2, "eval_batch_step=[0,10]"),
        ({"eval_batch_step": [0, 6]}, 2, "eval_batch_step=[0,5]"),
        ({"eval_batch_step": [15, 3]}, 2, "eval_batch_step=[15,2]"),
        ({"eval_batch_step": [0, 100], "eval_batch_epoch": 2}, 4, "eval_batch_epoch=1"),
    ],
    ids=str,
)
def test_a_long_end_without_an_evaluation_is_named(warnings, settings, steps, advice):
    assert warnings(toy(**settings)) == [
        f"the last {steps} of 20 steps are not evaluated, so that best_accuracy cannot come from them;"
        f" set Global.{advice} to evaluate at the end too."
    ]
    key, _, value = advice.partition("=")
    assert warnings(toy(**{**settings, key: yaml.safe_load(value)})) == []


@pytest.mark.parametrize("step", [1, 2, 4, 5, 10, 19, 20])
def test_an_end_soon_after_the_last_evaluation_is_not_named(warnings, step):
    assert warnings(toy(eval_batch_step=[0, step])) == []


def test_where_a_limit_of_time_moves_the_end_nothing_is_said_of_it(warnings):
    assert warnings(toy(eval_batch_step=[0, 12], max_minutes=5)) == []


def test_the_last_steps_of_a_training_that_was_evaluated_before_need_no_evaluation(warnings):
    before = {"start_epoch": 5, "global_step": 16, "acc": 0.5}
    assert len(warnings(toy(before=before, eval_batch_step=[0, 15]))) == 1
    assert warnings(toy(before={**before, "best_epoch": 4}, eval_batch_step=[0, 15], early_stop=EARLY_STOP)) == []


def test_a_training_that_has_finished_is_not_said_to_lack_an_evaluation(warnings):
    assert warnings(toy(before={"start_epoch": 6, "global_step": 20}, eval_batch_step=[0, 138])) == []


def test_a_limit_of_time_changes_nothing_where_the_epochs_bring_an_evaluation(warnings):
    assert warnings(toy(eval_batch_step=[0, 20], max_minutes=0.001)) == []
    assert len(warnings(toy(eval_batch_step=[0, 21], max_minutes=1000))) == 1


def test_early_stopping_without_an_evaluation_is_refused(warnings):
    message = r"early_stop needs an evaluation, .* ends at step 20, .* at step 138; set Global.eval_batch_step=\[0,4\]"
    with pytest.raises(UserError, match=message):
        warnings(toy(eval_batch_step=[0, 138], early_stop=EARLY_STOP))
    assert warnings(toy(eval_batch_step=[0, 20], early_stop=EARLY_STOP)) == []


def test_only_the_first_rank_says_it(warnings, evaluation_steps, monkeypatch):
    monkeypatch.setattr(evaluation_steps.ranks, "is_first", lambda: False)
    assert warnings(toy(eval_batch_step=[0, 138])) == []


def test_a_training_says_it_and_with_early_stop_takes_no_step(ppocrv2_here, tmp_path, either_host):
    options = ["-c", UDML_CENTER, "-o", *draw_words(tmp_path), "Global.eval_batch_step=[0,5]"]
    refused = ppocrv2_here("train", *options, "Global.early_stop={patience: 1}", paddleocr=either_host)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert refused.stderr.count("ppocrv2: Global.early_stop needs an evaluation, and there will be none") == 1
    assert not (tmp_path / "out" / "history.jsonl").exists()
    done = ppocrv2_here("train", *options, paddleocr=either_host)
    assert done.returncode == 0, done.stdout + done.stderr
    sentence = "there will be no evaluation and no best_accuracy of this training: the training ends at step 4"
    assert (done.stdout + done.stderr).count(sentence) == 1
    assert sentence in (tmp_path / "out" / "train.log").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_resumed_training_is_held_to_the_evaluations_of_all_its_runs(ppocrv2, tmp_path, either_host):
    options = ["-c", UDML_CENTER, "-o", *draw_words(tmp_path), "Global.eval_batch_step=[0,5]"]
    assert ppocrv2("train", *options, paddleocr=either_host).returncode == 0
    longer = ppocrv2("train", *options, "Global.epoch_num=3", "--resume", "out", paddleocr=either_host)
    assert longer.returncode == 0, longer.stdout + longer.stderr
    assert "there will be no evaluation" not in longer.stdout + longer.stderr
    assert (tmp_path / "out" / "best_accuracy.pdparams").is_file()
    last = [*options, "Global.epoch_num=4", "Global.early_stop={patience: 9}", "Global.eval_batch_step=[0,1000]"]
    evaluated = ppocrv2("train", *last, "--resume", "out", paddleocr=either_host)
    assert evaluated.returncode == 0, evaluated.stdout + evaluated.stderr
    assert "there will be no evaluation" not in evaluated.stdout + evaluated.stderr
