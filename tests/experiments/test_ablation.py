"""The ablation: every row sees the same images, a finished run is not done again, a failure is reported."""

import contextlib
import inspect
import json
import os
import runpy
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from experiments import records
from experiments.ablation import deployment, run_all, run_one, smoke, trials
from experiments.ablation.paper import TASKS
from experiments.ablation.results import find_budgets, read_results, read_start, require_task
from experiments.processes import CommandError, Processes, StoppedError, Usage

from ppocrv2_ext import config
from ppocrv2_ext.config import vocabulary
from ppocrv2_ext.config.networks import networks
from ppocrv2_ext.deploy.settings import LineSettings, official_settings
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.udml.loss import UDMLLoss

ROOT = Path(__file__).resolve().parents[2]
REC, DET = TASKS["rec"], TASKS["det"]
CTC, UDML, STOCK = (next(row for row in REC.rows if row.key == key) for key in ("ctc", "udml", "stock"))
STEP = "ppocr INFO: epoch: [1/1], global_step: {}, lr: 0.1, loss: 2.5, avg_batch_cost: 0.50000 s, avg_samples: 4\n"
LINES = LineSettings(32, 128, ["a"])


@pytest.fixture(autouse=True)
def _no_git(monkeypatch):
    monkeypatch.setattr(records, "provenance", lambda: {"commit": "abc", "versions": {}, "machine": "a machine"})


@pytest.fixture
def data(tmp_path):
    return smoke.draw_data("rec", tmp_path / "data")


@pytest.fixture
def inputs(data):
    return trials.Inputs(data, None, None, smoke.OVERRIDES["rec"])


class FakeProcesses:
    """Writes the log that PaddleOCR would write.

    Args:
        scores: exact match by row key. A row without a score fails in training. The average of several runs has half
            the score of one run, and so has a network called Teacher.
        left_out: lines that `check` finds unusable.
    """

    def __init__(self, left_out=0, **scores):
        self.scores, self.commands, self.left_out = scores, [], left_out

    def run(self, arguments, log, fine=(0,)):
        command, file = arguments[0], Path(arguments[2])
        if command == "export":
            raise CommandError("no weights to export", log)
        if command == "check":
            records.write_json(arguments[4], {"Train": {"lines": 9, "usable": 9 - self.left_out}})
            return Usage(1.0, 1.0)
        key = next((part for part in reversed(file.parts) if part in {row.key for row in REC.rows}), "start")
        self.commands.append((command, key))
        if command == "average":
            return Usage(1.0, 1.0)
        if key not in self.scores:
            raise CommandError("`ppocrv2 train` ended with exit code 1", log)
        content = config.read(file)
        lines = Path(content["Train"]["dataset"]["label_file_list"][0]).read_text(encoding="utf-8")
        steps, stretch = lines.count("\n") // smoke.BATCH, content["Global"]["print_batch_step"]
        log_lines = [STEP.format(step) for step in sorted({*range(stretch, steps, stretch), steps})]
        log_lines = log_lines if command == "train" else ["metric eval ***\n"]
        for prefix in ("", "Student_", "Teacher_") if command == "eval" else ():
            factor = 0.5 if prefix == "Teacher_" else 1
            factor *= 0.5 if arguments[-1].endswith("averaged") else 1
            log_lines += [
                f"ppocr INFO: {prefix}acc:{self.scores[key] * factor}\n",
                f"ppocr INFO: {prefix}norm_edit_dis:0.8\n",
            ]
        with Path(log).open("a", encoding="utf-8") as stream:
            stream.writelines(log_lines)
        return Usage(3.0, 5.0)


def ablation(inputs, output, rows=(CTC, UDML), steps=2, minutes=None, seeds=(1, 2)):
    return run_all.Ablation(
        REC, list(rows), inputs, trials.Budget(steps, minutes), seeds, output, False, lambda line: None
    )


class TestRepeatLines:
    def test_every_line_comes_equally_often_and_the_count_is_exact(self):
        counts = Counter(trials.repeat_lines(list("abcdefg"), 17, seed=3))
        assert sum(counts.values()) == 17
        assert set(counts.values()) == {2, 3}

    def test_the_same_seed_gives_the_same_order_and_another_does_not(self):
        lines = [str(number) for number in range(30)]
        assert (
            trials.repeat_lines(lines, 70, 1) == trials.repeat_lines(lines, 70, 1) != trials.repeat_lines(lines, 70, 2)
        )


