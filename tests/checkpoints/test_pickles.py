"""Pickles read as data: equal to what `pickle` reads, but nothing runs and nothing grows."""

import collections
import contextlib
import io
import os
import pickle
import tracemalloc

import numpy as np
import paddle
import pytest

from ppocrv2_ext.checkpoints import pickles
from ppocrv2_ext.errors import UserError


def _same(ours, theirs):
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(_same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, (list, tuple)):
        return type(ours) is type(theirs) and len(ours) == len(theirs) and all(map(_same, ours, theirs))
    if isinstance(theirs, np.ndarray):
        return ours.dtype == theirs.dtype and ours.shape == theirs.shape and np.array_equal(ours, theirs)
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_data_is_read_as_pickle_reads_it(protocol):
    data = {
        "numbers": [1, -5, 2**70, 1.5, True, None, np.float64(0.5), np.int64(4)],
        "arrays": (np.arange(6).reshape(2, 3).T, np.array(3.5), np.zeros((0, 3)), np.arange(3) > 1),
        "texts": ["ü", b"", b"\xff", np.array(["ab", "c"])],
        "dicts": collections.OrderedDict(a=1, b={(1, 2): "pair"}),
    }
    content = pickle.dumps(data, protocol)
    assert _same(pickles.loads(content), pickle.loads(content))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_network_and_optimizer_as_paddle_saves_them_are_read_as_pickle_reads_them(protocol, tmp_path):
    network = paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.LSTM(4, 5))
    schedule = paddle.optimizer.lr.LinearWarmup(paddle.optimizer.lr.CosineAnnealingDecay(0.1, 9), 5, 0, 0.1)
    optimizer = paddle.optimizer.Adam(schedule, parameters=network.parameters())
    network[0](paddle.ones([2, 3])).sum().backward()
    optimizer.step()
    half = network.state_dict()["0.weight"].astype("bfloat16")
    paddle.save(
        {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "half": half},
        str(tmp_path / "x"),
        protocol,
    )
    content = (tmp_path / "x").read_bytes()
    assert _same(pickles.read(tmp_path / "x"), pickle.loads(content, encoding="latin1"))


class _Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


HOSTILE = {
    "a function of the system": _Calls(os.system, "touch ran"),
    "eval of an expression": _Calls(eval, "__import__('os').system('touch ran')"),
    "eval with names": _Calls(eval, "data.tofile('ran')", {"data": np.zeros(1)}),
    "a class that is not data": io.BytesIO(b"x"),
    "a function under the name of numpy": _Calls(np.save, "ran.npy", np.zeros(1)),
    "an array of objects": np.array([{}, _Calls(os.system, "touch ran")], dtype=object),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_data_is_refused_in_a_sentence_and_does_not_run(name, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.states").write_bytes(pickle.dumps({"epoch": 1, "x": HOSTILE[name]}, protocol))
    with pytest.raises(UserError, match=r"x.states is refused: .*; weights and records of a training hold data alone"):
        pickles.read(tmp_path / "x.states")
    assert os.listdir() == ["x.states"]


def test_the_sentence_names_what_the_file_wanted_to_run():
    with pytest.raises(UserError, match=r"it names (posix|nt).system, which would run when it is loaded"):
        pickles.loads(pickle.dumps(_Calls(os.system, "true")))


class _LyingArray:
    def __init__(self, first_shape, shape):
        self.first_shape, self.shape = first_shape, shape

    def __reduce__(self):
        make = np.zeros(1).__reduce__()[0]
        return make, (np.ndarray, self.first_shape, b"b"), (1, self.shape, np.dtype("f4"), False, b"\0" * 8)


HUGE = (10**6, 10**6)
DOUBLED = b"".join(b"q%ch%ch%c\x86" % (i, i, i) for i in range(39)) + b"q\x27"  # tuples of the tuple before
BOMBS = {
    "an array that claims terabytes": pickle.dumps(_LyingArray((0,), HUGE), 4),
    "an array that begins with terabytes": pickle.dumps(_LyingArray(HUGE, (2,)), 4),
    "bytes that claim terabytes": b"\x80\x04\x8e" + (10**13).to_bytes(8, "little") + b"x.",
    "a text that claims gigabytes": b"\x80\x04X" + (2**32 - 1).to_bytes(4, "little") + b"x.",
    "a frame that claims terabytes": b"\x80\x04\x95" + (10**13).to_bytes(8, "little") + b"N",
    "a memo that is not there": b"\x80\x04Nj\xff\xff\xff\xff.",
    "tuples of the same tuples": b"\x80\x04]" + DOUBLED + b".",
    "a list of itself": b"\x80\x04]q\0h\0a.",
    "a tuple of tuples as a key": b"\x80\x04N" + DOUBLED + b"}h\x27Ns.",
    "a thousand lists in each other": b"\x80\x04" + b"]" * 1000 + b"a" * 999 + b".",
    "a line without an end": b"\x80\x04c" + b"x" * 10**6,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_lies_about_its_size_takes_neither_memory_nor_time(name):
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="is refused|cannot be read"):
            pickles.loads(BOMBS[name])
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_one_array_in_many_places_may_not_take_more_than_a_few_times_the_file():
    array = np.zeros(1000)
    assert len(pickles.loads(pickle.dumps([array] * 4, 4))) == 4
    with pytest.raises(UserError, match="over and over"):
        pickles.loads(pickle.dumps([array] * 40, 4))


@pytest.mark.parametrize("cut", [0, 1, 10, 100, -1])
def test_a_file_that_is_cut_is_refused(cut):
    content = pickle.dumps({"a": np.zeros(100)}, 4)
    with pytest.raises(UserError, match="is it complete"):
        pickles.loads(content[:cut])


def test_bytes_drawn_at_random_and_files_with_bytes_changed_end_in_an_error_for_users_or_in_data():
    rng = np.random.default_rng(7)
    honest = np.frombuffer(pickle.dumps({"a": np.zeros(9), "b": [1, "x", None]}, 4), np.uint8)
    for _ in range(500):
        changed = honest.copy()
        changed[rng.integers(0, len(honest), 3)] = rng.integers(0, 256, 3)
        for content in (changed.tobytes(), b"\x80\x04" + rng.bytes(40)):
            with contextlib.suppress(UserError):
                pickles.loads(content)
