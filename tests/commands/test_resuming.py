"""A resumed training knows the config that it began with, and which changes its checkpoint cannot follow."""

import pickle

import pytest

from ppocrv2_ext.checkpoints import records, sets
from ppocrv2_ext.commands import train
from ppocrv2_ext.commands.resuming import (
    advise_after_stop,
    describe_checkpoint,
    describe_origin,
    list_earlier,
    read_origin,
    require_state,
    warn_of_earlier,
)
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.errors import UserError

FIRST = "rec/ch_PP-OCRv2_rec_finetune"


def write(folder, origin):
    yaml_files.write({"Global": {"epoch_num": 2}}, folder / "resolved.yml", f"ppocrv2-ext 1 on PaddleOCR 2\n{origin}")
    return str(folder / "resolved.yml")


@pytest.mark.parametrize("changes", [[], ["Global.seed=1", "Optimizer.lr={name: Const}"]])
def test_the_first_config_and_its_changes_are_read_back(tmp_path, changes):
    file = write(tmp_path, describe_origin(FIRST, "", changes))
    assert read_origin(file, tmp_path) == (FIRST, " ".join(changes))


def test_each_change_is_kept_once_however_often_a_training_is_resumed(tmp_path):
    file = write(tmp_path, describe_origin(FIRST, "", ["Global.seed=10"]))
    for _ in range(3):
        file = write(tmp_path, describe_origin(*read_origin(file, tmp_path), ["Global.seed=1", "Global.checkpoints=a"]))
    assert read_origin(file, tmp_path) == (FIRST, "Global.seed=10 Global.seed=1 Global.checkpoints=a")


def test_another_config_and_a_new_training_keep_the_name_that_was_given(tmp_path):
    file = write(tmp_path, describe_origin(FIRST, "", []))
    assert read_origin(FIRST, tmp_path) == (FIRST, "")
    assert read_origin(file, None) == (file, "")


def test_a_config_that_names_no_origin_keeps_the_name_that_was_given(tmp_path):
    (tmp_path / "resolved.yml").write_text("Global: {}\n", encoding="utf-8")
    file = str(tmp_path / "resolved.yml")
    assert read_origin(file, tmp_path) == (file, "")


def config(folder, lr=None, **settings):
    """A config with a schedule, to resume the training in ``folder`` with."""
    settings = {"epoch_num": 2, "checkpoints": str(folder / "latest"), **settings}
    return {"Global": settings, "Optimizer": {"lr": lr or {"learning_rate": 0.1}}}


def resume(folder, before, now):
    yaml_files.write(before, folder / "resolved.yml", "a test")
    require_state(now, folder)


CONSTANT, COSINE = {"learning_rate": 0.1}, {"name": "Cosine", "learning_rate": 0.1}


@pytest.mark.parametrize("old", [CONSTANT, COSINE, {**COSINE, "warmup_epoch": 1}])
@pytest.mark.parametrize(
    "new",
    [
        *(CONSTANT, {**COSINE, "learning_rate": 1}, {"name": "Piecewise", "values": [1, 2]}),
        *({**CONSTANT, "warmup_epoch": 1}, {**COSINE, "warmup_epoch": 1}),
    ],
)
def test_any_other_schedule_may_be_gone_on_with(tmp_path, old, new):
    resume(tmp_path, config(tmp_path, old), config(tmp_path, new, epoch_num=9))