class TestSettings:
    def test_the_weights_go_to_a_single_network_or_to_each_of_several(self, inputs):
        changed_inputs = inputs._replace(weights=Path("start"), overrides=())
        single, pair = (trials.make_settings(REC, row, changed_inputs).config for row in (CTC, UDML))
        assert single["Global"]["pretrained_model"] == "start"
        assert pair["Global"]["pretrained_model"] is None
        assert {model["pretrained"] for model in pair["Architecture"]["Models"].values()} == {"start"}

    def test_a_frozen_teacher_gets_weights_of_its_own(self, inputs):
        cml = next(row for row in DET.rows if row.key == "cml")
        changed_inputs = inputs._replace(weights=Path("start"), teacher=Path("wise"), overrides=())
        models = trials.make_settings(DET, cml, changed_inputs).config["Architecture"]["Models"]
        assert {name: model["pretrained"] for name, model in models.items()} == {
            "Teacher": "wise",
            "Student": "start",
            "Student2": "start",
        }

    @pytest.mark.parametrize("name", ["det", "det_scratch"])
    def test_a_frozen_teacher_without_weights_is_refused(self, inputs, name):
        def check(*overrides, is_smoke=False):
            rows = TASKS[name].select_rows(["cml", "paste"])
            own = inputs._replace(overrides=overrides)
            return run_all.make_all_settings(TASKS[name], rows, own, [1], is_smoke)

        with pytest.raises(UserError, match="row cml: Teacher is frozen, so it needs weights of its own: --teacher"):
            check()
        with pytest.raises(UserError, match="row paste: Teacher is frozen"):
            check("cml:Architecture.Models.Teacher.pretrained=wise")
        assert check("cml:Architecture.Models.Teacher.pretrained={seed}/wise", "paste:Global.pretrained_model=all")
        assert check(is_smoke=True)

    def test_only_the_last_row_of_the_detector_pastes_text(self, inputs):
        def shares(row):
            transforms = trials.make_settings(DET, row, inputs._replace(overrides=())).config["Train"]["dataset"][
                "transforms"
            ]
            return [(entry["TextCopyPaste"] or {}).get("p", 1) for entry in transforms if "TextCopyPaste" in entry]

        assert [shares(row) for row in DET.rows[:3]] == [[], [], [0]]
        assert shares(DET.rows[3])[0] > 0

    def test_the_stock_row_has_the_schedule_of_the_first_row_and_its_own_architecture(self, inputs):
        ours, stock = (trials.make_settings(REC, row, inputs._replace(overrides=())).config for row in (CTC, STOCK))
        assert stock["Optimizer"]["lr"] == ours["Optimizer"]["lr"]
        assert trials.batch_size(stock) == trials.batch_size(ours)
        assert "freeze_norm" not in stock["Architecture"]

    def test_an_override_with_the_key_of_a_row_changes_only_that_row(self, inputs):
        changed_inputs = inputs._replace(overrides=("udml:Optimizer.lr.learning_rate=0.25",))
        rates = [
            trials.make_settings(REC, row, changed_inputs).config["Optimizer"]["lr"]["learning_rate"]
            for row in (CTC, UDML)
        ]
        assert rates[0] != rates[1] == 0.25


class TestScratch:
    """The table of recognizers that start from noise."""

    TASK = TASKS["scratch"]

    def _settings(self, key, inputs):
        row = next(row for row in self.TASK.rows if row.key == key)
        return trials.make_settings(self.TASK, row, inputs._replace(overrides=())).config

    @pytest.mark.parametrize("key", ["mobilenet", "lcnet", "udml", "both"])
    def test_all_rows_see_images_of_one_size_in_batches_of_one_size(self, key, inputs):
        config = self._settings(key, inputs)
        options = [value for entry in config["Train"]["dataset"]["transforms"] for value in entry.values()]
        sizes = [each["image_shape"] for each in options if isinstance(each, dict) and "image_shape" in each]
        assert sizes == [[3, 32, 64]]
        assert config["Train"]["loader"]["batch_size_per_card"] == 32

    def test_the_networks_of_a_pair_have_the_width_of_the_single_network(self, inputs):
        single = self._settings("lcnet", inputs)["Architecture"]["Backbone"]
        pair = self._settings("udml", inputs)["Architecture"]["Models"]
        assert single["scale"] == 0.35
        assert all(network["Backbone"] == single for network in pair.values())

    def test_the_published_recipes_have_the_published_strength(self, inputs):
        terms = [dict(entry) for entry in self._settings("both", inputs)["Loss"]["loss_config_list"]]
        assert terms[0]["UDMLLoss"]["mutual_weight"] == 1
        assert "mutual_mean_over" not in terms[0]["UDMLLoss"]
        assert terms[1]["CTCCenterLoss"]["center_weight"] == 0.05

    def test_the_rows_of_a_clone_are_left_out_without_a_clone(self, monkeypatch):
        monkeypatch.delenv("PADDLEOCR_HOME", raising=False)
        assert [row.key for row in self.TASK.select_rows(None)] == ["mobilenet", "lcnet", "udml", "both"]

    def test_a_row_of_a_clone_asks_for_a_clone(self, inputs, monkeypatch):
        monkeypatch.delenv("PADDLEOCR_HOME", raising=False)
        with pytest.raises(UserError, match="set PADDLEOCR_HOME to a clone"):
            self._settings("stock_udml", inputs)


class TestDetectorFromNoise:
    """The table of detectors whose students start from noise."""

    TASK = TASKS["det_scratch"]

    def _networks(self, row, inputs):
        """The trained networks of a row."""
        settings = trials.make_settings(self.TASK, row, inputs._replace(overrides=(), teacher=Path("wise")))
        members = networks(settings.config["Architecture"]).values()
        return [each for each in members if not each.get("freeze_params")]

    @pytest.mark.parametrize("row", TASK.rows, ids=lambda row: row.key)
    def test_no_student_has_weights_or_norms_of_another_training(self, row, inputs):
        students = self._networks(row, inputs)
        assert len(students) == (1 if row.key == "student" else 2)
        for student in students:
            assert student["freeze_norm"] is False
            assert student.get("pretrained") is None
            assert student.get("perturbation") is None

    def test_the_teacher_is_frozen_and_has_its_own_weights(self, inputs):
        cml = next(row for row in self.TASK.rows if row.key == "cml")
        config = trials.make_settings(self.TASK, cml, inputs._replace(overrides=(), teacher=Path("wise"))).config
        teacher = config["Architecture"]["Models"]["Teacher"]
        assert (teacher["pretrained"], teacher["freeze_params"]) == ("wise", True)


