"""The names of a MultiHead's CTC, and those of a network with CTC alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ppocrv2_ext.checkpoints import multi_head

ROOT = Path(__file__).resolve().parents[2]
ALONE = ["backbone.a.weight", "neck.encoder.weight", "head.fc.weight"]
MULTI = ["backbone.a.weight", "head.ctc_encoder.encoder.weight", "head.ctc_head.fc.weight"]
TRAINING = ["head.before_gtc.1.fc.weight", "head.gtc_head.embedding.weight"]


def rename(names, of_model):
    """The names of a file after renaming; each value is the name that it had."""
    renamed = multi_head.rename({name: name for name in names}, of_model)
    assert list(renamed.values()) == names
    return list(renamed)


def test_ctc_alone_gets_the_names_of_a_multi_head():
    assert rename(ALONE, [*MULTI, *TRAINING]) == MULTI


def test_a_multi_head_gives_its_ctc_the_names_of_ctc_alone():
    assert rename([*MULTI, *TRAINING], ALONE) == [*ALONE, *TRAINING]


@pytest.mark.parametrize("names", [ALONE, MULTI])
def test_alike_heads_keep_their_names(names):
    assert rename(names, names) == names


def test_a_part_of_a_network_keeps_its_names():
    assert rename(ALONE[:1], MULTI) == ALONE[:1]


def test_each_network_of_a_pair_is_renamed_by_its_own_head():
    file = [f"{network}.{name}" for network in ("Student", "Teacher") for name in ALONE]
    model = [*(f"Student.{name}" for name in MULTI), *(f"Teacher.{name}" for name in ALONE)]
    assert rename(file, model) == model


def test_a_single_network_gives_no_names_to_a_pair():
    assert rename(ALONE, [f"Student.{name}" for name in MULTI]) == ALONE


def test_only_training_uses_the_second_branch():
    names = [*MULTI, *TRAINING, "Student.head.sar_head.x.weight"]
    branches = ["head.before_gtc", "head.gtc_head", "Student.head.sar_head"]
    assert list(multi_head.find_training_branches(names).values()) == branches


CLONE = """
import sys
import numpy as np
import paddle
from ppocrv2_ext.checkpoints.loading import load_pretrained
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.host import build_network, connect

root, folder = connect(sys.argv[1]).root, sys.argv[2]
ours = yaml_files.read(yaml_files.locate("clone/PP-OCRv6_tiny_rec_finetune"))["Architecture"]
theirs = yaml_files.read(root / "configs/rec/PP-OCRv6/PP-OCRv6_tiny_rec.yml")["Architecture"]
ours["Head"]["out_channels"] = 12
theirs["merged"], theirs["Head"]["out_channels_list"] = True, {"CTCLabelDecode": 12, "NRTRLabelDecode": 15}
ours, theirs = build_network(ours), build_network(theirs)
image = paddle.rand([1, 3, 48, 320])
for giver, taker in ((ours, theirs), (theirs, ours)):
    for parameter in giver.head.parameters():
        parameter.set_value(paddle.rand(parameter.shape))
    paddle.save(giver.state_dict(), f"{folder}/giver.pdparams")
    load_pretrained(taker, f"{folder}/giver", minimum=1.0)
    giver.eval(), taker.eval()
    np.testing.assert_allclose(taker(image), giver(image), atol=1e-5)
"""


@pytest.mark.checkout
def test_a_clones_recognizer_starts_from_our_file_and_ours_from_its_own(checkout, tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", CLONE, str(checkout), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
