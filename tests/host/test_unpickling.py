"""Whoever loads a pickle in this process, Paddle or PaddleOCR, reads data and runs nothing."""

import os
import pickle

import numpy as np
import paddle
import pytest

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.unpickling import MODULES, find_modules

pytestmark = pytest.mark.usefixtures("wheel")


class _Evil:
    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.fixture
def evil(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for suffix in ("pdparams", "pdopt", "states", "pdema"):
        (tmp_path / f"evil.{suffix}").write_bytes(pickle.dumps({"x": _Evil(), "epoch": 1}, protocol=2))
    yield tmp_path / "evil"
    assert not (tmp_path / "ran").exists()


def test_each_module_that_unpickles_is_found():
    names = [module.__name__ for module in find_modules()]
    assert {"paddle.framework.io", "ppocr.utils.save_load", "ppocr.data.lmdb_dataset"} <= set(names) <= set(MODULES)


@pytest.mark.parametrize("suffix", ["pdparams", "pdopt", "pdema"])
def test_paddle_load_refuses_code(suffix, evil):
    with pytest.raises(UserError, match=r"evil.* is refused: it names posix.system"):
        paddle.load(f"{evil}.{suffix}")


def test_paddle_load_still_reads_what_paddle_saves(tmp_path):
    saved = {"w": paddle.to_tensor([1.0, 2.0]), "half": paddle.to_tensor([1.5]).astype("bfloat16"), "n": 3}
    paddle.save(saved, str(tmp_path / "x.pdparams"))
    loaded = paddle.load(str(tmp_path / "x.pdparams"))
    assert loaded["n"] == 3
    assert all(loaded[name].dtype == saved[name].dtype for name in ("w", "half"))
    assert loaded["w"].tolist() == [1.0, 2.0]
    assert paddle.load(str(tmp_path / "x.pdparams"), return_numpy=True)["w"].dtype == np.float32


@pytest.mark.parametrize("broken", ["evil.pdopt", "evil.states"])
def test_a_resumed_training_refuses_code_beside_good_weights(broken, evil):
    from ppocr.utils.save_load import load_model

    network = paddle.nn.Linear(2, 2)
    optimizer = paddle.optimizer.Adam(parameters=network.parameters())
    paddle.save(network.state_dict(), f"{evil}.pdparams")
    if broken == "evil.states":
        paddle.save(optimizer.state_dict(), f"{evil}.pdopt")
    config = {"Global": {"checkpoints": str(evil)}, "Architecture": {"model_type": "rec", "algorithm": "CRNN"}}
    with pytest.raises(UserError, match=broken):
        load_model(config, network, optimizer, "rec")
