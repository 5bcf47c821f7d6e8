"""The ranks of a training wait for each other, however long, and end together when one is lost."""

import multiprocessing
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"
TIMEOUT = 15  # seconds of silence after which a rank is lost in these tests; a busy machine may let one starve for some
SLEEP = 3


def collective_step():
    """One operation that needs every rank."""
    import paddle

    paddle.distributed.all_reduce(paddle.ones([1]))


def end(with_signal):
    os.kill(os.getpid(), with_signal)


def wait_for_a_slow_evaluation(ranks):
    ranks.meet()
    collective_step()
    start = time.monotonic()
    time.sleep(SLEEP if ranks.rank == 0 else 0)
    ranks.meet()
    print(f"waited {time.monotonic() - start}")
    collective_step()


def wait_for_the_last_checkpoint(ranks):
    ranks.meet()
    time.sleep(SLEEP if ranks.rank == 0 else 0)


def lose_rank_0_in_its_evaluation(ranks):
    ranks.meet()
    if ranks.rank == 0:
        end(signal.SIGKILL)
    ranks.meet()


def lose_rank_1_in_the_evaluation_of_rank_0(ranks):
    ranks.meet()
    if ranks.rank == 1:
        end(signal.SIGKILL)
    time.sleep(60)


def lose_rank_1_in_a_collective_operation(ranks):
    ranks.meet()
    if ranks.rank == 1:
        time.sleep(1)  # by then the other is in it
        end(signal.SIGKILL)
    collective_step()


def lose_rank_0_in_its_last_checkpoint(ranks):
    ranks.meet()
    if ranks.rank == 0:
        end(signal.SIGKILL)


def lose_rank_1_while_its_workers_live_on(ranks):
    ranks.meet()
    if ranks.rank == 1:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        end(signal.SIGKILL)
    ranks.meet()


def rank_1_falls_silent(ranks):
    ranks.meet()
    if ranks.rank == 1:
        end(signal.SIGSTOP)
    ranks.meet()


def rank_1_fails(ranks):
    ranks.meet()
    if ranks.rank == 1:
        raise ValueError("what is wrong here")
    ranks.meet()


# Rank 0 notices sooner that the other is silent. Whether that one starves or is stopped, it is called silent.
TIMEOUTS = {(rank_1_falls_silent, 0): 4}  # {(script, rank): seconds}, in place of TIMEOUT


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def be_rank(script, environment, *files):
    """One rank, which does what a script says. Its standard output and its errors go to two files."""
    os.environ.update(environment)
    for stream, file in zip((sys.stdout, sys.stderr), files):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream.fileno())

    import paddle

    from ppocrv2_ext.host.training.ranks import connect_ranks

    paddle.set_device("cpu")
    paddle.distributed.init_parallel_env()
    with connect_ranks(TIMEOUTS.get((script, paddle.distributed.get_rank()), TIMEOUT)) as this:
        script(this)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A function that starts the ranks of one training with Gloo: ``start(2, script)``, a process for each.

    They are forked from one process that has imported Paddle. :func:`said_by` is for what they say.
    """
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["ppocrv2_ext.host.training.ranks"])
    processes = []

    def start_ranks(count, script):
        endpoints = [f"127.0.0.1:{port}" for port in free_ports(count)]
        for rank, endpoint in enumerate(endpoints):
            environment = {
                **{"PADDLE_TRAINER_ID": str(rank), "PADDLE_TRAINERS_NUM": str(count)},
                **{"PADDLE_TRAINER_ENDPOINTS": ",".join(endpoints), "PADDLE_CURRENT_ENDPOINT": endpoint},
                **{"PADDLE_MASTER": endpoints[0], "PADDLE_DISTRI_BACKEND": "gloo"},
            }
            files = [tmp_path / f"{stream}_{rank}" for stream in ("output", "errors")]
            processes.append(forks.Process(target=be_rank, args=(script, environment, *files)))
            processes[-1].files = files
            processes[-1].start()
        return processes

    yield start_ranks
    for process in processes:
        process.kill()
        process.join()


def wait_for(process):
    """Wait until a rank has ended, for a generous time."""
    process.join(120)
    assert process.exitcode is not None, "it takes too long"


def said_by(process):
    """(stdout, stderr) of a rank when it has ended."""
    wait_for(process)
    return [file.read_text(encoding="utf-8", errors="replace") for file in process.files]


def assert_names(process, lost, why):
    _, errors = said_by(process)
    assert process.exitcode == 2, errors
    assert f"ppocrv2: training stopped: rank {lost} is lost, {why}; its log may say more" in errors


def test_a_rank_waits_for_an_evaluation_outside_gloo(start):
    for process in start(2, wait_for_a_slow_evaluation):
        output, errors = said_by(process)
        assert process.exitcode == 0, errors
        assert float(output.split("waited ")[1].split()[0]) > SLEEP - 1


def test_the_ranks_part_together_after_the_last_checkpoint(start):
    for process in start(3, wait_for_the_last_checkpoint):
        _, errors = said_by(process)
        assert process.exitcode == 0, errors
        assert "lost" not in errors


@pytest.mark.parametrize(
    ("script", "lost"),
    [
        (lose_rank_0_in_its_evaluation, 0),
        (lose_rank_0_in_its_last_checkpoint, 0),
        (lose_rank_1_in_the_evaluation_of_rank_0, 1),
        (lose_rank_1_in_a_collective_operation, 1),
        (lose_rank_1_while_its_workers_live_on, 1),
    ],
)
def test_a_rank_that_is_killed_ends_the_others_at_once(start, script, lost):
    processes = start(2, script)
    wait_for(processes[lost])
    killed = time.monotonic()
    assert_names(processes[1 - lost], lost, "its process has ended")
    assert time.monotonic() - killed < 30


def test_every_rank_names_the_one_that_was_lost(start):
    processes = start(3, lose_rank_1_while_its_workers_live_on)
    for rank in (0, 2):
        assert_names(processes[rank], 1, "its process has ended")


def test_a_rank_that_falls_silent_ends_the_others_after_the_timeout(start):
    processes = start(2, rank_1_falls_silent)
    assert_names(processes[0], 1, f"it has been silent for {TIMEOUTS[rank_1_falls_silent, 0]} s")


def test_a_rank_that_fails_says_why_and_ends_the_others(start):
    processes = start(2, rank_1_fails)
    _, errors = said_by(processes[1])
    assert "ValueError: what is wrong here" in errors
    assert "lost" not in errors
    assert_names(processes[0], 1, "its process has ended")


SLOW_EVALUATION = """
import time

