"""The quickstart's data: what trains, what chooses the checkpoint and what is only read before and after."""

import os

import pytest
from click.testing import CliRunner

from ppocrv2_ext.errors import UserError

pytest.importorskip("paddle")
quickstart = pytest.importorskip("quickstart")


@pytest.fixture
def data(tmp_path, samples):
    """A folder with 40 lines to train on and 5 to test on. They are real pictures of words."""
    words = sorted((samples / "icdar2015_words").rglob("*.png"))
    pictures = [os.path.relpath(path, tmp_path) for path in words]
    for name, count in (("train", 40), ("test", 5)):
        copies = [f"{name}_{number}.png" for number in range(count)]
        for copy, picture in zip(copies, pictures * count):
            (tmp_path / copy).symlink_to(picture)
        (tmp_path / f"{name}.txt").write_text("".join(f"{copy}\ttext\n" for copy in copies))
    return tmp_path


def read_lines(file):
    return file.read_text(encoding="utf-8").splitlines()


class TestHoldOut:
    def test_a_tenth_of_the_training_lines_is_held_out(self, data):
        train, held_out = quickstart.hold_out(data, data / "split")
        assert (len(read_lines(train)), len(read_lines(held_out))) == (36, 4)
        assert sorted(read_lines(train) + read_lines(held_out)) == sorted(read_lines(data / "train.txt"))

    def test_the_files_of_an_earlier_run_are_overwritten(self, data):
        first = [read_lines(file) for file in quickstart.hold_out(data, data / "split")]
        (data / "train.txt").write_text("".join(f"{number}.png\tother\n" for number in range(50)))
        second = [read_lines(file) for file in quickstart.hold_out(data, data / "split")]
        assert [len(lines) for lines in first] == [36, 4]
        assert [len(lines) for lines in second] == [45, 5]

    def test_the_fewest_images_leave_a_batch(self, data):
        lines = read_lines(data / "train.txt")[: quickstart.LEAST_IMAGES]
        (data / "train.txt").write_text("".join(f"{line}\n" for line in lines))
        train, _ = quickstart.hold_out(data, data / "split")
        assert len(read_lines(train)) == quickstart.BATCH

    @pytest.mark.parametrize("count", [0, 1, 35])
    def test_fewer_images_are_refused(self, data, count):
        (data / "train.txt").write_text("".join(f"{number}.png\ta\n" for number in range(count)))
        with pytest.raises(UserError, match=f"has {count} images; fine-tuning needs at least 36"):
            quickstart.hold_out(data, data / "split")


class TestTest:
    @pytest.mark.parametrize("name", ["train.txt", "test.txt"])
    def test_a_missing_label_file_is_named(self, data, name):
        (data / name).unlink()
        with pytest.raises(UserError, match=f"has no {name}"):
            quickstart.read_test(data)

    def test_a_test_without_lines_is_refused(self, data):
        (data / "test.txt").write_text("\n")
        with pytest.raises(UserError, match="has no line"):
            quickstart.read_test(data)


class TestRun:
    @pytest.fixture
    def commands(self, data, monkeypatch):
        """The commands of a run on ``data`` up to the second evaluation, as lists of words."""
        commands = []

        def record(log, title, *arguments):
            commands.append([str(each) for each in arguments])
            if len(commands) == 4:
                raise SystemExit

        monkeypatch.setattr(quickstart, "run_command", record)
        CliRunner().invoke(quickstart.main, ["--data", str(data), "--output", str(data / "output")])
        return commands

    def _find_eval_file(self, command):
        return [each.partition("=")[2] for each in command if each.startswith("Eval.dataset.label_file_list=")][-1]

    def test_the_training_never_sees_the_test(self, data, commands):
        _, _, train, _ = commands
        assert train[0] == "train"
        assert self._find_eval_file(train) == f"[{data / 'output/split/val.txt'}]"
        assert f"Train.dataset.label_file_list=[{data / 'output/split/train.txt'}]" in train
        assert not any("test.txt" in word for word in train)

    def test_before_and_after_are_read_on_the_test(self, data, commands):
        _, before, _, after = commands
        assert before[0] == after[0] == "eval"
        assert self._find_eval_file(before) == self._find_eval_file(after) == f"[{data / 'test.txt'}]"


def test_the_help_says_how_long_it_takes():
    text = " ".join(CliRunner().invoke(quickstart.main, ["--help"]).output.split())
    assert "Installing takes 2 to 8 minutes" in text
    assert "about 3 minutes on two CPU cores" in text