class TestTodaysTiny:
    """The tables of PP-OCRv6 tiny, whose rows are to differ in the technique alone."""

    TASK = "v6_rec", "v6_det"

    def _config(self, task, key, inputs):
        row = next(row for row in TASKS[task].rows if row.key == key)
        given = inputs._replace(overrides=(), teacher=Path("wise"))
        return trials.make_settings(TASKS[task], row, given).config

    @pytest.mark.parametrize("task", TASK)
    def test_all_rows_have_one_schedule_and_no_average(self, task, inputs):
        configs = [self._config(task, row.key, inputs) for row in TASKS[task].rows]
        for each in configs:  # it is off, or the technique of its row
            transforms = each["Train"]["dataset"]["transforms"]
            transforms[:] = [entry for entry in transforms if "TextCopyPaste" not in entry]
        shared = [(each["Optimizer"], each["Global"]["epoch_num"], each["Train"]) for each in configs]
        assert all(each == shared[0] for each in shared)
        assert not any(each["Global"].get("use_ema") for each in configs)

    def test_u_dml_is_the_same_with_and_without_center_loss(self, inputs):
        losses = [self._config("v6_rec", key, inputs)["Loss"]["loss_config_list"] for key in ("udml", "both")]
        names = [[name for entry in each for name in entry] for each in losses]
        assert names == [["UDMLLoss"], ["UDMLLoss", "CTCCenterLoss", "CTCCenterLoss"]]
        own, published = (each[0]["UDMLLoss"] for each in losses)
        defaults = {name: argument.default for name, argument in inspect.signature(UDMLLoss).parameters.items()}
        assert {**defaults, **own} == {**defaults, **published}

    def test_the_students_of_dml_are_those_of_cml(self, inputs):
        dml, cml = (self._config("v6_det", key, inputs) for key in ("dml", "cml"))
        students = {name: each for name, each in cml["Architecture"]["Models"].items() if name != "Teacher"}
        alone = dml["Architecture"]["Models"]
        assert alone.keys() == students.keys()
        for name, student in students.items():
            empty = {"Transform": None, "freeze_params": False}
            assert {**empty, **alone[name]} == student
        assert (dml["Loss"].pop("teacher"), cml["Loss"].pop("teacher")) == (None, "Teacher")
        assert dml["Loss"] == cml["Loss"]

    def test_copy_paste_is_on_in_its_row_alone(self, inputs):
        configs = {row.key: self._config("v6_det", row.key, inputs) for row in TASKS["v6_det"].rows}
        shares = {
            key: [
                entry["TextCopyPaste"]["p"]
                for entry in each["Train"]["dataset"]["transforms"]
                if "TextCopyPaste" in entry
            ]
            for key, each in configs.items()
        }
        assert shares == {"student": [], "dml": [0], "cml": [0], "paste": [1]}

    @pytest.mark.parametrize("task", TASK)
    def test_without_a_clone_the_script_says_what_it_needs(self, task, monkeypatch, tmp_path):
        monkeypatch.delenv("PADDLEOCR_HOME", raising=False)
        done = run_script(task, "--smoke", "--output", tmp_path / "out")
        assert done.exit_code == 2
        assert f"the networks of {task} are not in the wheel: set PADDLEOCR_HOME to a clone" in done.output
        assert not list(tmp_path.rglob("*.png"))