def test_an_average_of_an_older_version_goes_on_only_as_it_was(tmp_path):
    before = config(tmp_path, use_ema=True, ema_decay=0.9)
    average = {"train_state": {}, "ema_state": {}, "step": 1}
    file = tmp_path / "latest.pdema"
    file.write_bytes(pickle.dumps(average, protocol=2))
    others = [{"ema_decay": 0.8}, {"ema_decay": 0.9, "ema_decay_type": "normal"}]
    for other in others:
        with pytest.raises(
            UserError, match=r"latest\.pdema is of an older version, .* only with its old keys: Global\.ema"
        ):
            resume(tmp_path, before, config(tmp_path, use_ema=True, **other))
    resume(tmp_path, before, before)
    resume(tmp_path, before, config(tmp_path, use_ema=False, ema_decay=0.8))
    file.write_bytes(pickle.dumps({**average, "share_of_start": 0.9}, protocol=2))
    for other in others:
        resume(tmp_path, before, config(tmp_path, use_ema=True, **other))


@pytest.mark.parametrize("name", ["latest", "latest.pdparams"])
def test_the_name_of_a_checkpoint_is_no_folder_to_resume(tmp_path, name):
    (tmp_path / "latest.pdparams").touch()
    with pytest.raises(UserError) as caught:
        train.train(FIRST, resume=str(tmp_path / name))
    assert str(caught.value) == (
        f"--resume {tmp_path / name}: it takes the folder of a training, {tmp_path}; to go on from this very checkpoint"
        f" give -o Global.checkpoints={tmp_path / 'latest'} in its place."
    )


def test_a_folder_to_resume_that_is_not_there_or_holds_no_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--resume .*/none: there is no such folder; name the Global.save_model_dir"):
        train.train(FIRST, resume=str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"--resume .*: no checkpoint is in it; start the training anew"):
        train.train(FIRST, resume=str(tmp_path))


def test_a_new_training_in_a_used_folder_is_told_what_it_replaces(tmp_path, capfd):
    warn_of_earlier(tmp_path)
    assert capfd.readouterr().err == ""
    for name in ("latest", "best_accuracy"):
        (tmp_path / f"{name}.pdparams").touch()
    warn_of_earlier(tmp_path)
    assert capfd.readouterr().err == (
        f"ppocrv2: {tmp_path} holds latest and best_accuracy of an earlier training; this one replaces each once it"
        f" saves its own; to go on with the earlier one add --resume {tmp_path}, to keep it set another"
        " Global.save_model_dir.\n"
    )


def test_a_new_training_is_told_of_checkpoints_that_stay_too(tmp_path, capfd):
    for epoch in (20, 5, 15, 10):
        (tmp_path / f"iter_epoch_{epoch}.pdparams").touch()
    warn_of_earlier(tmp_path)
    end = (
        "of an earlier training; this one replaces each once it saves its own; to go on"
        f" with the earlier one add --resume {tmp_path}, to keep it set another Global.save_model_dir.\n"
    )
    names = "iter_epoch_5, iter_epoch_10, iter_epoch_15 and iter_epoch_20"
    assert capfd.readouterr().err == f"ppocrv2: {tmp_path} holds {names} {end}"
    for name in ("latest", "best_accuracy"):
        (tmp_path / f"{name}.pdparams").touch()
    warn_of_earlier(tmp_path)
    names = "latest, best_accuracy, iter_epoch_5, iter_epoch_10, iter_epoch_15 and 1 more"
    assert capfd.readouterr().err == f"ppocrv2: {tmp_path} holds {names} {end}"


def test_a_training_that_goes_on_from_a_checkpoint_in_its_folder_replaces_nothing_of_an_earlier_one(tmp_path, capfd):
    (tmp_path / "latest.pdparams").touch()
    for checkpoint in (tmp_path / "latest", tmp_path / "latest.pdparams", tmp_path / "best_model" / "model"):
        warn_of_earlier(tmp_path, str(checkpoint))
    assert capfd.readouterr().err == ""
    warn_of_earlier(tmp_path, str(tmp_path.parent / "other" / "latest"))
    assert "holds latest of an earlier training" in capfd.readouterr().err


def save(folder, prefix, step, **name):
    """A checkpoint at a step of the first epoch, with the name of its training as ``run=``, if it has one."""
    position = records.Position(epoch=1, step=step, global_step=step, steps_per_epoch=9)
    with sets.writing(folder, prefix, {"position": position._asdict(), **name}) as part:
        (part / f"{prefix}.pdparams").write_bytes(pickle.dumps({}, protocol=2))


