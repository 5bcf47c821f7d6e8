"""Files that cannot be written, or are read too: this is known before the work, and said in a sentence."""

import errno
import os
import tempfile

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from ppocrv2_ext import write_checks
from ppocrv2_ext.cli import main
from ppocrv2_ext.deploy import accuracy, peer_processes, verification
from ppocrv2_ext.errors import UserError


@pytest.fixture
def labels(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((32, 90, 3), 255, np.uint8))
    (tmp_path / "labels.txt").write_text("a.png\tabc\n")
    return tmp_path / "labels.txt"


class TestFilesToWrite:
    def test_a_new_file_may_be_written_and_nothing_is_created(self, tmp_path):
        write_checks.require_writable_file("--output", tmp_path / "new" / "a.html")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
    def test_what_is_no_file_is_not_replaced(self, make, tmp_path):
        make(tmp_path / "a")
        with pytest.raises(UserError, match="--output .*a is a folder, a device or a pipe; name a file.$"):
            write_checks.require_writable_file("--output", tmp_path / "a")

    def test_a_device_is_not_replaced(self):
        with pytest.raises(UserError, match="is a folder, a device or a pipe"):
            write_checks.require_writable_file("--json", os.devnull)

    def test_a_file_that_is_read_is_not_written_over_by_any_name(self, tmp_path):
        (tmp_path / "a").touch()
        (tmp_path / "b").symlink_to(tmp_path / "a")
        with pytest.raises(UserError, match="is read, and would be overwritten"):
            write_checks.require_writable_file("--json", tmp_path / "b", [tmp_path / "absent", tmp_path / "a"])

    @pytest.mark.parametrize("require", [write_checks.require_writable_file, write_checks.require_writable_folder])
    def test_a_place_that_cannot_be_written_is_named(self, require):
        with pytest.raises(UserError, match="cannot write /proc/a/b: .*; name another place.$"):
            require("--output", "/proc/a/b")

    @pytest.mark.parametrize("require", [write_checks.require_writable_file, write_checks.require_writable_folder])
    def test_a_place_below_a_file_is_refused(self, require, tmp_path):
        (tmp_path / "a").touch()
        with pytest.raises(UserError, match="cannot write .*x/y: .*a is no folder; name another place.$"):
            require("--output", tmp_path / "a" / "x" / "y")

    def test_a_file_is_no_folder_to_fill(self, tmp_path):
        (tmp_path / "a").touch()
        with pytest.raises(UserError, match="it is no folder"):
            write_checks.require_writable_folder("--output", tmp_path / "a")


class TestCommands:
    def test_labels_are_not_replaced_by_a_report(self, model_dir, labels):
        before = labels.read_text()
        page, numbers = (labels.with_suffix(suffix) for suffix in (".html", ".json"))
        for link in (page, numbers):
            link.symlink_to(labels)
        for arguments in (
            ["compare", str(model_dir), str(model_dir), "--data", str(labels), "--output", str(page)],
            ["eval-system", "--data", str(labels), "--json", str(numbers)],
        ):
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == 2
            assert "is read, and would be overwritten" in result.stderr
        assert labels.read_text() == before

    def test_a_place_that_cannot_be_written_is_known_before_the_weights_are_tried(self, model_dir, labels):
        arguments = ["compress", str(model_dir), "--data", str(labels), "--output", "/proc/a"]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("ppocrv2: cannot write /proc/a: ")

    def test_a_missing_picture_is_named_with_its_path(self, model_dir, labels):
        labels.write_text("a.png\tabc\ngone.png\tabc\n")
        result = CliRunner().invoke(main, ["compare", str(model_dir), str(model_dir), "--data", str(labels)])
        assert result.exit_code == 1
        assert f"labels.txt:2: {labels.parent / 'gone.png'}: No such file or directory." in result.stderr

    def test_a_full_temporary_folder_is_said(self, model_dir, monkeypatch, tmp_path):
        def fail(path, content):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(peer_processes, "find_peers", lambda pythons: {})
        monkeypatch.setattr(type(tmp_path), "write_bytes", fail)
        with pytest.raises(UserError, match="No space left on device; free space there, or name another .* TMPDIR"):
            peer_processes.read_with_peers(verification.open_model(model_dir), [np.zeros((9, 9, 3), np.uint8)], [])

    def test_int8_is_tried_without_temporary_files(self, model_dir, labels, monkeypatch, tmp_path):
        def refuse(*arguments, **options):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
        monkeypatch.setattr(accuracy, "measure_accuracy", lambda *arguments: 50)
        (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
        labels.write_text("a.png\tabc\nb.png\tabc\n")
        arguments = ["compress", str(model_dir), "--data", str(labels), "--output", str(tmp_path / "small")]
        assert CliRunner().invoke(main, arguments).exit_code == 0