class TestTrial:
    def test_warm_up_and_label_file_fit_the_budget_exactly(self, inputs, tmp_path):
        settings = trials.make_settings(REC, CTC, inputs)
        schedule_of_epochs, epochs = settings.config["Optimizer"]["lr"], settings.config["Global"]["epoch_num"]
        trial = trials.make_trial(CTC, 1, 6, settings, tmp_path)
        trials.write_trial(trial, trials.read_training_lines(inputs.data))
        written = config.read(trial.folder / "config.yml")
        assert written["Global"]["epoch_num"] == 1
        assert written["Optimizer"]["lr"]["warmup_epoch"] == schedule_of_epochs["warmup_epoch"] / epochs
        (file,) = written["Train"]["dataset"]["label_file_list"]
        assert len(Path(file).read_text(encoding="utf-8").splitlines()) == 6 * smoke.BATCH == trial.images

    def test_a_schedule_in_parts_of_an_epoch_is_one_that_the_trainer_takes(self, wheel, inputs, tmp_path):
        from ppocrv2_ext.host.components import catalog

        for row in (row for row in TASKS["scratch"].rows if not row.in_clone):
            settings = trials.make_settings(TASKS["scratch"], row, inputs)
            vocabulary.check(trials.make_trial(row, 1, 6, settings, tmp_path).config, catalog)

    def test_the_digest_depends_on_settings_and_steps_and_not_on_the_seed(self, inputs, tmp_path):
        def digest(seed=1, steps=2, *overrides):
            changed_inputs = inputs._replace(overrides=(*inputs.overrides, *overrides))
            return trials.make_trial(CTC, seed, steps, trials.make_settings(REC, CTC, changed_inputs), tmp_path).digest

        assert digest(seed=2) == digest()
        assert len({digest(), digest(1, 3), digest(1, 2, "Optimizer.lr.learning_rate=0.1")}) == 3

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("first/seed{seed}/latest", ["first/seed3/latest", "first/seed14/latest"]),
            ("{seed}/latest", ["3/latest", "14/latest"]),
            ("'{seed}: latest'", ["3: latest", "14: latest"]),
        ],
    )
    def test_the_seed_takes_its_place_in_every_value(self, inputs, tmp_path, value, expected):
        overrides = (*inputs.overrides, f"Global.pretrained_model={value}")
        settings = trials.make_settings(REC, CTC, inputs._replace(overrides=overrides))
        made = [trials.make_trial(CTC, seed, 2, settings, tmp_path) for seed in (3, 14)]
        assert [trial.config["Global"]["pretrained_model"] for trial in made] == expected
        assert made[0].digest == made[1].digest  # there are no such files
        assert "Global.pretrained_model=" + value.replace("{seed}", "14") == made[1].changes[-1]

    def test_the_seed_can_be_a_number_and_a_later_override_wins(self, inputs, tmp_path):
        def rate(*overrides):
            keys = tuple(f"Optimizer.lr.learning_rate={value}" for value in overrides)
            settings = trials.make_settings(REC, CTC, inputs._replace(overrides=(*inputs.overrides, *keys)))
            return trials.make_trial(CTC, 7, 2, settings, tmp_path).config["Optimizer"]["lr"]["learning_rate"]

        assert rate("0.00{seed}") == 0.007
        assert rate("0.00{seed}", 0.5) == 0.5
        assert rate(0.5, "0.00{seed}") == 0.007

    def test_the_digest_depends_on_weights_that_an_override_names(self, inputs, tmp_path):
        def write(name, content):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)

        def digests(path):
            own = inputs._replace(overrides=(*inputs.overrides, f"Global.pretrained_model={tmp_path}/{path}"))
            settings = trials.make_settings(REC, CTC, own)
            return [trials.make_trial(CTC, seed, 2, settings, tmp_path).digest for seed in (1, 2)]

        for seed in (1, 2):
            write(f"{seed}/latest.pdparams", bytes([seed]))
        write("one/latest.pdparams", b"weights")
        shared, own = digests("one/latest"), digests("{seed}/latest")
        assert shared[0] == shared[1]
        assert own[0] != own[1]
        write("one/latest.pdparams", b"other weights")
        write("2/latest.pdparams", b"other weights")
        assert digests("one/latest")[0] != shared[0]
        assert [a == b for a, b in zip(digests("{seed}/latest"), own)] == [True, False]

    def test_a_run_says_which_weights_its_trained_networks_started_from(self, inputs, tmp_path):
        for name in ("start", "wise"):
            (tmp_path / f"{name}.pdparams").write_text(name, encoding="utf-8")
        start, wise = (trials.digest_file(tmp_path / f"{name}.pdparams") for name in ("start", "wise"))

        def starts(task, row, *overrides, **own):
            settings = trials.make_settings(task, row, inputs._replace(overrides=overrides, **own))
            return trials.make_trial(row, 1, 2, settings, tmp_path).starts

        cml = next(row for row in DET.rows if row.key == "cml")
        named = f"Architecture.Models.Student2.pretrained={tmp_path / 'wise'}"
        assert starts(REC, CTC) == {None: None}
        assert starts(REC, CTC, weights=tmp_path / "start") == {None: start}
        assert starts(DET, cml, named, weights=tmp_path / "start") == {"Student": start, "Student2": wise}

    def test_a_digest_of_earlier_versions_is_still_the_same(self, inputs, tmp_path):
        settings = trials.make_settings(REC, CTC, inputs)
        assert trials.make_trial(CTC, 1, 2, settings, tmp_path).digest == trials.make_digest(
            [trials.make_digest([settings.config, settings.contents]), 2]
        )
        assert set(settings.contents) == {"train", "test"}

    @pytest.mark.parametrize("changed", ["train.txt", "test.txt", "start.pdparams"])
    def test_the_digest_depends_on_the_content_of_the_files(self, inputs, tmp_path, changed):
        data = shutil.copytree(inputs.data, tmp_path / "other")
        (data / "start.pdparams").write_bytes(b"some weights")
        changed_inputs = inputs._replace(data=data, weights=data / "start")

        def digest():
            return trials.make_trial(CTC, 1, 2, trials.make_settings(REC, CTC, changed_inputs), tmp_path).digest

        before = digest()
        assert digest() == before
        with (data / changed).open("ab") as file:
            file.write(b"more")
        assert digest() != before

    def test_a_row_with_twice_the_batch_takes_half_the_steps(self, inputs):
        settings = trials.make_settings(REC, CTC, inputs).config
        double = config.override(settings, [f"Train.loader.batch_size_per_card={2 * smoke.BATCH}"])
        assert trials.count_steps(10, double, settings) == 5
        with pytest.raises(UserError, match="cannot see 6 images in whole steps"):
            trials.count_steps(3, double, settings)


class TestRun:
    @pytest.fixture
    def trial(self, inputs, tmp_path):
        return trials.make_trial(UDML, 7, 2, trials.make_settings(REC, UDML, inputs), tmp_path / "udml")

    def test_a_result_holds_both_networks_and_names_the_best_one(self, trial, inputs):
        result = run_one.run_trial(trial, REC, trials.read_training_lines(inputs.data), FakeProcesses(udml=0.6))
        assert json.loads((trial.folder / "result.json").read_text(encoding="utf-8")) == result
        assert {name: each["acc"] for name, each in result["networks"].items()} == {"Student": 0.6, "Teacher": 0.3}
        assert (result["best"], result["images"], result["cpu_seconds"]) == ("Student", 4, 5.0)
        assert result["train_seconds"] == 2 * 0.5

    def test_a_training_that_stops_early_is_a_failure(self, trial, inputs, monkeypatch):
        monkeypatch.setattr(smoke, "BATCH", 4)  # half as many steps to the fake trainer
        trial.config["Global"]["print_batch_step"] = 1
        assert run_one.run_trial(trial, REC, trials.read_training_lines(inputs.data), FakeProcesses(udml=0.6)) is None
        assert "after 1 of 2 steps" in records.read_json(trial.folder / "failed.json")["problem"]
        assert not (trial.folder / "result.json").exists()

    def test_a_row_that_would_leave_lines_out_fails_before_its_training(self, trial, inputs):
        processes = FakeProcesses(udml=0.6, left_out=2)
        assert run_one.run_trial(trial, REC, trials.read_training_lines(inputs.data), processes) is None
        assert processes.commands == []
        problem = records.read_json(trial.folder / "failed.json")["problem"]
        assert problem.startswith("a training leaves out 2 of its 9 lines, and all rows must see the same")

    def test_the_log_of_an_interrupted_run_does_not_count_in_the_next(self, trial, inputs):
        trial.folder.mkdir(parents=True)
        (trial.folder / "log.txt").write_text(STEP.format(99), encoding="utf-8")
        assert (
            run_one.run_trial(trial, REC, trials.read_training_lines(inputs.data), FakeProcesses(udml=0.6))["steps"]
            == 2
        )

    def test_a_log_may_hold_bytes_that_are_not_utf_8(self, trial, inputs):
        class Latin(FakeProcesses):
            def run(self, arguments, log, fine=(0,)):
                with Path(log).open("ab") as stream:
                    stream.write("café.png is broken\n".encode("latin-1"))
                return super().run(arguments, log)

        lines = trials.read_training_lines(inputs.data)
        assert run_one.run_trial(trial, REC, lines, Latin(udml=0.6))["best"] == "Student"

    def test_a_result_of_other_settings_is_refused(self, trial):
        trial.folder.mkdir(parents=True)
        records.write_json(trial.folder / "result.json", {"digest": "another"})
        with pytest.raises(UserError, match="other settings"):
            run_one.read_result(trial)

    def test_a_json_file_that_cannot_be_finished_is_not_left_behind(self, tmp_path):
        with pytest.raises(TypeError):
            records.write_json(tmp_path / "result.json", {"mean": object()})
        assert not (tmp_path / "result.json").exists()


