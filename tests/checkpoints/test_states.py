"""The record beside a checkpoint: what PaddleOCR writes is read, and nothing else is taken for one."""

import pickle

import numpy as np
import pytest

from ppocrv2_ext.checkpoints import states
from ppocrv2_ext.errors import UserError


def write(folder, record):
    (folder / "latest.states").write_bytes(pickle.dumps(record, protocol=2))
    return folder / "latest"


def test_the_record_of_a_training_is_read(tmp_path):
    best = {"acc": np.float64(0.5), "fps": np.float32(9), "is_float16": False, "best_epoch": 1}
    assert states.read_states(write(tmp_path, {"epoch": 3, "global_step": 12, "best_model_dict": best}))["epoch"] == 3
    assert states.read_best_metrics(tmp_path / "latest") == best


def test_without_a_file_the_record_is_empty(tmp_path):
    assert states.read_states(tmp_path / "latest") == {}


@pytest.mark.parametrize(
    "record",
    [
        *([], 7, {"epoch": "3"}, {"epoch": -1}, {"epoch": True}, {"global_step": 0.5}, {"best_model_dict": []}),
        *({"best_model_dict": {"acc": value}} for value in ("0.5", [1], None, float("nan"), float("inf"))),
    ],
)
def test_what_a_training_would_not_have_written_is_refused(record, tmp_path):
    with pytest.raises(UserError, match=r"latest.states is not a record of a training"):
        states.read_states(write(tmp_path, record))
