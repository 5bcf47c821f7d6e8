"""One training at a time in a folder."""

import subprocess
import sys

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.folder_lock import hold, removing_if_empty

HOLD = "import sys, os; from ppocrv2_ext.folder_lock import hold\nwith hold(sys.argv[1]): {}"


def in_another_process(action, folder):
    command = [sys.executable, "-c", HOLD.format(action), str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_folder_that_another_process_holds_is_refused_with_its_number(tmp_path):
    waiting = subprocess.Popen(
        [sys.executable, "-c", HOLD.format("print('held', flush=True); sys.stdin.read()"), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert waiting.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=rf"is in use: process {waiting.pid} on .* trains into it"), hold(tmp_path):
        pass
    waiting.kill()
    waiting.wait()
    with hold(tmp_path):  # a process that is gone holds nothing
        pass


def test_a_folder_is_free_again_after_the_context(tmp_path):
    with hold(tmp_path):
        assert "is in use" in in_another_process("pass", tmp_path).stderr
    assert in_another_process("pass", tmp_path).returncode == 0


@pytest.mark.parametrize("file", [None, "latest.pdparams"])
def test_a_folder_in_which_only_its_lock_was_left_is_removed(tmp_path, file):
    folder = tmp_path / "a" / "b"
    with removing_if_empty(folder):
        folder.mkdir(parents=True)
        with hold(folder):
            if file:
                (folder / file).touch()
    assert (tmp_path / "a").exists() == folder.exists() == bool(file)


def test_a_child_process_does_not_hold_the_folder_of_its_parent(tmp_path):
    """A process that reads data may live on for seconds after the training was killed."""
    fork = "child = os.fork(); sys.stdin.read() if child == 0 else os._exit(0)"
    holder = subprocess.Popen([sys.executable, "-c", HOLD.format(fork), str(tmp_path)], stdin=subprocess.PIPE)
    holder.wait()
    with hold(tmp_path):
        pass
    holder.stdin.close()