class TestAblation:
    def test_finished_runs_are_not_run_again(self, inputs, tmp_path):
        first, second = FakeProcesses(ctc=0.5, udml=0.6), FakeProcesses(ctc=0.5, udml=0.6)
        ablation(inputs, tmp_path / "out").run(1, first)
        ablation(inputs, tmp_path / "out").run(1, second)
        assert Counter(first.commands) == dict.fromkeys(
            [("train", "ctc"), ("train", "udml"), ("eval", "ctc"), ("eval", "udml")], 2
        )
        assert second.commands == []

    def test_a_failed_row_does_not_stop_the_others_and_is_tried_again(self, inputs, tmp_path):
        assert not ablation(inputs, tmp_path / "out").run(1, FakeProcesses(udml=0.6))
        results = read_results(tmp_path / "out" / "2-steps")
        assert {seed for seed, _, _ in results.failures["ctc"]} == {1, 2}
        assert [run["seed"] for run in results.runs["udml"]] == [1, 2]
        ablation(inputs, tmp_path / "out").run(1, FakeProcesses(ctc=0.5))
        assert read_results(tmp_path / "out" / "2-steps").failures == {}

    def test_equal_time_takes_its_pace_from_the_runs_of_another_budget_and_keeps_it(self, inputs, tmp_path):
        processes = FakeProcesses(ctc=0.5, udml=0.6)
        ablation(inputs, tmp_path / "out").run(1, processes)  # 0.5 s a step
        for _ in range(2):
            ablation(inputs, tmp_path / "out", steps=None, minutes=0.1).run(1, processes)
        results = read_results(tmp_path / "out" / "0.1-minutes").runs["ctc"]
        assert [run["steps"] for run in results] == [12, 12]

    def test_equal_time_without_other_runs_takes_its_pace_from_a_few_steps(self, inputs, tmp_path):
        processes = FakeProcesses(ctc=0.5, udml=0.6)
        ablation(inputs, tmp_path / "out", [CTC], steps=None, minutes=0.05, seeds=[1]).run(1, processes)
        (result,) = read_results(tmp_path / "out" / "0.05-minutes").runs["ctc"]
        assert result["steps"] == 6  # 3 s at 0.5 s a step
        assert not (tmp_path / "out" / "0.05-minutes" / "ctc" / "calibration").exists()

    def test_seeds_that_start_from_one_file_are_averaged_once(self, inputs, tmp_path):
        (tmp_path / "start.pdparams").touch()
        changed_inputs, scores = inputs._replace(weights=tmp_path / "start"), {"ctc": 0.5, "udml": 0.6, "start": 0.4}
        for seeds, expected in (((1,), 0), ((1, 2), 1), ((1, 2), 0), ((1, 2, 3), 1)):
            processes = FakeProcesses(**scores)
            ablation(changed_inputs, tmp_path / "out", seeds=seeds).run(1, processes)
            assert [processes.commands.count(("average", key)) for key in ("ctc", "udml")] == [expected] * 2
        averages = read_results(tmp_path / "out" / "2-steps").averages
        assert averages["ctc"]["seeds"] == [1, 2, 3]
        assert averages["ctc"]["networks"] == {"network": {"acc": 0.25, "norm_edit_dis": 0.8}}
        assert {name: each["acc"] for name, each in averages["udml"]["networks"].items()} == {
            "Student": 0.3,
            "Teacher": 0.15,
        }

    def test_seeds_that_start_from_files_of_their_own_are_not_averaged(self, inputs, tmp_path):
        for name in ("start", "1", "2"):
            (tmp_path / f"{name}.pdparams").write_text(name, encoding="utf-8")
        own = (*inputs.overrides, f"ctc:Global.pretrained_model={tmp_path}/{{seed}}")
        processes = FakeProcesses(ctc=0.5, udml=0.6, start=0.4)
        ablation(inputs._replace(weights=tmp_path / "start", overrides=own), tmp_path / "out").run(1, processes)
        assert processes.commands.count(("average", "udml")) == 1
        assert ("average", "ctc") not in processes.commands
        assert ("eval", "start") not in processes.commands
        assert not (tmp_path / "out" / "start.json").exists()

    def test_seeds_that_an_override_starts_from_one_file_are_averaged(self, inputs, tmp_path):
        (tmp_path / "start.pdparams").touch()
        own = inputs._replace(overrides=(*inputs.overrides, f"ctc:Global.pretrained_model={tmp_path}/start"))
        processes = FakeProcesses(ctc=0.5, udml=0.6)
        ablation(own, tmp_path / "out").run(1, processes)
        assert [processes.commands.count(("average", key)) for key in ("ctc", "udml")] == [1, 0]

    def test_the_report_tells_of_the_weights_only_if_all_runs_started_there(self, inputs, tmp_path):
        for name in ("start", "1", "2"):
            (tmp_path / f"{name}.pdparams").write_text(name, encoding="utf-8")
        processes, output = FakeProcesses(ctc=0.5, udml=0.6, start=0.4), tmp_path / "out"

        def run(*overrides, steps):
            own = inputs._replace(weights=tmp_path / "start", overrides=(*inputs.overrides, *overrides))
            ablation(own, output, [CTC], steps=steps).run(1, processes)
            return read_start(output, [read_results(folder) for folder in find_budgets(output).values()], REC.measures)

        assert run(steps=2) == {"acc": 0.4, "norm_edit_dis": 0.8}
        assert run(steps=3) == {"acc": 0.4, "norm_edit_dis": 0.8}
        assert processes.commands.count(("eval", "start")) == 1
        assert run(f"Global.pretrained_model={tmp_path}/{{seed}}", steps=4) is None

    def test_a_short_run_for_the_pace_has_the_weights_of_a_seed(self, inputs, tmp_path):
        (tmp_path / "4.pdparams").touch()
        own = inputs._replace(overrides=(*inputs.overrides, f"Global.pretrained_model={tmp_path}/{{seed}}"))
        folders = []

        class Spy(FakeProcesses):
            def run(self, arguments, log, fine=(0,)):
                folders.append(config.read(arguments[2])["Global"]["pretrained_model"])
                return super().run(arguments, log)

        ablation(own, tmp_path / "out", [CTC], steps=None, minutes=0.05, seeds=[4]).run(1, Spy(ctc=0.5))
        assert set(folders) == {str(tmp_path / "4")}

    @pytest.mark.parametrize("failure", [UserError("no image can be read"), RuntimeError("no image can be read")])
    def test_a_failure_of_the_timing_is_kept_for_the_report_and_tried_again(
        self, inputs, tmp_path, monkeypatch, failure
    ):
        def fail(folders, data):
            raise failure

        cost = {"parameters": 1, "bytes": 2, "engine": "onnxruntime"}
        monkeypatch.setattr(deployment, "export_network", lambda _, run, __: {"digest": run["digest"], **cost})
        monkeypatch.setattr(deployment, "measure_milliseconds", fail)
        processes = FakeProcesses(ctc=0.5)
        assert not ablation(inputs, tmp_path / "out", [CTC]).run(1, processes)
        kept = read_results(tmp_path / "out" / "2-steps").deployments["ctc"]
        assert "no image can be read" in kept["problem"]
        assert kept["parameters"] == 1

        monkeypatch.setattr(deployment, "measure_milliseconds", lambda folders, data: dict.fromkeys(folders, 1.5))
        assert ablation(inputs, tmp_path / "out", [CTC]).run(1, processes)
        timed = read_results(tmp_path / "out" / "2-steps").deployments["ctc"]
        assert (timed["milliseconds"], "problem" in timed) == (1.5, False)

    def test_an_export_that_fails_in_any_way_does_not_stop_the_ablation(self, inputs, tmp_path, monkeypatch):
        def fail(*_):
            raise RuntimeError("Paddle is not well")

        monkeypatch.setattr(deployment, "export_network", fail)
        assert not ablation(inputs, tmp_path / "out", [CTC]).run(1, FakeProcesses(ctc=0.5))

    def test_seeds_that_start_without_weights_are_not_averaged(self, inputs, tmp_path):
        ablation(inputs, tmp_path / "out").run(1, FakeProcesses(ctc=0.5, udml=0.6))
        assert read_results(tmp_path / "out" / "2-steps").averages == {}

    def test_a_second_ablation_in_the_same_folder_is_refused(self, tmp_path):
        with run_all.lock_folder(tmp_path), pytest.raises(UserError, match="at work"), run_all.lock_folder(tmp_path):
            pass

    def test_a_folder_in_place_of_the_lock_is_refused(self, tmp_path):
        (tmp_path / ".lock").mkdir()
        with pytest.raises(UserError, match="cannot write .*lock: Is a directory"), run_all.lock_folder(tmp_path):
            pass


