import os
import stat
from pathlib import Path

import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.files import atomic_write, printable


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
