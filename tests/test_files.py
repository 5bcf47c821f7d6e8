import os
import stat
from pathlib import Path

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import FileNameError, atomic_write, printable


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "new" / "a.json"
    with atomic_write(target) as part:
        part.write_text("all", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "all"
    with pytest.raises(UnicodeEncodeError), atomic_write(target) as part:
        part.write_text("half\ud800", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "all"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("name", ["l" * 251 + ".txt", "a." + "l" * 253, "牌" * 83 + "a.txt", "caf\udce9" * 60 + ".txt"])
def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path, name):
    with atomic_write(tmp_path / name) as part:
        part.write_text("all", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_part_has_the_suffix_of_its_file_and_files_side_by_side_have_parts_of_their_own(tmp_path):
    with atomic_write(tmp_path / "a.png") as one, atomic_write(tmp_path / "b.png") as other:
        assert one.suffix == other.suffix == ".png"
        assert one != other
        one.touch()
        other.touch()


def test_a_name_that_is_too_long_is_told_apart_from_a_folder_that_cannot_be_written_to(tmp_path):
    sentence = "cannot write .*: File name too long; shorten its name"
    with pytest.raises(FileNameError, match=sentence), atomic_write(tmp_path / ("l" * 256)) as part:
        part.touch()
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="name another place") as failure, atomic_write(tmp_path / "file" / "a.txt"):
        pass
    assert not isinstance(failure.value, FileNameError)


def test_a_pipe_and_a_folder_stay_what_they_are(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, kind in (("pipe", "it is a pipe, not a file"), ("folder", "it is a folder")):
        sentence = f"cannot write .*{name}: {kind}; name another place"
        with pytest.raises(UserError, match=sentence), atomic_write(tmp_path / name):
            pass
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "folder"}


@pytest.mark.parametrize("device", ["/dev/null", "/dev/stdout", "/dev/nothing"])
def test_no_file_is_put_among_the_devices(device):
    """Root may replace /dev/null, and then every program of the machine writes into that file."""
    with pytest.raises(UserError, match=f"cannot write {device}: it is a device, not a file"), atomic_write(device):
        pass


def test_a_link_to_a_device_is_a_device(tmp_path):
    (tmp_path / "link").symlink_to("/dev/null")
    with pytest.raises(UserError, match="link: it is a device, not a file"), atomic_write(tmp_path / "link"):
        pass
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(("name", "shown"), [("caf\udce9.yml", "caf\\xe9.yml"), ("车牌.yml", "车牌.yml"), ("é", "é")])
def test_a_name_in_another_encoding_is_shown_with_its_bytes_escaped_whatever_the_locale(monkeypatch, name, shown):
    monkeypatch.setattr(os, "fsencode", lambda path: path.encode("latin-1"))  # as in such a locale
    assert printable(name) == shown
