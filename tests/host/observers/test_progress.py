"""The progress bar in place of PaddleOCR's lines, on a terminal."""

import io
import logging
import re
import sys

import pytest
from rich.console import Console
from toy_training import run, toy


@pytest.fixture
def progress(wheel, tmp_path, monkeypatch):
    from ppocrv2_ext.host.observers import progress

    monkeypatch.chdir(tmp_path)
    return progress


@pytest.fixture
def logger(tmp_path):
    """A logger as PaddleOCR sets it up: standard output and a file."""
    logger = logging.getLogger("toy.progress")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handlers = [logging.StreamHandler(sys.stdout), logging.FileHandler(tmp_path / "train.log")]
    for handler in handlers:
        logger.addHandler(handler)
    yield logger
    for handler in handlers:
        logger.removeHandler(handler)
        handler.close()


def train(progress, monkeypatch, logger, **options):
    console = Console(file=io.StringIO(), force_terminal=True, width=160, color_system=None)
    run({**toy(**options), "logger": logger}, [progress.ProgressBar(console)], monkeypatch)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def test_the_bar_shows_epoch_count_rate_time_left_losses_and_the_best_metric(progress, monkeypatch, logger):
    last = train(progress, monkeypatch, logger, values=[0.25, 0.75]).splitlines()[-1]
    assert re.search(r"epoch 5/5 .* 20/20 .*samples/s 0:00 left loss [\d.e-]+  term [-\d.e]+ best acc 0\.75", last)


def test_the_terminal_gets_the_bar_and_the_file_gets_the_lines(progress, monkeypatch, logger, tmp_path):
    shown = train(progress, monkeypatch, logger)
    written = (tmp_path / "train.log").read_text(encoding="utf-8")
    assert written.count("epoch: [") == 10
    assert "epoch: [" not in shown
    assert "cur metric, acc: 0.5" in shown


def test_the_log_has_its_stream_back_afterwards(progress, monkeypatch, logger):
    handler = logger.handlers[0]
    before = handler.stream
    train(progress, monkeypatch, logger)
    assert handler.stream is before
    assert handler.filters == []


def test_the_bar_is_taken_away_after_an_error(progress, monkeypatch, logger):
    console = Console(file=io.StringIO(), force_terminal=True, width=160)
    stdout = sys.stdout
    arguments = {**toy(), "logger": logger, "loss_class": lambda predicts, batch: 1 / 0}
    with pytest.raises(ZeroDivisionError):
        run(arguments, [progress.ProgressBar(console)], monkeypatch)
    assert sys.stdout is stdout
    assert logger.handlers[0].filters == []


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (-3, "0:00"), (125, "2:05"), (3723, "1:02:03")])
def test_times_are_short(progress, seconds, text):
    assert progress.format_time(seconds) == text


def test_the_sum_of_the_loss_comes_first(progress):
    assert progress.describe_losses({"a": 1, "b": 2, "c": 3, "d": 4, "loss": 10}) == "loss 10  a 1  b 2  c 3"
