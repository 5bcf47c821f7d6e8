"""Ctrl-C and SIGTERM: the step is finished and saved, and nothing of the training is left running."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from drawn_words import draw_words

from ppocrv2_ext import interrupts
from ppocrv2_ext.checkpoints import records

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 120  # seconds until a training that hangs has failed


@pytest.fixture
def start(tmp_path):
    """Start a training of many epochs as the leader of its own process group: what PaddleOCR would kill as a whole."""
    started = []

    def start(*overrides, paddleocr=None):
        words = [change for change in draw_words(tmp_path) if ".RecAug." not in change]
        command = [sys.executable, "-m", "ppocrv2_ext", "train", "-c", "rec/ch_PP-OCRv2_rec_udml_center", "-o", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        if paddleocr:
            environment["PADDLEOCR_HOME"] = str(paddleocr)
        with (tmp_path / "said").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [*command, "Global.epoch_num=500", "Global.save_epoch_step=1000", *overrides],
                    cwd=tmp_path,
                    env=environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def said(folder):
    return (folder / "said").read_text(encoding="utf-8", errors="replace")


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)


def members(group):
    """Process ids of a process group, from /proc; zombies are left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize(
    ("number", "workers", "on_checkout"),
    [
        (signal.SIGINT, 2, False),
        pytest.param(signal.SIGTERM, 2, False, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 0, False, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 2, True, marks=pytest.mark.checkout),
    ],
)
def test_a_signal_to_every_process_saves_the_step_and_leaves_nothing_behind(
    start, tmp_path, number, workers, on_checkout, request
):
    host = request.getfixturevalue("checkout") if on_checkout else None
    training = start(f"Train.loader.num_workers={workers}", paddleocr=host)
    wait_for(lambda: "global_step: 3," in said(tmp_path) or training.poll() is not None)
    processes = members(training.pid)
    assert len(processes) >= 1 + workers, said(tmp_path)[-3000:]
    for process in processes:  # as Ctrl-C and many job systems do
        os.kill(process, number)
    assert training.wait(timeout=LIMIT) == 128 + number, said(tmp_path)[-3000:]
    position = records.read_position(tmp_path / "out" / "latest")
    assert position.global_step >= 3
    end = said(tmp_path).splitlines()[-1]
    assert end.startswith(f"ppocrv2: stopped by a signal: step {position.global_step}, in epoch {position.epoch}")
    assert end.endswith("go on with ppocrv2 train -c out/resolved.yml --resume out")
    assert records.find_problem(tmp_path / "out" / "latest") is None
    assert "Traceback" not in said(tmp_path)
    wait_for(lambda: not members(training.pid))
    shared = [path.name for path in Path("/dev/shm").glob("*")]
    assert not [name for name in shared for process in processes if f"_{process}_" in name]


@pytest.mark.slow
def test_a_second_signal_ends_the_training_at_once(start, tmp_path):
    training = start("Train.loader.num_workers=0", "Global.eval_batch_step=[0,1]")  # a signal finds an evaluation
    wait_for(lambda: "save model in" in said(tmp_path) or training.poll() is not None)
    os.kill(training.pid, signal.SIGINT)
    wait_for(lambda: "a second signal ends the training at once" in said(tmp_path) or training.poll() is not None)
    os.kill(training.pid, signal.SIGTERM)
    # The step may have been shorter, and the second signal found the process at its very end.
    assert training.wait(timeout=LIMIT) in (128 + signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert records.find_problem(tmp_path / "out" / "latest") is None
    assert "Traceback" not in said(tmp_path)


def test_before_the_first_step_a_signal_ends_the_command_with_its_code(monkeypatch):
    from click.testing import CliRunner

    from ppocrv2_ext.cli import main
    from ppocrv2_ext.commands import train

    monkeypatch.setattr(train, "prepare_config", lambda *_: signal.raise_signal(signal.SIGTERM))
    done = CliRunner().invoke(main, ["train", "-c", "rec/ch_PP-OCRv2_rec"])
    assert done.exit_code == 143
    assert "stopped by a signal: no step was taken yet, and nothing was changed" in done.output


def test_the_first_signal_is_noted_in_the_loop_and_the_second_one_raises(capfd):
    before = signal.getsignal(signal.SIGINT)
    with interrupts.Interrupts() as signals:
        signals.in_loop = True
        signal.raise_signal(signal.SIGINT)
        assert signals.number == signal.SIGINT
        with pytest.raises(interrupts.Interrupted):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before
    assert capfd.readouterr().err.count("\n") == 1


def test_a_launcher_that_repeats_its_signal_does_not_end_the_step(monkeypatch, capfd):
    monkeypatch.setenv("PADDLE_TRAINER_ID", "0")
    with interrupts.Interrupts() as signals:
        signals.in_loop = True
        for _ in range(3):  # as `paddle.distributed.launch` does within a second
            signal.raise_signal(signal.SIGTERM)
        signals.in_loop = False  # the training writes its report
        signal.raise_signal(signal.SIGTERM)
        assert signals.number == signal.SIGTERM
    said = capfd.readouterr().err
    assert said == "ppocrv2: SIGTERM: the step is finished and saved; SIGINT ends the training at once.\n"


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_under_a_launcher_sigint_is_a_second_signal(first, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINER_ID", "0")
    with interrupts.Interrupts() as signals:
        signals.in_loop = True
        signal.raise_signal(first)
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(interrupts.Interrupted):
            signal.raise_signal(signal.SIGINT)


def test_under_a_launcher_a_late_sigterm_is_a_second_signal(monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINER_ID", "0")
    with interrupts.Interrupts() as signals:
        signals.in_loop = True
        signal.raise_signal(signal.SIGTERM)
        late = time.monotonic() + 10.1
        monkeypatch.setattr(time, "monotonic", lambda: late)
        with pytest.raises(interrupts.Interrupted):
            signal.raise_signal(signal.SIGTERM)


def test_a_second_signal_within_a_custom_gradient_is_no_error_of_paddle():
    import paddle

    from ppocrv2_ext.host.training.resume import _watch_signals

    class Interrupting(paddle.autograd.PyLayer):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, gradient):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            return 2 * gradient

    x = paddle.ones([2])
    x.stop_gradient = False
    with interrupts.Interrupts(), pytest.raises(interrupts.Interrupted), _watch_signals():
        Interrupting.apply(x).sum().backward()
