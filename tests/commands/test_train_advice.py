"""What a training on a CPU is told when numba is not there to make it faster."""

import pytest

from ppocrv2_ext.commands import train


@pytest.mark.parametrize(
    ("settings", "spec", "said"),
    [
        ({"use_gpu": False}, None, True),
        ({}, None, True),
        ({"use_gpu": True}, None, False),
        ({"use_gpu": False}, "installed", False),
    ],
)
def test_numba_is_advised_exactly_where_it_would_help(monkeypatch, capfd, settings, spec, said):
    monkeypatch.setattr(train, "find_spec", lambda name: spec)
    train._advise_numba({"Global": settings})
    assert ("add the extra `fast`" in capfd.readouterr().err) == said
