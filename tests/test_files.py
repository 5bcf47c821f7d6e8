import errno
import os
import stat
from pathlib import Path

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import FileNameError, atomic_write, has_file, has_folder, identify, is_there, printable


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


@pytest.fixture
def forbidden(monkeypatch):
    """Let nobody look at any path that ends in "forbidden"."""
    stat, scan = os.stat, os.listdir

    def refuse(call):
        def looked(path, *rest, **options):
            if str(path).endswith("forbidden"):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return call(path, *rest, **options)

        return looked

    monkeypatch.setattr(os, "stat", refuse(stat))
    monkeypatch.setattr(os, "listdir", refuse(scan))


@pytest.mark.parametrize("look", [has_file, has_folder, is_there])
def test_what_is_not_there_is_no_error(look, tmp_path):
    (tmp_path / "file").touch()
    assert not look(tmp_path / "absent")
    assert not look(tmp_path / "file" / "below")


@pytest.mark.parametrize("look", [has_file, has_folder, is_there])
def test_a_place_that_may_not_be_looked_at_is_not_said_to_be_missing(look, forbidden, tmp_path):
    with pytest.raises(UserError, match="cannot look at .*forbidden .Permission denied.; name another place"):
        look(tmp_path / "forbidden")


def test_files_are_told_apart_whatever_they_are_called(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    (tmp_path / "link").symlink_to("a")
    first, other, link = (identify([tmp_path / name]) for name in ("a", "b", "link"))
    assert first == link
    assert not first & other
    assert identify([tmp_path / "missing", tmp_path / ("l" * 300), "a\0b"]) == set()
