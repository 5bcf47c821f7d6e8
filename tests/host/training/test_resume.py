"""A training that goes on from its checkpoint takes the steps that it would have taken without a stop."""

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys

import numpy as np
import paddle
import pytest
from drawn_words import draw_words

from ppocrv2_ext.checkpoints import pdparams, pickles, records, sets
from ppocrv2_ext.checkpoints.paths import find_dictionary
from ppocrv2_ext.commands.train import train
from ppocrv2_ext.config import locate, read
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.data.transforms import list_transforms
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import sha256

CLONE = os.environ.get("TESTED_CLONE")  # set where this file runs for a clone of PaddleOCR
COLLABORATION = "det/ch_PP-OCRv2_det_cml"
DETECTOR = "det/ch_PP-OCRv2_det_dml"
RECOGNIZER = "rec/ch_PP-OCRv2_rec_finetune"
UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"


class Kill(BaseException):
    """Stands for the SIGKILL that a process does not notice."""


@pytest.fixture
def connected():
    """The PaddleOCR that this file runs for, plugged into this process."""
    from ppocrv2_ext.host import connect

    return connect(CLONE)


@pytest.fixture
def run(connected, tmp_path, monkeypatch):
    """Train in this process, and stop at a step: ``run(config, *overrides, resume=None, signal_at=7, kill_at=None)``.

    The step at which a signal comes is finished, the one at which the training is killed is not.
    """
    from ppocrv2_ext.host.training import resume as host_resume

    monkeypatch.chdir(tmp_path)
    seed_step = host_resume.seed_step

    def run(config, *overrides, resume=None, signal_at=None, kill_at=None):
        steps = []

        def count_step(place):
            seed_step(place)
            steps.append(place)
            if len(steps) == signal_at:
                signal.raise_signal(signal.SIGTERM)
            if len(steps) == kill_at:
                raise Kill

        monkeypatch.setattr(host_resume, "seed_step", count_step)
        random.seed()  # nothing may depend on what was drawn in this process before
        np.random.seed()
        with paddle.utils.unique_name.guard():  # as in a new process: optimizers call weights by these names
            train(config, list(overrides), CLONE, resume)
        return steps

    return run


def words(folder, name):
    """Overrides for a single narrow recognizer, or for the two of UDML, on words that are augmented at random."""
    changes = [change for change in draw_words(folder) if ".RecAug." not in change]
    if name == RECOGNIZER:
        changes = [
            c.replace("Architecture.Models.Student.", "Architecture.") for c in changes if "Models.Teacher" not in c
        ]
        changes += ["Global.pretrained_model="]
    return [*changes, "Global.cal_metric_during_train=false", "Train.dataset.transforms.RecAug.tia_prob=1"]


def assert_equal_trainings(folder, other):
    """The weights, the optimizer with its schedule, and the epoch of two folders are bit for bit the same."""
    for suffix in (".pdparams", ".pdopt"):
        values, others = (
            pickles.without_tensor_names(pickles.read(place / f"latest{suffix}")) for place in (folder, other)
        )
        assert list(values) == list(others)
        for name, value in values.items():
            np.testing.assert_equal(value, others[name], err_msg=name)
    assert records.read_position(folder / "latest") == records.read_position(other / "latest")


@pytest.mark.parametrize("name", [RECOGNIZER, pytest.param(UDML_CENTER, marks=pytest.mark.slow)])
def test_a_recognizer_that_was_stopped_and_killed_ends_as_one_that_was_not(name, run, tmp_path):
    overrides = [*words(tmp_path, name), "Global.epoch_num=3"]
    assert len(run(name, *overrides, "Global.save_model_dir=whole")) == 6
    with pytest.raises(SystemExit) as end:
        run(name, *overrides, "Global.save_model_dir=parts", signal_at=1)  # in the middle of an epoch
    assert end.value.code == 128 + signal.SIGTERM
    assert records.read_position(tmp_path / "parts" / "latest")[:3] == (1, 1, 1)
    with pytest.raises(Kill):
        run(name, *overrides, "Global.save_model_dir=parts", resume="parts", kill_at=3)
    assert records.read_position(tmp_path / "parts" / "latest")[:3] == (1, 2, 2)
    places = run(name, *overrides, "Global.save_model_dir=parts", resume="parts")
    assert [place[-2:] for place in places] == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert_equal_trainings(tmp_path / "parts", tmp_path / "whole")


