"""Checkpoints whose files appear together, whenever the process that writes them is killed."""

import errno
import os
import pickle

import pytest

from ppocrv2_ext.checkpoints import records, sets
from ppocrv2_ext.checkpoints.records import Position
from ppocrv2_ext.errors import UserError

SUFFIXES = ("pdparams", "pdopt", "states")


def record(step, run=None):
    position = Position(epoch=1, step=step, global_step=step, steps_per_epoch=9)
    return {"position": position._asdict(), **({"run": run} if run else {})}


def save(folder, step, prefix="latest", suffixes=SUFFIXES, run=None):
    with sets.writing(folder, prefix, record(step, run)) as part:
        for suffix in suffixes:
            (part / f"{prefix}.{suffix}").write_bytes(pickle.dumps({"step": step}))


def read_steps(folder, prefix="latest"):
    """The step that each file of a checkpoint is from."""
    return {pickle.loads((folder / f"{prefix}.{suffix}").read_bytes())["step"] for suffix in SUFFIXES}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_has_paddleocrs_names_and_a_record_and_nothing_else_is_left(tmp_path):
    save(tmp_path, 5)
    assert names(tmp_path) == ["latest.pdopt", "latest.pdparams", "latest.resume", "latest.states"]
    assert records.read_position(tmp_path / "latest") == Position(1, 5, 5, 9)
    assert records.find_problem(tmp_path / "latest") is None


class Kill(BaseException):
    """Stands for the SIGKILL that a process does not notice: nothing after it runs."""


CALLS = ("rename", "replace", "fsync", "mkdir", "unlink", "rmdir")  # of `os`: what the disk sees of a checkpoint


def save_and_die(folder, step, at, monkeypatch):
    """Save a checkpoint, killed before the call number ``at`` to the disk. False if there are fewer calls."""
    count = 0

    def watch(call):
        def call_or_die(*arguments, **options):
            nonlocal count
            count += 1
            if count >= at:  # what would clean up is not run either
                raise Kill
            return call(*arguments, **options)

        return call_or_die

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, watch(getattr(os, name)))
        try:
            save(folder, step)
        except Kill:
            return True
    return False


def test_killed_at_any_call_to_the_disk_the_old_checkpoint_or_the_new_one_is_there_whole(tmp_path, monkeypatch):
    outcomes, at = [], 1
    while True:
        folder = tmp_path / str(at)
        folder.mkdir()
        save(folder, 1)
        (folder / "latest.pdema").write_bytes(b"of a training before")
        if not save_and_die(folder, 2, at, monkeypatch):
            break
        sets.tidy(folder)
        (step,) = read_steps(folder)
        assert names(folder) == [
            *(["latest.pdema"] if step == 1 else []),
            *("latest.pdopt", "latest.pdparams", "latest.resume", "latest.states"),
        ]
        assert records.find_problem(folder / "latest") is None
        assert records.read_position(folder / "latest").step == step
        outcomes.append(step)
        at += 1
    assert outcomes == sorted(outcomes)  # up to a call it is the old one, from there on the new one
    assert outcomes.count(1) >= 5
    assert outcomes.count(2) >= 5


def test_a_new_checkpoint_removes_the_average_of_an_older_one_and_leaves_other_checkpoints_alone(tmp_path):
    for prefix in ("latest", "iter_epoch_1", "best_accuracy"):
        save(tmp_path, 1, prefix, [*SUFFIXES, "pdema"])
    (tmp_path / "best_model").mkdir()
    (tmp_path / "best_model" / "model.pdema").write_bytes(b"old")
    save(tmp_path, 2)
    assert [name for name in names(tmp_path) if name.endswith("pdema")] == ["best_accuracy.pdema", "iter_epoch_1.pdema"]
    assert names(tmp_path / "best_model") == ["model.pdema"]
    with sets.writing(tmp_path, "best_accuracy", record(2)) as part:  # as PaddleOCR saves it
        for name in ("best_accuracy.pdparams", "best_model/model.pdparams"):
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_bytes(b"new")
    assert names(tmp_path / "best_model") == ["model.pdparams"]
    assert [name for name in names(tmp_path) if name.startswith("best_a")] == [
        *("best_accuracy.pdparams", "best_accuracy.resume")
    ]