class TestInputs:
    """What a user gives that cannot be used."""

    @pytest.mark.parametrize(
        ("override", "problem"),
        [
            ("Optimizer.lr=0.001", "row ctc: Optimizer.lr must be a mapping"),
            ("Optimizer.lr=null", "row ctc: an override of Optimizer leaves Optimizer.lr empty"),
            ("Optimizer=null", "row ctc: the config lacks the section Optimizer"),
            ("Global={use_gpu: false}", "row ctc: an override of Global leaves Global.epoch_num empty"),
            ("Train.loader.batch_size_per_card=0", "from 1 to 100000, got 0"),
            ("Train.loader.batch_size_per_card=abc", "from 1 to 100000, got 'abc'"),
            ("Global.epoch_num=0", "`Global.epoch_num` must be a whole number from 1"),
            ("Global.epoch_num={seed}0000000", "`Global.epoch_num` must be a whole number from 1"),
            ("Optimizer.lr.{seed}.x=1", "an override does not fit row ctc"),
        ],
    )
    def test_settings_that_no_training_takes_are_refused(self, inputs, tmp_path, override, problem):
        with pytest.raises(UserError, match=problem):
            ablation(inputs._replace(overrides=(*inputs.overrides, override)), tmp_path / "out", [CTC])

    def test_an_override_that_the_baseline_does_not_take_names_it(self, inputs, tmp_path):
        own = inputs._replace(overrides=("Architecture.Models.Student.perturbation=1",))
        with pytest.raises(UserError, match=r"does not fit row ctc \(-o ROW:KEY=VALUE changes one row alone\)"):
            ablation(own, tmp_path / "out", [UDML])

    def test_a_value_that_only_the_trainer_can_judge_is_left_to_it(self, inputs, tmp_path):
        own = inputs._replace(overrides=(*inputs.overrides, "Optimizer.lr.decay_epochs=[a, 3]"))
        trial = trials.make_trial(CTC, 1, 2, trials.make_settings(REC, CTC, own), tmp_path)
        assert trial.config["Optimizer"]["lr"]["decay_epochs"][0] == "a"

    def test_a_row_twice_is_refused(self):
        with pytest.raises(UserError, match="each row must be there once, got ctc,udml,ctc"):
            REC.select_rows(["ctc", "udml", "ctc"])

    def test_a_label_file_in_utf_16_is_converted(self, data):
        lines = trials.read_training_lines(data)
        (data / "train.txt").write_text("\r\n".join(lines), encoding="utf-16")
        assert trials.read_training_lines(data) == lines

    def test_a_label_file_in_latin_1_is_refused(self, data):
        (data / "train.txt").write_bytes("train0.png\tt0\ntrain1.png\tété\n".encode("latin-1"))
        with pytest.raises(UserError, match="train.txt:2 is not UTF-8 text; save the file as UTF-8"):
            trials.read_training_lines(data)


