"""A command runs on the wheel if that lacks only what the command does not build."""

import os
import shutil
from pathlib import Path

import paddle
import pytest

from ppocrv2_ext.commands import prepare, run
from ppocrv2_ext.errors import UserError

CONFIG = Path(__file__).resolve().parents[1] / "golden" / "config.yml"
SCHEDULE = ["Optimizer.lr.name=CyclicalCosine", "Optimizer.lr.cycle=5"]
LACKING = {
    "Loss": ["Loss.name=AttentionLoss"],
    "Metric": ["Metric.name=CNTMetric"],
    "Optimizer": [*SCHEDULE, "Optimizer.name=Momentum", "Optimizer.regularizer.name=L1"],
    "Architecture": ["Architecture.Backbone.name=PPLCNetV3"],
}


@pytest.fixture
def prepare_config(wheel, monkeypatch):
    monkeypatch.chdir(CONFIG.parent)
    monkeypatch.delenv("PADDLEOCR_HOME", raising=False)
    return lambda overrides, command: prepare.prepare_config(str(CONFIG), overrides, None, command)[1]


@pytest.mark.parametrize("section", LACKING)
@pytest.mark.parametrize("command", [None, *prepare.NOT_BUILT])
def test_what_the_wheel_lacks_is_refused_where_the_command_builds_it(prepare_config, section, command):
    if section in prepare.NOT_BUILT.get(command, ()):
        assert prepare_config(LACKING[section], command)
        return
    with pytest.raises(UserError, match=r"^this config needs a clone of PaddleOCR.*: the wheel has no "):
        prepare_config(LACKING[section], command)


def test_a_slip_is_refused_in_what_a_command_does_not_build(prepare_config):
    with pytest.raises(UserError, match=r"Optimizer\.lr: there is no schedule 'Cosin'; did you mean 'Cosine'"):
        prepare_config(["Optimizer.lr.name=Cosin"], "eval")


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("tools/eval.py", "eval"),
        ("tools/export_model.py", "export"),
        ("tools/infer_rec.py", "infer"),
        ("tools/train.py", None),
        ("tools/export_center.py", None),
    ],
)
def test_a_script_of_paddleocr_builds_what_its_command_builds(script, command):
    assert run._find_command(script) == command


def test_a_training_with_a_schedule_of_a_clone_is_evaluated_exported_and_read_with(ppocrv2, tmp_path):
    shutil.copytree(CONFIG.parent, tmp_path, dirs_exist_ok=True)
    pir = f"Global.export_with_pir={str(paddle.__version__.startswith('3')).lower()}"  # Paddle 2 has no such programs
    options = ["-c", "config.yml", "-o", *SCHEDULE, "Global.pretrained_model=recognizer", pir]
    for command, said in (
        (["eval", *options], "acc:0.99"),
        (["export", *options, "--output", "model"], "inference model is saved to model"),
        (["run", os.path.join("tools", "infer_rec.py"), *options, "Global.infer_img=word.png"], "success!"),
    ):
        done = ppocrv2(*command)
        assert (done.returncode, said in done.stdout) == (0, True), done.stderr
    done = ppocrv2("train", *options)
    assert done.returncode == 2
    assert "the wheel has no schedule 'CyclicalCosine'" in done.stderr
