"""Facts about a process: how it was started, and where."""

import os

from ppocrv2_ext import process


def test_the_command_can_be_typed_again(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/ppocrv2", "train", "-o", "A=[1, 2]"])
    assert process.command_line() == "ppocrv2 train -o 'A=[1, 2]'"


def test_a_folder_without_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert process.read_commit() is None


def test_a_process_that_nobody_launched_is_the_only_one_of_its_training(monkeypatch):
    for name in [name for name in os.environ if name.startswith("PADDLE_")]:
        monkeypatch.delenv(name)
    assert (process.read_rank(), process.count_ranks()) == (0, 1)
    assert (process.read_local_rank(), process.count_local_ranks()) == (0, 1)
