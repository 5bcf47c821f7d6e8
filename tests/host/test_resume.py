"""A training that goes on from its checkpoint takes the steps that it would have taken without a stop."""

import random
import shutil
import signal

import numpy as np
import paddle
import pytest
from drawn_words import draw_words

from ppocrv2_ext.checkpoints import pickles, sets
from ppocrv2_ext.commands.train import train

DETECTOR = "det/ch_PP-OCRv2_det_dml"
RECOGNIZER = "rec/ch_PP-OCRv2_rec_finetune"
UDML_CENTER = "rec/ch_PP-OCRv2_rec_udml_center"


class Kill(BaseException):
    """Stands for the SIGKILL that a process does not notice."""


@pytest.fixture
def run(wheel, tmp_path, monkeypatch):
    """Train in this process, and stop at a step: ``run(config, *overrides, resume=None, signal_at=7, kill_at=None)``.

    The step at which a signal comes is finished, the one at which the training is killed is not.
    """
    from ppocrv2_ext.host import resume as host_resume

    monkeypatch.chdir(tmp_path)
    seed_step = host_resume.seed_step

    def run(config, *overrides, resume=None, signal_at=None, kill_at=None):
        steps = []

        def count_step(place):
            seed_step(place)
            steps.append(place)
            if len(steps) == signal_at:
                signal.raise_signal(signal.SIGTERM)
            if len(steps) == kill_at:
                raise Kill

        monkeypatch.setattr(host_resume, "seed_step", count_step)
        random.seed()  # nothing may depend on what was drawn in this process before
        np.random.seed()
        with paddle.utils.unique_name.guard():  # as in a new process: optimizers call weights by these names
            train(config, list(overrides), resume=resume)
        return steps

    return run


def words(folder, name):
    """Overrides for a single narrow recognizer, or for the two of UDML, on words that are augmented at random."""
    changes = [change for change in draw_words(folder) if ".RecAug." not in change]
    if name == RECOGNIZER:
        changes = [c.replace("Architecture.Models.Student.", "Architecture.") for c in changes if "Models.Teacher" not in c]
        changes += ["Global.pretrained_model="]
    return [*changes, "Global.cal_metric_during_train=false", "Train.dataset.transforms.RecAug.tia_prob=1"]


def assert_equal_trainings(folder, other):
    """The weights, the optimizer with its schedule, and the epoch of two folders are bit for bit the same."""
    for suffix in (".pdparams", ".pdopt"):
        values, others = (
            pickles.without_tensor_names(pickles.read(place / f"latest{suffix}")) for place in (folder, other)
        )
        assert list(values) == list(others)
        for name, value in values.items():
            np.testing.assert_equal(value, others[name], err_msg=name)
    assert sets.read_position(folder / "latest") == sets.read_position(other / "latest")


@pytest.mark.parametrize("name", [RECOGNIZER, pytest.param(UDML_CENTER, marks=pytest.mark.slow)])
def test_a_recognizer_that_was_stopped_and_killed_ends_as_one_that_was_not(name, run, tmp_path):
    overrides = [*words(tmp_path, name), "Global.epoch_num=3"]
    assert len(run(name, *overrides, "Global.save_model_dir=whole")) == 6
    with pytest.raises(SystemExit) as end:
        run(name, *overrides, "Global.save_model_dir=parts", signal_at=1)  # in the middle of an epoch
    assert end.value.code == 128 + signal.SIGTERM
    assert sets.read_position(tmp_path / "parts" / "latest")[:3] == (1, 1, 1)
    with pytest.raises(Kill):
        run(name, *overrides, "Global.save_model_dir=parts", resume="parts", kill_at=3)
    assert sets.read_position(tmp_path / "parts" / "latest")[:3] == (1, 2, 2)
    places = run(name, *overrides, "Global.save_model_dir=parts", resume="parts")
    assert [place[-2:] for place in places] == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert_equal_trainings(tmp_path / "parts", tmp_path / "whole")
