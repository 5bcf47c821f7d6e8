"""A folder of checkpoints that somebody sends you is resumed, or refused in a sentence that names the file.

PaddleOCR's loop must not be left with an exception that nobody meant, and no value may turn up in it that none has
written.
"""

import pickle
import shutil

import numpy as np
import paddle
import pytest
from drawn_words import draw_words

from ppocrv2_ext.checkpoints import pickles, records
from ppocrv2_ext.commands.train import train
from ppocrv2_ext.errors import UserError

CONFIG = "rec/ch_PP-OCRv2_rec_finetune"


def overrides(folder):
    changes = [change for change in draw_words(folder) if "Models.Teacher" not in change]
    changes = [change.replace("Architecture.Models.Student.", "Architecture.") for change in changes]
    return [*changes, "Global.pretrained_model=", "Global.cal_metric_during_train=false", "Global.use_ema=true"]


def start(changes, resume=None):
    with paddle.utils.unique_name.guard():  # as in a new process: optimizers call weights by these names
        train(CONFIG, changes, resume=resume)


@pytest.fixture(scope="module")
def trained(wheel, tmp_path_factory):
    """The files of a training after its first of two epochs, as one checkpoint ``latest`` without a record."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        start(overrides(folder))
    for path in (folder / "out").iterdir():
        if path.name.startswith("iter_epoch_1") and path.suffix != ".resume":
            path.rename(path.with_name(f"latest{path.suffix}"))
        elif path.name not in ("resolved.yml", "latest.pdparams"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


@pytest.fixture
def resume(trained, tmp_path, monkeypatch):
    """Go on from that checkpoint, one file of which has other content: ``resume(".states", {"epoch": "x"})``."""
    monkeypatch.chdir(tmp_path)
    changes = overrides(tmp_path)
    shutil.copytree(trained / "out", tmp_path / "out")

    def run(suffix=None, content=None):
        if suffix:
            file = tmp_path / "out" / f"latest{suffix}"
            file.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, 2))
        start(changes, resume="out")

    return run


def test_the_checkpoint_is_sound_before_a_file_is_changed(resume, tmp_path):
    resume()
    assert records.read_position(tmp_path / "out" / "latest").finished_epochs == 2


SCHEDULE = {"LR_Scheduler": {"last_epoch": 2, "last_lr": 1e-3}}
OPTIMIZERS = {
    "nothing": {},
    "a list": [1, 2],
    "a number": 7,
    "texts": {"LR_Scheduler": {"last_epoch": "x", "last_lr": "y"}},
    "another shape": {**SCHEDULE, "conv2d_0.w_0_moment1_0": np.zeros(2, "f4")},
    "keys that are no names": {1: np.zeros(3, "f4"), "master_weights": 3},
}
AVERAGES = {
    "nothing": {},
    "a list": [1],
    "no weights": {"train_state": {}, "ema_state": {}, "step": 2},
    "a text for the step": {"train_state": {}, "ema_state": {}, "step": "x"},
    "texts for weights": {"train_state": {"backbone.x": "y"}, "ema_state": {"backbone.x": "y"}, "step": 2},
    "a list for the start": {"train_state": {}, "ema_state": {}, "step": 2, "start_weights": [1]},
    "no pickle": b"x",
}
WEIGHTS = {
    "in sections": {"backbone": {"a": 1}},
    "texts": {"head.fc.weight": np.array(["a"])},
    "another shape": {"head.fc.weight": np.zeros((1, 1), "f4")},
}
CASES = [
    *((".pdopt", *case) for case in OPTIMIZERS.items()),
    *((".pdema", *case) for case in AVERAGES.items()),
    *((".pdparams", *case) for case in WEIGHTS.items()),
]


FAST = ("another shape", "texts for weights")


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        pytest.param(suffix, content, id=f"{suffix} {name}", marks=() if name in FAST else pytest.mark.slow)
        for suffix, name, content in CASES
    ],
)
def test_a_file_that_no_training_has_written_is_refused_by_name(suffix, content, resume):
    with pytest.raises(UserError, match=f"latest{suffix}"):
        resume(suffix, content)


def test_training_weights_of_nan_beside_a_sound_average_are_refused(trained, resume):
    saved = pickles.without_tensor_names(pickles.read(trained / "out" / "latest.pdema"))
    states = {key: pickles.without_tensor_names(saved[key]) for key in ("train_state", "ema_state")}
    states["train_state"]["head.fc2.bias"] = np.full_like(states["train_state"]["head.fc2.bias"], np.nan)
    with pytest.raises(UserError, match=r"latest.pdema: tensor 'head.fc2.bias' holds NaN"):
        resume(".pdema", {**saved, **states})