def test_a_signal_in_the_last_step_of_an_epoch_leaves_its_checkpoint(run, tmp_path, capfd):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=3", "Global.save_epoch_step=1"]
    run(RECOGNIZER, *overrides, "Global.save_model_dir=whole")
    with pytest.raises(SystemExit) as end:
        run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", signal_at=2)
    assert end.value.code == 128 + signal.SIGTERM
    assert "stopped by a signal: step 2, in epoch 1, was the last" in capfd.readouterr().err
    assert records.find_problem(tmp_path / "parts" / "iter_epoch_1") is None
    assert records.read_position(tmp_path / "parts" / "latest")[:3] == (1, 2, 2)
    assert len(run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", resume="parts")) == 4
    assert_equal_trainings(tmp_path / "parts", tmp_path / "whole")
    left = [sorted(path.name for path in (tmp_path / folder).glob("*.pd*")) for folder in ("parts", "whole")]
    assert left[0] == left[1]


def test_a_signal_in_the_last_step_of_all_comes_to_a_training_that_finishes(run, tmp_path, capfd):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=2", "Global.save_epoch_step=1"]
    assert len(run(RECOGNIZER, *overrides, signal_at=4)) == 4
    assert records.find_problem(tmp_path / "out" / "iter_epoch_2") is None
    run(RECOGNIZER, *overrides, resume="out")
    assert "out/latest is finished: 2 of 2 epochs" in capfd.readouterr().out


def scenes(samples, folder, name):
    """Overrides for a training of detectors on real scenes cut to 96 x 96, with Copy-Paste."""
    labels = (samples / "icdar2015_scenes" / "train.txt").read_text(encoding="utf-8-sig").splitlines()[:4]
    (folder / "scenes.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    transforms = [transform for transform, _ in list_transforms(read(locate(name))["Train"]["dataset"])]
    crop = next(name for name in ("RandomSceneCrop", "EastRandomCropData") if name in transforms)
    return [
        *(f"{mode}.dataset.data_dir={samples / 'icdar2015_scenes'}" for mode in ("Train", "Eval")),
        *(f"{mode}.dataset.label_file_list=[scenes.txt]" for mode in ("Train", "Eval")),
        f"Train.dataset.transforms.{crop}.size=[96,96]",
        *("Train.loader.num_workers=0", "Eval.loader.num_workers=0", "Train.loader.batch_size_per_card=2"),
        *("Global.use_gpu=false", "Global.print_batch_step=1", "Global.eval_batch_step=[0,1000]"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", [DETECTOR, COLLABORATION])
def test_detectors_that_were_stopped_end_as_those_that_were_not(name, run, samples, tmp_path):
    overrides = [*scenes(samples, tmp_path, name), "Global.epoch_num=2"]
    if name == COLLABORATION:
        overrides.append("Architecture.Models.Teacher.pretrained=")  # 100 MB, and it learns nothing
    run(name, *overrides, "Global.save_model_dir=whole")
    with pytest.raises(SystemExit):
        run(name, *overrides, "Global.save_model_dir=parts", signal_at=3)
    assert len(run(name, *overrides, "Global.save_model_dir=parts", resume="parts")) == 1
    assert_equal_trainings(tmp_path / "parts", tmp_path / "whole")


def test_average_and_order_of_shares_go_on_too_with_several_loader_processes(run, tmp_path):
    overrides = [
        *words(tmp_path, RECOGNIZER),
        *("Global.use_ema=true", "Global.epoch_num=2", "Train.loader.num_workers=2"),
        *("Train.dataset.ratio_list=[0.75]", "Train.loader.batch_size_per_card=3"),  # six lines, others in each epoch
    ]
    run(RECOGNIZER, *overrides, "Global.save_model_dir=whole")
    with pytest.raises(SystemExit):
        run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", signal_at=3)
    assert len(run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", resume="parts")) == 1
    assert_equal_trainings(tmp_path / "parts", tmp_path / "whole")
    averages = [pickles.read(tmp_path / folder / "latest.pdema") for folder in ("parts", "whole")]
    assert averages[0]["step"] == averages[1]["step"] == 4
    for state in ("train_state", "ema_state"):
        for name, value in pickles.without_tensor_names(averages[0][state]).items():
            np.testing.assert_equal(value, pickles.without_tensor_names(averages[1][state])[name], err_msg=name)


def test_a_finished_training_says_so_and_takes_no_step(run, tmp_path, capsys):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=1"]
    run(RECOGNIZER, *overrides)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.*")}
    assert run(RECOGNIZER, *overrides, resume="out") == []
    assert "out/latest is finished: 1 of 1 epochs" in capsys.readouterr().out
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.*")}
    assert {**before, ".training": 0} == {**after, ".training": 0}  # the lock names the last process


@pytest.mark.parametrize("name", [RECOGNIZER, pytest.param(UDML_CENTER, marks=pytest.mark.slow)])
def test_a_training_is_resumed_without_the_weights_that_it_began_with(name, run, tmp_path):
    overrides = words(tmp_path, name)
    run(name, *overrides, "Global.epoch_num=1", "Global.save_model_dir=start")
    start = ["Global.pretrained_model=start/latest"]
    if name == UDML_CENTER:
        members = [f"Architecture.Models.{member}.{{}}" for member in ("Student", "Teacher")]
        run(
            RECOGNIZER,
            *words(tmp_path, RECOGNIZER),
            "Architecture.Head.name=CenterCTCHead",
            "Global.epoch_num=1",
            "Global.save_model_dir=single",
        )
        start = [*(m.format("pretrained=single/latest") for m in members), members[1].format("perturbation=0.1")]
    run(name, *overrides, *start, "Global.epoch_num=1", "Global.save_model_dir=parts")
    for folder in ("start", "single"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    assert len(run("parts/resolved.yml", "Global.epoch_num=2", resume="parts")) == 2


def claim_nine_in_ten(folder):
    """Let the best checkpoint of a training say that it read nine words in ten."""
    record = folder / "best_accuracy.states"
    better = pickles.read(record)
    better["best_model_dict"]["acc"] = 0.9
    record.write_bytes(pickle.dumps(better, protocol=2))


def test_a_better_model_that_was_saved_after_the_checkpoint_is_not_overwritten(run, tmp_path):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=2", "Global.eval_batch_step=[0,1]"]
    with pytest.raises(Kill):
        run(RECOGNIZER, *overrides, kill_at=4)
    claim_nine_in_ten(tmp_path / "out")
    weights = (tmp_path / "out" / "best_accuracy.pdparams").read_bytes()
    run(RECOGNIZER, *overrides, resume="out")
    assert (tmp_path / "out" / "best_accuracy.pdparams").read_bytes() == weights
    assert pickles.read(tmp_path / "out" / "latest.states")["best_model_dict"]["acc"] == 0.9


def test_the_best_model_of_another_training_in_the_folder_gives_way(run, tmp_path):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=2"]
    run(RECOGNIZER, *overrides, "Global.eval_batch_step=[0,1]")
    claim_nine_in_ten(tmp_path / "out")
    weights = (tmp_path / "out" / "best_accuracy.pdparams").read_bytes()
    later = [*overrides, "Global.seed=7", "Global.eval_batch_step=[0,2]"]
    with pytest.raises(SystemExit):
        run(RECOGNIZER, *later, signal_at=1)  # before its first evaluation
    run(RECOGNIZER, *later, resume="out")
    assert (tmp_path / "out" / "best_accuracy.pdparams").read_bytes() != weights
    assert pickles.read(tmp_path / "out" / "latest.states")["best_model_dict"]["acc"] < 0.9


def test_a_training_that_ends_before_its_first_save_does_not_take_the_checkpoint_of_an_earlier_one(
    run, tmp_path, capfd, monkeypatch
):
    from ppocrv2_ext.host.training.resume import _Run

    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=1"]
    run(RECOGNIZER, *overrides)
    capfd.readouterr()

    def stop(*_):
        raise FloatingPointError("the loss is nan")

    with monkeypatch.context() as patch:
        patch.setattr(_Run, "batches", stop)
        with pytest.raises(UserError, match="the loss is nan; no checkpoint of this training was in out yet, start ag"):
            run(RECOGNIZER, *overrides)
        patch.setattr(_Run, "batches", lambda *_: [signal.raise_signal(signal.SIGTERM) for _ in range(2)])
        with pytest.raises(SystemExit):
            run(RECOGNIZER, *overrides)
        said = capfd.readouterr().err
        assert "was not finished; no checkpoint of this training is in out yet; start again." in said
        assert "out holds latest and iter_epoch_1 of an earlier training" in said
        with pytest.raises(SystemExit):
            run(RECOGNIZER, *overrides, "Global.epoch_num=2", "Global.checkpoints=out/latest")
        said = capfd.readouterr().err
        assert "was not finished; out/latest holds step 2; go on with" in said
        assert "of an earlier training" not in said


def test_trainings_of_older_versions_whose_records_have_no_name_keep_their_best_model(run, tmp_path):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=3", "Global.eval_batch_step=[0,1]"]
    with pytest.raises(Kill):
        run(RECOGNIZER, *overrides, kill_at=4)
    for file in (tmp_path / "out").glob("*.resume"):
        record = json.loads(file.read_text())
        assert len(record.pop("run")) == 32
        file.write_text(json.dumps(record))
    claim_nine_in_ten(tmp_path / "out")
    with pytest.raises(Kill):
        run(RECOGNIZER, *overrides, resume="out", kill_at=3)
    run(RECOGNIZER, *overrides, resume="out")
    assert pickles.read(tmp_path / "out" / "latest.states")["best_model_dict"]["acc"] == 0.9


def test_the_last_good_checkpoint_is_taken_when_the_newest_is_cut(run, tmp_path, capfd):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=3"]
    with pytest.raises(Kill):
        run(RECOGNIZER, *overrides, kill_at=5)  # two epochs are saved
    optimizer = tmp_path / "out" / "latest.pdopt"
    optimizer.write_bytes(optimizer.read_bytes()[:-9])
    places = run(RECOGNIZER, *overrides, resume="out")
    assert [place[-2:] for place in places] == [(3, 0), (3, 1)]
    said = capfd.readouterr().err
    assert "out/latest is not whole: latest.pdopt has" in said
    assert "going on from out/iter_epoch_2" in said


def test_a_recognizer_saves_its_dictionary_with_every_file_of_weights(run, tmp_path):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=1", "Global.eval_batch_step=[0,1]"]
    run(RECOGNIZER, *overrides, "Global.use_ema=true")
    files = sorted((tmp_path / "out").rglob("*.pdparams"))
    assert [file.stem for file in files] == ["best_accuracy", "model", "iter_epoch_1", "latest"]
    letters = (tmp_path / "letters.txt").read_bytes()
    assert {file.with_suffix(".dict.txt").read_bytes() for file in files} == {letters}
    assert {"latest.dict.txt", "latest.pdema"} < set(records.read(tmp_path / "out" / "latest")["files"])


def read_biases(file):
    """{class: its bias} of a recognizer, by the dictionary beside its file."""
    (biases,) = (value for name, value in pdparams.read_arrays(file).items() if name.endswith("head.fc2.bias"))
    return dict(zip(read_dictionary(find_dictionary(file), space=False), biases))


def mix(folder):
    """Write the letters of the words in another order, and return how to train with them, without a change."""
    letters = (folder / "letters.txt").read_text(encoding="utf-8").split()
    (folder / "mixed.txt").write_text("\n".join(letters[::-1]) + "\n", encoding="utf-8")
    return ["Global.character_dict_path=mixed.txt", "Optimizer.lr.name=Const", "Optimizer.lr.learning_rate=1e-12"]


def test_a_training_into_the_folder_of_its_start_moves_the_rows_to_their_characters(run, tmp_path):
    """PaddleOCR has overwritten the config of the earlier training there by the time the weights are read."""
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=1"]
    run(RECOGNIZER, *overrides)
    before, file = read_biases(tmp_path / "out" / "latest"), tmp_path / "out" / "latest"
    run(RECOGNIZER, *overrides, *mix(tmp_path), "Global.pretrained_model=out/latest")
    assert find_dictionary(file).read_text(encoding="utf-8") == (tmp_path / "mixed.txt").read_text(encoding="utf-8")
    assert read_biases(file) == pytest.approx(before, abs=1e-6)
    assert list(read_biases(file)) != list(before)


def test_a_training_whose_dictionary_was_edited_is_resumed_only_with_the_one_beside_its_checkpoint(run, tmp_path):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=2"]
    with pytest.raises(Kill):
        run(RECOGNIZER, *overrides, kill_at=3)
    mix(tmp_path)
    (tmp_path / "mixed.txt").replace(tmp_path / "letters.txt")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.*")}
    with pytest.raises(UserError, match=r"out/latest.pdparams was trained with the dictionary out/latest.dict.txt"):
        run(RECOGNIZER, *overrides, resume="out")
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.*")}
    assert {**before, ".training": 0} == {**after, ".training": 0}  # the lock names the last process
    assert len(run(RECOGNIZER, *overrides, "Global.character_dict_path=out/latest.dict.txt", resume="out")) == 2


def test_a_dictionary_that_is_edited_during_a_training_is_saved_as_it_was(run, tmp_path, monkeypatch):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=1"]
    letters, begin = (tmp_path / "letters.txt").read_bytes(), sets.writing

    def edit_and_begin(*arguments):
        (tmp_path / "letters.txt").write_text("other\n", encoding="utf-8")
        return begin(*arguments)

    monkeypatch.setattr(sets, "writing", edit_and_begin)
    run(RECOGNIZER, *overrides)
    assert (tmp_path / "out" / "latest.dict.txt").read_bytes() == letters


AMP = "Global.use_amp=true Global.amp_level=O1 Global.amp_dtype=bfloat16 Global.use_dynamic_loss_scaling=true".split()


@pytest.mark.slow
def test_a_recognizer_in_mixed_precision_ends_as_one_that_was_not_stopped(run, tmp_path):
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=2", *AMP]
    run(RECOGNIZER, *overrides, "Global.save_model_dir=whole")
    with pytest.raises(SystemExit):
        run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", signal_at=3)
    assert len(run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", resume="parts")) == 1
    assert_equal_trainings(tmp_path / "parts", tmp_path / "whole")


def scaler(count=7, scale=512.0):
    """A scaler of mixed precision in the middle of a training. On a CPU Paddle makes none that scales."""
    made = paddle.amp.GradScaler()
    made._enable = True
    numbers = {"incr_ratio": 2.0, "decr_ratio": 0.5, "incr_every_n_steps": 1000, "decr_every_n_nan_or_inf": 2}
    state = {"incr_count": count, "decr_count": 1, "use_dynamic_loss_scaling": True, "scale": np.array([scale])}
    made.load_state_dict({**numbers, **state})
    return made


def test_the_scaler_of_mixed_precision_goes_on_from_its_state_as_json_holds_it(connected):
    from ppocrv2_ext.host.training.resume import describe_scaler, restore_scaler

    saved, restored = scaler(), scaler(count=0, scale=1024.0)
    restore_scaler(restored, json.loads(json.dumps(describe_scaler(saved))), "latest")
    assert describe_scaler(restored) == describe_scaler(saved)
    assert describe_scaler(None) == describe_scaler(paddle.amp.GradScaler()) == {}


@pytest.mark.parametrize("state", [[1], {"scale": 1}, {"scale": "x"}])
def test_what_is_no_state_of_a_scaler_is_refused_with_its_file(state, connected):
    from ppocrv2_ext.host.training.resume import restore_scaler

    with pytest.raises(UserError, match=r"latest\.resume: `scaler` is not a state of a scaler"):
        restore_scaler(scaler(), state, "latest")


COSINE = "Optimizer.lr={name: Cosine, learning_rate: 0.001}"
WARM = "Optimizer.lr={name: Cosine, learning_rate: 0.002, warmup_epoch: 3}"
PIECEWISE = "Optimizer.lr={name: Piecewise, decay_epochs: [3], values: [0.001, 0.0001]}"
OTHER_PIECEWISE = "Optimizer.lr={name: Piecewise, decay_epochs: [1, 3], values: [0.003, 0.002, 0.0002]}"
CONSTANT = "Optimizer.lr={name: Const, learning_rate: 0.0003}"
CONSTANT_WARM = "Optimizer.lr={name: Const, learning_rate: 0.0003, warmup_epoch: 3}"


def warm(epochs):
    """A schedule whose warm-up takes a part of an epoch: none of two steps for a fifth, one of two for a third."""
    return f"Optimizer.lr={{name: Cosine, learning_rate: 0.002, warmup_epoch: {epochs}}}"


def stop_and_go_on(run, before, *now, signal_at):
    """Train for four epochs of two steps, stop after a step, and go on with other options. Returns the steps taken."""
    with pytest.raises(SystemExit):
        run(*before, "Global.epoch_num=4", signal_at=signal_at)
    return run(*before, "Global.epoch_num=4", *now, resume="out")


def read_rates(folder, first_step):
    """The learning rates of all steps from one on."""
    lines = (json.loads(line) for line in (folder / "out" / "history.jsonl").read_text(encoding="utf-8").splitlines())
    rates = {line["step"]: line["rate"] for line in lines if "rate" in line}
    return [rates[step] for step in sorted(rates) if step >= first_step]


@pytest.fixture(scope="module")
def half_done(tmp_path_factory):
    """The folder of trainings that were stopped after two of four epochs, each by the name of its schedule."""
    return tmp_path_factory.mktemp("half_done")


@pytest.mark.parametrize(
    ("before", "now", "steps_per_epoch", "epochs"),
    [
        (COSINE, ["Train.loader.batch_size_per_card=2"], 4, 4),
        (COSINE, ["Train.loader.batch_size_per_card=8"], 1, 4),
        (WARM, ["Train.loader.batch_size_per_card=2"], 4, 4),
        (PIECEWISE, ["Train.loader.batch_size_per_card=8"], 1, 4),
        (COSINE, ["Optimizer.lr.learning_rate=0.005"], 2, 4),
        (COSINE, ["Global.epoch_num=6"], 2, 6),
        (COSINE, ["Global.epoch_num=6", "Train.loader.batch_size_per_card=2"], 4, 6),
        (PIECEWISE, [OTHER_PIECEWISE], 2, 4),
        (COSINE, [PIECEWISE], 2, 4),
        (COSINE, [CONSTANT], 2, 4),
        (warm(0.2), ["Train.loader.batch_size_per_card=2"], 4, 4),
        (warm(0.33), ["Train.loader.batch_size_per_card=8"], 1, 4),
        (COSINE, [WARM], 2, 4),
        (WARM, [COSINE], 2, 4),
        (CONSTANT, [COSINE], 2, 4),
        (CONSTANT, [WARM], 2, 4),
        (CONSTANT, [CONSTANT_WARM], 2, 4),
        (CONSTANT_WARM, [WARM], 2, 4),
    ],
)
def test_the_rates_of_a_resumed_training_are_those_of_its_options_at_the_same_epochs(
    before, now, steps_per_epoch, epochs, run, half_done, tmp_path
):
    from ppocrv2_ext.host.training.schedule import build_schedule

    recognizer = (RECOGNIZER, *words(tmp_path, RECOGNIZER), "Global.save_epoch_step=100", "Global.epoch_num=4", before)
    if not (half_done / before).is_dir():
        with pytest.raises(SystemExit):
            run(*recognizer, signal_at=4)
        (tmp_path / "out").replace(half_done / before)
    shutil.copytree(half_done / before, tmp_path / "out")
    places = run(*recognizer, *now, resume="out")
    assert [place[-2:] for place in places] == [(e, s) for e in range(3, epochs + 1) for s in range(steps_per_epoch)]
    schedule = build_schedule(read(tmp_path / "out" / "resolved.yml")["Optimizer"], epochs, steps_per_epoch)
    expected = []
    for _ in range(epochs * steps_per_epoch):
        expected.append(schedule if isinstance(schedule, float) else schedule())
        if not isinstance(schedule, float):
            schedule.step()
    assert read_rates(tmp_path, 5) == pytest.approx(expected[2 * steps_per_epoch :], rel=1e-9)


def test_the_schedule_goes_back_with_an_epoch_that_begins_anew(run, tmp_path):
    recognizer = (RECOGNIZER, *words(tmp_path, RECOGNIZER), COSINE)
    places = stop_and_go_on(run, recognizer, "Train.loader.batch_size_per_card=2", signal_at=3)
    assert [place[-2:] for place in places[:5]] == [(2, 0), (2, 1), (2, 2), (2, 3), (3, 0)]
    assert len(places) == 12
    expected = [0.0005 * (1 + np.cos(np.pi * step / 16)) for step in range(4, 16)]
    assert read_rates(tmp_path, 3) == pytest.approx(expected, rel=1e-6)
    assert records.read_position(tmp_path / "out" / "latest") == (4, 4, 14, 4)
    said = (tmp_path / "out" / "train.log").read_text(encoding="utf-8")
    assert (
        "an epoch had 2 steps when the checkpoint was saved and has 4 now: epoch 2 of 4 begins again, and the schedule"
        " of the learning rate goes on from there."
    ) in said


def test_another_learning_rate_is_said_with_its_place(run, tmp_path):
    recognizer = (RECOGNIZER, *words(tmp_path, RECOGNIZER), CONSTANT)
    stop_and_go_on(run, recognizer, "Optimizer.lr.learning_rate=0.0002", signal_at=3)
    said = (tmp_path / "out" / "train.log").read_text(encoding="utf-8")
    assert (
        "the learning rate was 0.0003 in the checkpoint and goes on at 0.0002, which Optimizer.lr has after 1.5 of 4"
        " epochs."
    ) in said


def test_a_training_that_no_longer_has_a_budget_takes_the_rate_of_its_epochs(run, tmp_path):
    recognizer = (RECOGNIZER, *words(tmp_path, RECOGNIZER), COSINE)
    with pytest.raises(SystemExit):
        run(*recognizer, "Global.epoch_num=4", signal_at=4)
    record = tmp_path / "out" / "latest.pdopt"
    fitted = pickles.read(record)
    fitted["LR_Scheduler"].update(last_lr=1e-5)  # as at the end of the time
    record.write_bytes(pickle.dumps(fitted, protocol=2))
    digest = tmp_path / "out" / "latest.resume"
    whole = json.loads(digest.read_text())
    whole["files"]["latest.pdopt"] = [record.stat().st_size, sha256(record)]
    digest.write_text(json.dumps(whole))
    run(*recognizer, "Global.epoch_num=4", resume="out")
    assert read_rates(tmp_path, 5)[0] == pytest.approx(0.0005)


def test_the_schedule_of_the_weight_decay_goes_on_at_the_same_epoch(run, tmp_path, monkeypatch):
    from ppocrv2_ext.host.training.resume import _Run

    restored, restore = [], _Run._restore_decay
    monkeypatch.setattr(_Run, "_restore_decay", lambda self, steps: restored.append(steps) or restore(self, steps))
    recognizer = (RECOGNIZER, *words(tmp_path, RECOGNIZER), COSINE)
    stop_and_go_on(run, recognizer, "Train.loader.batch_size_per_card=2", signal_at=4)
    assert restored == [8]  # two epochs of four steps


@pytest.mark.skipif(not CLONE, reason="the wheel has no schedule of the weight decay")
def test_the_schedule_of_the_weight_decay_goes_on_too(run, tmp_path):
    decay = "Optimizer.regularizer={name: CosineL2Decay, factor: 0.5, end_factor: 0.0}"
    overrides = [*words(tmp_path, RECOGNIZER), "Global.epoch_num=2", decay]
    run(RECOGNIZER, *overrides, "Global.save_model_dir=whole")
    with pytest.raises(SystemExit):
        run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", signal_at=2)
    assert len(run(RECOGNIZER, *overrides, "Global.save_model_dir=parts", resume="parts")) == 2
    assert_equal_trainings(tmp_path / "parts", tmp_path / "whole")


@pytest.mark.checkout
@pytest.mark.parametrize("share", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_every_test_of_this_file_passes_on_a_clone(share, checkout):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        __file__,
        "-m",
        f"not checkout and {share}",
    ]
    run = subprocess.run(command, env={**os.environ, "TESTED_CLONE": str(checkout)}, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