from ppocrv2_ext.cli import main
from ppocrv2_ext.host.networks.best_network import BestNetworkMetric

get_metric = BestNetworkMetric.get_metric


def get_metric_slowly(self):
    time.sleep(35)
    return get_metric(self)


BestNetworkMetric.get_metric = get_metric_slowly
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("host", ["wheel", pytest.param("checkout", marks=pytest.mark.checkout)])
def test_a_training_survives_an_evaluation_longer_than_gloo_waits(two_processes, words, tmp_path, host, request):
    (tmp_path / "slow.py").write_text(SLOW_EVALUATION, encoding="utf-8")
    clone = ["--paddleocr", request.getfixturevalue("checkout")] if host == "checkout" else []
    steps = ["Global.epoch_num=3", "Global.eval_batch_step=[0,2]", "Global.cal_metric_during_train=false"]
    said = two_processes("slow.py", "train", *clone, "-c", UDML_CENTER, "-o", *words, *steps)
    assert "cur metric" in said
    assert "global_step: 3" in said


STOP_TOGETHER = """
import os, sys
from ppocrv2_ext.cli import main
from ppocrv2_ext.host.training import watching

count = watching.Watch.count_step
def count_aloud(self, stats):
    count(self, stats)
    print(f"rank {os.environ['PADDLE_TRAINER_ID']} took step {self.step_number} at {stats['lr']:.9f}", flush=True)
watching.Watch.count_step = count_aloud
main()
"""


@pytest.mark.parametrize(
    ("end", "last"),
    [
        # Rank 0 decides after the evaluation at step 3; the order holds one step later.
        (["Global.early_stop={patience: 2}", "Global.eval_batch_step=[0,1]"], 4),
        pytest.param(["Global.max_minutes=0.2", "Global.eval_batch_step=[0,1000]"], None, marks=pytest.mark.slow),
    ],
)
def test_several_ranks_stop_at_the_same_step_and_follow_the_same_rates(two_processes, words, tmp_path, end, last):
    (tmp_path / "together.py").write_text(STOP_TOGETHER, encoding="utf-8")
    steady = ["Optimizer.lr.values=[0.0001,0]", "Optimizer.lr.decay_epochs=[1]", "Train.loader.batch_size_per_card=2"]
    steps = ["Global.epoch_num=1000", "Global.cal_metric_during_train=false", "Global.save_epoch_step=10000"]
    said = two_processes("together.py", "train", "-c", UDML_CENTER, "-o", *words, *steady, *steps, *end)
    taken = [re.findall(rf"rank {rank} took step (\d+) at (\S+)", said) for rank in (0, 1)]
    assert taken[0] == taken[1]
    assert len(taken[0]) == int(taken[0][-1][0]) < 2000
    if last is not None:
        assert len(taken[0]) == last
