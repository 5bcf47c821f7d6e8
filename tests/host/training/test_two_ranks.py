"""Trainings of two ranks: on one machine and on two, with an average of the weights, stopped by a signal."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ppocrv2_ext.checkpoints import pickles, records

ROOT = Path(__file__).resolve().parents[3]
UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"
STEADY = ["Global.distributed=true", "Optimizer.epsilon=1.0", "Optimizer.lr.values=[0.1,0.1]", "Global.use_ema=true"]

# The command as a rank: it notes who checks the data. It may send SIGTERM to itself, or SIGINT to the launcher; then
# the step is so long that the launcher repeats its SIGTERM.
RANK = """import os, signal, sys, time
from ppocrv2_ext.cli import main
from ppocrv2_ext.data import check
from ppocrv2_ext.host.training import resume

rank = os.environ["PADDLE_TRAINER_ID"]
check_data, seed_step = check.check_data, resume.seed_step

def check_and_tell(*arguments, **options):
    open(f"checked-{rank}", "a").close()
    return check_data(*arguments, **options)

def seed_and_signal(place):
    seed_step(place)
    if os.environ.get("SIGNAL_TO") == rank and place[-2:] == (1, 0):
        os.kill(os.getpid(), signal.SIGTERM)
    if os.environ.get("SIGNAL_TO") == "launcher" and rank == "0" and place[-2:] == (3, 0):
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(1.1)

check.check_data, resume.seed_step = check_and_tell, seed_and_signal
main()
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def rank_script(tmp_path):
    script = tmp_path / "rank.py"
    script.write_text(RANK, encoding="utf-8")
    return script


def test_two_ranks_check_the_data_once_and_keep_the_average_of_one_process_with_the_joined_batch(
    ppocrv2, two_processes, words, tmp_path, rank_script
):
    one = ["Train.loader.batch_size_per_card=8", "Global.save_model_dir=joined"]
    alone = ppocrv2("train", "-c", UDML_CENTER, "-o", *words, *STEADY, *one)
    assert alone.returncode == 0, alone.stdout + alone.stderr
    two_processes(rank_script, "train", "-c", UDML_CENTER, "-o", *words, *STEADY)
    assert sorted(path.name for path in tmp_path.glob("checked-*")) == ["checked-0"]
    assert not list((tmp_path / "out").glob(".check-*"))
    ours, joined = (pickles.read(tmp_path / folder / "latest.pdema") for folder in ("out", "joined"))
    assert ours["step"] == joined["step"] == 2
    theirs = pickles.without_tensor_names(joined["ema_state"])
    for name, value in pickles.without_tensor_names(ours["ema_state"]).items():
        np.testing.assert_allclose(value, theirs[name], rtol=1e-4, atol=1e-5, err_msg=name)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def launch(folder, script, words, *options, **environment):
    command = [sys.executable, "-m", "paddle.distributed.launch", *options, str(script)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [*command, "train", "-c", UDML_CENTER, "-o", *words, *STEADY],
        cwd=folder,
        env={
            **os.environ,
            **{"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "", "PADDLE_DISTRI_BACKEND": "gloo"},
            **environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_two_machines_train_together_over_the_loopback(words, tmp_path, rank_script):
    master = f"127.0.0.1:{free_port()}"
    nodes = []
    for rank in (0, 1):
        options = ["--nnodes", "2", "--master", master, "--rank", str(rank), "--nproc_per_node", "1"]
        nodes.append(launch(tmp_path, rank_script, words, *options, "--log_dir", f"log{rank}"))
    try:
        codes = [node.wait(timeout=240) for node in nodes]
    finally:
        for node in nodes:
            node.kill()
    logs = "".join(path.read_text(errors="replace")[-2000:] for path in sorted(tmp_path.glob("log?/workerlog*")))
    assert codes == [0, 0], logs
    assert records.read_position(tmp_path / "out" / "latest")[:3] == (2, 1, 2)
    assert sorted(path.name for path in tmp_path.glob("checked-*")) == ["checked-0", "checked-1"]  # once on each


def read_logs_at_end(launcher, folder):
    """What each rank has written, once the launcher has ended."""
    try:
        launcher.wait(timeout=240)
    finally:
        launcher.kill()
    return [path.read_text(errors="replace") for path in sorted(folder.glob("workerlog.*"))]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_rank_ends_both_after_the_same_step(rank, words, tmp_path, rank_script):
    longer = ["Global.epoch_num=50"]
    launcher = launch(
        tmp_path,
        rank_script,
        [*words, *longer],
        "--backend",
        "gloo",
        "--nproc_per_node",
        "2",
        "--log_dir",
        "log",
        SIGNAL_TO=str(rank),
    )
    logs = read_logs_at_end(launcher, tmp_path / "log")
    position = records.read_position(tmp_path / "out" / "latest")
    assert 1 <= position.global_step < 50, logs
    assert records.find_problem(tmp_path / "out" / "latest") is None
    for log in logs:
        assert f"stopped by a signal: step {position.global_step}, " in log


@pytest.mark.parametrize("options", [["--backend", "gloo", "--nproc_per_node", "2"], ["--nproc_per_node", "1"]])
def test_ctrl_c_on_the_launcher_saves_the_step(options, words, tmp_path, rank_script):
    options = [*options, "--log_dir", "log"]
    launcher = launch(tmp_path, rank_script, [*words, "Global.epoch_num=50"], *options, SIGNAL_TO="launcher")
    logs = read_logs_at_end(launcher, tmp_path / "log")
    position = records.read_position(tmp_path / "out" / "latest")
    assert position is not None, logs
    for log in logs:
        assert f"stopped by a signal: step {position.global_step}, " in log
