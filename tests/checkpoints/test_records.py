"""What a checkpoint says of itself, and where a training goes on from there."""

import json
import pickle

import pytest

from ppocrv2_ext.checkpoints import records
from ppocrv2_ext.checkpoints.records import Position

SUFFIXES = ("pdparams", "pdopt", "states")


def save(folder):
    for suffix in SUFFIXES:
        (folder / f"latest.{suffix}").write_bytes(pickle.dumps({"step": 1}))
    records.write(folder, "latest", {"position": Position(1, 1, 1, 9)._asdict()})


def test_a_record_says_where_a_training_was_and_what_the_other_files_are(tmp_path):
    assert records.read(tmp_path / "latest") == {}
    assert records.read_position(tmp_path / "latest") is records.read_run(tmp_path / "latest") is None
    save(tmp_path)
    assert records.read_position(tmp_path / "latest") == Position(1, 1, 1, 9)
    assert set(records.read(tmp_path / "latest")["files"]) == {f"latest.{suffix}" for suffix in SUFFIXES}
    assert records.find_problem(tmp_path / "latest") is None


@pytest.mark.parametrize(
    ("one", "other", "are"), [("a", "b", True), ("a", "a", False), (None, "a", True), (None, None, False)]
)
def test_two_checkpoints_are_of_two_trainings_if_their_records_name_two(tmp_path, one, other, are):
    for name, run in (("latest", one), ("best_accuracy", other)):
        record = {"position": Position(1, 1, 1, 9)._asdict(), **({"run": run} if run else {})}
        (tmp_path / f"{name}.resume").write_text(json.dumps({"format": 1, "files": {}, **record}), encoding="utf-8")
    assert records.are_of_two_trainings(tmp_path / "best_accuracy", tmp_path / "latest") == are


def test_weights_without_a_record_are_of_another_training_only_if_a_training_saved_them(tmp_path):
    record = {"format": 1, "files": {}, "position": Position(1, 1, 1, 9)._asdict(), "run": "a"}
    (tmp_path / "latest.resume").write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / "best.pdparams").touch()
    assert not records.are_of_two_trainings(tmp_path / "best", tmp_path / "latest")  # such as a mean
    (tmp_path / "best.states").touch()  # PaddleOCR's trainer writes one with every checkpoint
    assert records.are_of_two_trainings(tmp_path / "best", tmp_path / "latest")
    (tmp_path / "latest.resume").write_text("{", encoding="utf-8")
    assert not records.are_of_two_trainings(tmp_path / "best", tmp_path / "latest")


def test_a_dictionary_beside_a_checkpoint_of_paddleocrs_own_is_not_read_as_one_of_its_files(tmp_path):
    save(tmp_path)
    (tmp_path / "latest.resume").unlink()
    (tmp_path / "latest.dict.txt").write_text("a\nb\n", encoding="utf-8")
    assert records.find_problem(tmp_path / "latest") is None


def test_a_file_beside_a_checkpoint_is_its_own_only_if_the_record_names_it(tmp_path):
    save(tmp_path)
    (tmp_path / "latest.pdema").write_bytes(b"of a training before")
    assert records.find_file(tmp_path / "latest", ".pdopt") == tmp_path / "latest.pdopt"
    assert records.find_file(tmp_path / "latest", ".pdema") is None
    (tmp_path / "latest.resume").unlink()  # as PaddleOCR alone saves
    assert records.find_file(tmp_path / "latest", ".pdema") == tmp_path / "latest.pdema"


def record_text(position=(1, 1, 1, 9), files=None, **rest):
    position = position if isinstance(position, list) else dict(zip(Position._fields, position))
    return json.dumps({"format": 1, "files": files or {}, "position": position, **rest})


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", json.dumps({"format": 2}), "[" * 100_000, "x" * (1 << 21)),
        *(
            record_text(position)
            for position in ((), [], ("one", 1, 1, 1), (0, 1, 1, 1), (1, -1, 1, 1), (1, 0.5, 1, 1))
        ),
        *(record_text(files=files) for files in (["x"], {"x": 1}, {"x": [1, 2]}, {"../x": [1, ""]}, {"/x": [1, ""]})),
        *(record_text(run=run) for run in (1, ["a"])),
    ],
)
def test_a_record_that_is_none_is_a_problem_of_the_checkpoint(text, tmp_path):
    save(tmp_path)
    (tmp_path / "latest.resume").write_text(text)
    assert "is no record of a checkpoint" in records.find_problem(tmp_path / "latest")


@pytest.mark.parametrize(("step", "finished"), [(0, 2), (8, 2), (9, 3)])
def test_an_epoch_is_finished_when_all_its_steps_are_taken(step, finished):
    assert Position(epoch=3, step=step, global_step=18 + step, steps_per_epoch=9).finished_epochs == finished


@pytest.mark.parametrize(
    ("position", "steps_per_epoch", "start", "last_step"),
    [
        (Position(3, 2, 20, 9), 9, Position(3, 2, 20, 9), 45),  # 18 + 3 * 9
        (Position(3, 9, 27, 9), 9, Position(4, 0, 27, 9), 45),
        (Position(3, 2, 20, 9), 4, Position(3, 0, 18, 4), 30),  # 18 + 3 * 4
        (Position(3, 9, 27, 9), 4, Position(4, 0, 27, 4), 35),
        (Position(3, 2, 8, 3), 4, Position(3, 0, 6, 4), 18),
        (Position(5, 9, 45, 9), 4, Position(6, 0, 45, 4), 45),
    ],
)
def test_an_epoch_of_another_length_begins_anew_and_the_last_step_follows(position, steps_per_epoch, start, last_step):
    assert position.follow(steps_per_epoch) == start
    assert start.find_last_step(epochs=5) == last_step
