"""Names in another encoding than UTF-8 end no training: what it writes of itself has their bytes as escapes."""

import sys
from types import SimpleNamespace

from ppocrv2_ext.commands import train

HOST = SimpleNamespace(kind="wheel", version="2.10")
NAME = "a\udcff.yml"  # how Python reads the name a\xff.yml, which is no UTF-8


def test_the_report_has_the_name_and_the_command_with_escapes(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ppocrv2", "train", "-c", NAME])
    description = train.describe_run(NAME, HOST, [])
    assert description.title == r"a\xff.yml"
    assert description.command == r"ppocrv2 train -c 'a\xff.yml'"


def test_the_head_of_the_config_has_the_name_with_escapes(monkeypatch, tmp_path):
    monkeypatch.setattr("ppocrv2_ext.host.training.log_file.add_log_file", lambda path: None)
    train._record({"Global": {}}, tmp_path, f"from {NAME}", HOST)
    assert "\n# from a\\xff.yml\n" in (tmp_path / "resolved.yml").read_text(encoding="utf-8")