def test_a_new_checkpoint_removes_the_dictionary_of_an_older_one(tmp_path):
    save(tmp_path, 1, suffixes=[*SUFFIXES, "dict.txt"])
    save(tmp_path, 2)  # of a detector
    assert names(tmp_path) == ["latest.pdopt", "latest.pdparams", "latest.resume", "latest.states"]


NONE_YET = "no checkpoint of this training was there yet; make room"


def fill_disk(descriptor):
    """Stands for ``os.fsync`` on a full disk."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_sentence_and_the_old_checkpoint_stays(tmp_path, monkeypatch):
    save(tmp_path, 1)
    monkeypatch.setattr(os, "fsync", fill_disk)
    with pytest.raises(
        UserError, match="cannot save .*latest: No space left on device; the checkpoints that were there"
    ):
        save(tmp_path, 2)
    assert read_steps(tmp_path) == {1}
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_full_disk_at_the_first_save_leaves_nothing_to_go_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fill_disk)
    with pytest.raises(UserError, match=f"latest: No space left on device; {NONE_YET}, and start again"):
        save(tmp_path, 1)


@pytest.mark.parametrize("run", ["an earlier one", None])  # older versions gave no names
def test_a_full_disk_at_the_first_save_in_a_used_folder_leaves_nothing_to_go_on_with_either(run, tmp_path, monkeypatch):
    for prefix in ("latest", "iter_epoch_1"):
        save(tmp_path, 1, prefix, run=run)
    monkeypatch.setattr(os, "fsync", fill_disk)
    with pytest.raises(UserError, match=f"{NONE_YET}, and start again"):
        save(tmp_path, 2, run="this one")


def test_after_a_full_disk_the_best_checkpoint_is_named_where_latest_is_of_an_earlier_training(tmp_path, monkeypatch):
    save(tmp_path, 9, run="an earlier one")
    save(tmp_path, 1, "best_accuracy", run="this one")
    monkeypatch.setattr(os, "fsync", fill_disk)
    go_on = f"go on with -o Global.checkpoints={tmp_path / 'best_accuracy'}"
    with pytest.raises(UserError, match=f"the checkpoints that were there are as they were; .* {go_on}"):
        save(tmp_path, 2, run="this one")


@pytest.mark.parametrize("run", ["this one", None])
def test_after_a_full_disk_the_checkpoint_of_the_same_training_is_gone_on_from(run, tmp_path, monkeypatch):
    save(tmp_path, 1, run=run)
    save(tmp_path, 9, "iter_epoch_9", run="an earlier one")
    monkeypatch.setattr(os, "fsync", fill_disk)
    with pytest.raises(UserError, match="the checkpoints that were there are as they were; .* with --resume"):
        save(tmp_path, 2, run=run)


def test_after_a_full_disk_any_whole_checkpoint_counts(tmp_path, monkeypatch):
    save(tmp_path, 1, "best_accuracy")
    monkeypatch.setattr(os, "fsync", fill_disk)
    with pytest.raises(UserError, match="the checkpoints that were there are as they were; .* with --resume"):
        save(tmp_path, 2)


def test_a_checkpoint_that_has_yet_to_take_its_place_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(sets, "_move", lambda whole, folder: fill_disk(0))
    with pytest.raises(UserError, match="the checkpoints that were there are as they were"):
        save(tmp_path, 1)
    assert sets.find_checkpoint(tmp_path) == tmp_path / "latest"


def test_a_folder_without_a_whole_checkpoint_has_none_to_go_on_from(tmp_path):
    assert sets.find_checkpoint(tmp_path) is sets.find_checkpoint(tmp_path / "gone") is None
    save(tmp_path, 1, "best_accuracy")
    assert sets.find_checkpoint(tmp_path) == tmp_path / "best_accuracy"
    cut(tmp_path / "best_accuracy.pdopt")
    assert sets.find_checkpoint(tmp_path) is None


def test_a_folder_that_is_gone_is_one_sentence_and_is_not_made_again(tmp_path):
    with pytest.raises(UserError, match="cannot save .*gone/out/latest: No such file or directory"):
        save(tmp_path / "gone" / "out", 1)
    assert not (tmp_path / "gone").exists()


def cut(file):
    file.write_bytes(file.read_bytes()[:-1])


def change(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def remove(file):
    file.unlink()


@pytest.mark.parametrize(("damage", "problem"), [(cut, "bytes of"), (change, "has changed"), (remove, "is missing")])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_newest_of_the_other_checkpoints_is_found_when_the_last_is_damaged(suffix, damage, problem, tmp_path):
    for step, prefix in ((3, "iter_epoch_3"), (5, "best_accuracy"), (4, "iter_epoch_4"), (6, "latest")):
        save(tmp_path, step, prefix)
    assert sets.find_last_good(tmp_path) == ("latest", [])
    damage(tmp_path / f"latest.{suffix}")
    if (damage, suffix) == (remove, "pdparams"):  # nothing tells that there was one
        assert sets.find_last_good(tmp_path) == ("best_accuracy", [])
        return
    name, left_out = sets.find_last_good(tmp_path)
    assert name == "best_accuracy"
    assert len(left_out) == 1
    assert problem in left_out[0]
    damage(tmp_path / f"best_accuracy.{suffix}")
    assert sets.find_last_good(tmp_path)[0] == "iter_epoch_4"


@pytest.mark.parametrize("run", ["this one", None])  # older versions gave no names
def test_a_damaged_checkpoint_gives_way_to_another_of_its_own_training_alone(run, tmp_path):
    save(tmp_path, 6, run=run)
    save(tmp_path, 3, "best_accuracy", run=run)
    save(tmp_path, 9, "iter_epoch_9", run="an earlier one")
    cut(tmp_path / "latest.pdopt")
    name, left_out = sets.find_last_good(tmp_path)
    assert name == "best_accuracy"
    assert left_out[1:] == [f"{tmp_path / 'iter_epoch_9'} is of another training"]
    cut(tmp_path / "best_accuracy.pdopt")
    reason = "no checkpoint of its training is whole; .*latest is not whole.*iter_epoch_9 is of another training"
    with pytest.raises(UserError, match=reason):
        sets.find_last_good(tmp_path)
    assert sets.find_checkpoint(tmp_path) is None


@pytest.mark.parametrize("damage", [cut, remove])
def test_without_the_record_of_the_last_checkpoint_every_other_one_may_be_of_its_training(damage, tmp_path):
    save(tmp_path, 6, run="this one")
    save(tmp_path, 3, "iter_epoch_3", run="this one")
    damage(tmp_path / "latest.resume")
    cut(tmp_path / "latest.pdopt")
    assert sets.find_last_good(tmp_path)[0] == "iter_epoch_3"


def test_a_folder_in_which_no_checkpoint_is_whole_is_refused_with_each_reason(tmp_path):
    for prefix in ("latest", "iter_epoch_1"):
        save(tmp_path, 1, prefix)
        cut(tmp_path / f"{prefix}.pdopt")
    with pytest.raises(
        UserError, match="no checkpoint there is whole; .*latest is not whole.*iter_epoch_1 is not whole"
    ):
        sets.find_last_good(tmp_path)


def test_a_checkpoint_of_paddleocrs_own_has_no_record_and_is_read_to_see_if_it_is_whole(tmp_path):
    for suffix in SUFFIXES:
        (tmp_path / f"latest.{suffix}").write_bytes(pickle.dumps({"epoch": 1}))
    assert sets.find_last_good(tmp_path) == ("latest", [])
    cut(tmp_path / "latest.pdopt")
    with pytest.raises(UserError, match=r"latest.pdopt cannot be read"):
        sets.find_last_good(tmp_path)


@pytest.mark.parametrize("prefix", [".saving-", ".whole-"])
def test_a_link_in_place_of_a_begun_checkpoint_is_removed_and_what_it_names_stays(prefix, tmp_path):
    (tmp_path / "mine").mkdir()
    save(tmp_path / "mine", 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{prefix}latest").symlink_to(tmp_path / "mine")
    sets.tidy(tmp_path / "out")
    assert names(tmp_path / "out") == []
    assert read_steps(tmp_path / "mine") == {3}


def test_what_a_killed_training_left_of_other_files_is_removed_too(tmp_path):
    save(tmp_path, 1)
    (tmp_path / ".part-77-resolved.yml").write_text("cut", encoding="utf-8")
    sets.tidy(tmp_path)
    assert not [name for name in names(tmp_path) if name.startswith(".")]