class TestSmokeData:
    def test_the_same_images_are_drawn_once_more(self, tmp_path):
        folder = smoke.draw_data("rec", tmp_path / "drawn")
        before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
        smoke.draw_data("rec", folder)
        assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before

    def test_a_file_of_the_user_stays_and_nothing_is_drawn(self, tmp_path):
        (tmp_path / "train.txt").write_text("mine", encoding="utf-8")
        with pytest.raises(UserError, match="train.txt would be overwritten; name another --output"):
            smoke.draw_data("rec", tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["train.txt"]
        assert (tmp_path / "train.txt").read_text(encoding="utf-8") == "mine"


class TestTask:
    def test_the_runs_of_another_task_are_refused(self, inputs, tmp_path):
        records.write_json(tmp_path / "task.json", {"task": "det_scratch"})
        require_task(tmp_path, "det_scratch", TASKS["det_scratch"])
        with pytest.raises(UserError, match="holds the runs of det_scratch, not of det"):
            require_task(tmp_path, "det", DET)

    def test_a_folder_without_a_mark_must_have_rows_of_the_task(self, inputs, tmp_path):
        require_task(tmp_path, "rec", REC)
        ablation(inputs, tmp_path).run(1, FakeProcesses(ctc=0.5, udml=0.6))
        require_task(tmp_path, "rec", REC)
        with pytest.raises(UserError, match="holds runs of ctc, which is no row of scratch"):
            require_task(tmp_path, "scratch", TASKS["scratch"])

    def test_the_start_of_another_task_is_not_shown(self, tmp_path):
        records.write_json(tmp_path / "start.json", {"digest": "a", "measures": {"hmean": 0.5}})
        assert read_start(tmp_path, [], REC.measures) is None
        assert read_start(tmp_path, [], ["hmean"]) == {"hmean": 0.5}

    def test_a_file_that_is_no_json_is_named(self, tmp_path):
        (tmp_path / "start.json").write_text("{", encoding="utf-8")
        with pytest.raises(UserError, match="start.json is not JSON"):
            read_start(tmp_path, [], REC.measures)


class TestProcesses:
    def test_a_failing_command_names_its_log(self, tmp_path):
        with pytest.raises(CommandError, match="exit code 2") as caught:
            Processes().run(["nonsense"], tmp_path / "log.txt")
        assert "No such command" in caught.value.log.read_text(encoding="utf-8")

    def test_stopping_ends_the_running_command_and_refuses_the_next(self, tmp_path):
        processes, raised = Processes(), []

        def work():
            try:
                processes.run(["info"], tmp_path / "log.txt")
            except StoppedError as error:
                raised.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not processes.alive:
            pass
        processes.stop()
        thread.join(timeout=30)
        assert len(raised) == 1
        with pytest.raises(StoppedError):
            processes.run(["info"], tmp_path / "log.txt")


class TestDeployment:
    def test_engines_take_turns_and_the_warm_up_does_not_count(self):
        seen = []
        engines = {key: lambda image, key=key: seen.append(key + image) for key in "ab"}
        times = deployment.time_in_turns(engines, {"a": ["1", "2"], "b": ["3", "4"]})
        assert seen == ["a1", "b3", "a2", "b4"] * 2
        assert {key: len(each) for key, each in times.items()} == {"a": 2, "b": 2}

    def test_scenes_and_lines_have_the_size_at_which_the_network_is_used(self, data, tmp_path):
        scenes, detector = smoke.draw_data("det", tmp_path / "scenes"), official_settings("det")
        assert {each.shape for each in deployment.read_test_inputs(scenes, "det", detector)} == {(1, 3, 736, 736)}
        assert {each.shape for each in deployment.read_test_inputs(data, "rec", LINES)} == {(1, 3, 32, 128)}

    def test_scenes_have_the_size_that_the_description_of_the_network_asks_for(self, tmp_path):
        scenes = smoke.draw_data("det", tmp_path / "scenes")
        small = official_settings("det")._replace(resize={"limit_side_len": 160, "limit_type": "max"})
        assert {max(each.shape[2:]) for each in deployment.read_test_inputs(scenes, "det", small)} == {160}

    def test_images_that_cannot_be_read_are_left_out(self, data):
        label = (data / "test.txt").read_text(encoding="utf-8")
        (data / "broken.png").write_bytes(b"no picture")
        (data / "test.txt").write_text(f"broken.png\ta\nmissing.png\tb\n\nno tab\n{label}", encoding="utf-8")
        inputs = deployment.read_test_inputs(data, "rec", LINES)
        assert len(inputs) == smoke.COUNT["test"]

    def test_a_test_set_without_readable_images_cannot_be_timed(self, data, monkeypatch):
        (data / "test.txt").write_text("missing.png\ta\n", encoding="utf-8")
        monkeypatch.setattr(deployment, "load_paddle_engine", lambda folder: None)
        monkeypatch.setattr(deployment, "read_folder", lambda folder: ("rec", folder, LINES))
        with pytest.raises(UserError, match="no image of .*test.txt can be read"):
            deployment.measure_milliseconds({"ctc": data}, data)


def run_script(*arguments):
    return CliRunner().invoke(runpy.run_path(str(ROOT / "scripts" / "ablate.py"))["main"], list(map(str, arguments)))


def run_smoke(kind, rows, folder, **variables):
    """Run the smallest ablation in ``folder``, from training to the table."""
    pytest.importorskip("matplotlib")
    command = [sys.executable, ROOT / "scripts" / "ablate.py", kind, "--smoke", "--rows", rows, "--output", "out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    (section,) = json.loads((folder / "out" / "table.json").read_text(encoding="utf-8"))["budgets"]
    assert [line["images"] for line in section["lines"]] == [smoke.STEPS * smoke.BATCH] * len(section["lines"])
    assert all(line["deployed"]["parameters"] > 10000 for line in section["lines"])


class TestScript:
    def test_only_report_writes_the_tables_of_the_finished_runs(self, inputs, tmp_path):
        pytest.importorskip("matplotlib")
        ablation(inputs, tmp_path / "out").run(1, FakeProcesses(ctc=0.5, udml=0.625))
        done = run_script("rec", "--output", tmp_path / "out", "--only-report", "--rows", "ctc,udml")
        assert done.exit_code == 0, done.output
        text = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
        assert "| CTC + U-DML | 0.739 | 0.625 ± 0.000 | 0.800 ± 0.000 | 2 | +0.125 ± 0.000 | 4 |" in text
        assert (tmp_path / "out" / "table.png").stat().st_size > 10000

    def test_a_failed_run_is_in_the_table_and_in_the_exit_code(self, inputs, tmp_path):
        pytest.importorskip("matplotlib")
        ablation(inputs, tmp_path / "out").run(1, FakeProcesses(ctc=0.5))
        done = run_script("rec", "--output", tmp_path / "out", "--only-report")
        assert done.exit_code == 1
        assert "udml/seed1/log.txt" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--steps", 3], "--data is missing"),
            (["--smoke", "--rows", "ctc,cct"], "did you mean 'ctc'"),
            (["--only-report"], "holds no runs"),
            (["--steps", 3, "--seeds", "1,1"], "each seed must be there once"),
            (["--steps", 3, "--seeds=-1"], "a seed must be from 0 to"),
            (["--minutes", "inf"], "up to 525600, got inf"),
            (["--minutes", "nan"], "up to 525600, got nan"),
            (["--smoke", "--output", "/proc/nothing"], "cannot write to /proc/nothing"),
            (["--smoke", "--output", f"{__file__}/below"], "Not a directory"),
        ],
    )
    def test_a_mistake_is_one_sentence_and_exit_code_2(self, arguments, problem, tmp_path):
        done = run_script("rec", "--output", tmp_path / "out", *arguments)
        assert done.exit_code == 2
        assert problem in done.output

    @pytest.fixture
    def fake(self, monkeypatch):
        """The commands that the script ran; the weights before training cannot be evaluated."""
        processes = FakeProcesses(ctc=0.5, udml=0.6)
        monkeypatch.setattr("experiments.processes.Processes", lambda locks: contextlib.nullcontext(processes))
        return processes

    def test_a_smoke_run_leaves_the_data_of_the_user_alone(self, fake, tmp_path):
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "train.txt").write_text("mine", encoding="utf-8")
        done = run_script("rec", "--smoke", "--rows", "ctc", "--output", tmp_path)
        assert ("train", "ctc") in fake.commands, done.output
        assert (tmp_path / "data" / "train.txt").read_text(encoding="utf-8") == "mine"
        assert (tmp_path / "smoke_data" / "train.txt").is_file()

    def test_a_smoke_run_that_is_refused_draws_nothing(self, fake, tmp_path):
        done = run_script("rec", "--smoke", "--rows", "ctc", "--output", tmp_path, "-o", "Optimizer=null")
        assert done.exit_code == 2
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]

    def test_another_task_is_refused_and_the_report_stays(self, fake, data, tmp_path):
        pytest.importorskip("matplotlib")
        own = ["-o", f"Train.loader.batch_size_per_card={smoke.BATCH}"]
        run_script("rec", "--data", data, "--steps", 2, "--rows", "ctc", "--output", tmp_path / "out", *own)
        table = (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
        for arguments in (["--only-report"], ["--smoke"]):
            done = run_script("scratch", "--output", tmp_path / "out", *arguments)
            assert done.exit_code == 2
            assert "holds the runs of rec, not of scratch" in done.output
        assert (tmp_path / "out" / "table.md").read_text(encoding="utf-8") == table

    def test_a_failing_evaluation_of_the_weights_names_its_log(self, fake, data, tmp_path):
        (tmp_path / "start.pdparams").touch()
        weights = ["--weights", tmp_path / "start"]
        done = run_script("rec", "--data", data, "--steps", 2, "--rows", "ctc", "--output", tmp_path / "out", *weights)
        assert done.exit_code == 2
        assert f"see {tmp_path / 'out' / 'start.txt'}" in done.output

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("kind", "rows"), [("rec", "ctc,both,stock"), ("det", "student,paste"), ("det_scratch", "student,dml")]
    )
    def test_the_smoke_run_goes_from_training_to_the_table(self, kind, rows, tmp_path):
        run_smoke(kind, rows, tmp_path)

    @pytest.mark.slow
    @pytest.mark.checkout
    @pytest.mark.parametrize(("kind", "rows"), [("v6_rec", "ctc,both"), ("v6_det", "dml,cml,paste")])
    def test_the_smoke_run_on_a_clone_does_too(self, kind, rows, checkout, tmp_path):
        run_smoke(kind, rows, tmp_path, PADDLEOCR_HOME=str(checkout))