@pytest.fixture
def best(tmp_path):
    """A folder with the checkpoint of the best evaluation, at step 3 of the first epoch, and no other one."""
    save(tmp_path, "best_accuracy", 3)
    return tmp_path


def test_after_a_loss_that_is_not_finite_the_best_checkpoint_is_the_last_one_where_there_is_no_latest(best):
    file = best / "best_accuracy"
    assert advise_after_stop(best) == (
        f"{file}, the last checkpoint, is as it was: start from it with -o Global.pretrained_model={file}, another"
        " Global.save_model_dir and a lower learning rate."
    )


def test_after_a_signal_the_best_checkpoint_is_gone_on_from_where_there_is_no_latest(best):
    go_on = f"go on with ppocrv2 train -c {best / 'resolved.yml'} --resume {best}"
    assert describe_checkpoint(best) == f"{best / 'best_accuracy'} holds step 3; {go_on}"
    (best / "best_accuracy.resume").unlink()  # as PaddleOCR alone saves
    assert describe_checkpoint(best) == f"{best / 'best_accuracy'} is whole; {go_on}"


def test_without_a_checkpoint_a_training_starts_again(tmp_path):
    assert describe_checkpoint(tmp_path) == f"no checkpoint of this training is in {tmp_path} yet; start again."
    none = f"no checkpoint of this training was in {tmp_path} yet, start again"
    assert advise_after_stop(tmp_path).startswith(none)


NAMES = [{"run": "an earlier one"}, {}]  # older versions gave none


@pytest.mark.parametrize("name", NAMES)
def test_the_checkpoints_of_an_earlier_training_are_not_those_of_a_new_one(name, tmp_path):
    for prefix in ("latest", "iter_epoch_1"):
        save(tmp_path, prefix, 9, **name)
    earlier = list_earlier(tmp_path, None)
    none = f"no checkpoint of this training is in {tmp_path} yet; start again."
    assert describe_checkpoint(tmp_path, earlier) == none
    assert advise_after_stop(tmp_path, earlier).startswith("no checkpoint of this training was in")
    save(tmp_path, "latest", 2, run="this one")
    assert describe_checkpoint(tmp_path, earlier).startswith(f"{tmp_path / 'latest'} holds step 2; ")
    assert advise_after_stop(tmp_path, earlier).startswith(f"{tmp_path / 'latest'}, the last checkpoint, ")


def test_the_best_checkpoint_is_named_where_resuming_would_take_the_latest_of_an_earlier_training(tmp_path):
    save(tmp_path, "latest", 9, run="an earlier one")
    earlier = list_earlier(tmp_path, None)
    save(tmp_path, "best_accuracy", 3, run="this one")
    file = tmp_path / "best_accuracy"
    go_on = f"go on with ppocrv2 train -c {tmp_path / 'resolved.yml'} -o Global.checkpoints={file}"
    assert describe_checkpoint(tmp_path, earlier) == f"{file} holds step 3; {go_on}"
    assert advise_after_stop(tmp_path, earlier).startswith(f"{file}, the last checkpoint, ")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", ["", ".pdparams"])
def test_the_checkpoint_that_a_training_goes_on_from_is_its_own(suffix, name, tmp_path):
    save(tmp_path, "latest", 6, **name)
    save(tmp_path, "iter_epoch_1", 9, run="another one")
    earlier = list_earlier(tmp_path, f"{tmp_path / 'latest'}{suffix}")
    go_on = f"go on with ppocrv2 train -c {tmp_path / 'resolved.yml'} --resume {tmp_path}"
    assert describe_checkpoint(tmp_path, earlier) == f"{tmp_path / 'latest'} holds step 6; {go_on}"
