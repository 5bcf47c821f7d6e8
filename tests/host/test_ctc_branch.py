"""Center loss in the branch for CTC of a MultiHead: what it adds to PaddleOCR's, and what it leaves as it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import paddle
import pytest

from ppocrv2_ext.host.components.ctc_branch import CenterMultiLoss

SCRIPT = Path(__file__).with_name("ctc_branch_on_a_clone.py")


@pytest.fixture(scope="module")
def branches(checkout):
    """What the script prints, a dict for each kind of second branch."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [each["branch"] for each in found] == ["NRTRHead", "SARHead"]
    return found


def test_the_loss_is_that_of_the_ctc_branch_times_its_weight_and_that_of_the_other():
    seen = []

    def center(predicts, batch):
        seen.append((predicts, batch))
        return {"loss": paddle.to_tensor(3.0), "ctc": paddle.to_tensor(2.0), "center": paddle.to_tensor(20.0)}

    def others(predicts, batch):
        seen.append((predicts, batch))
        return {"NRTRLoss": paddle.to_tensor(4.0), "loss": paddle.to_tensor(4.0)}

    predicts, batch = {"ctc": "output", "gtc": "other"}, ["images", "ctc labels", "other labels", "lengths", "ratio"]
    terms = CenterMultiLoss(center, others, 0.5)(predicts, batch)
    assert {name: float(value) for name, value in terms.items()} == {
        "loss": 0.5 * 3 + 4, "ctc": 2, "center": 20, "NRTRLoss": 4,
    }  # fmt: skip
    assert seen == [("output", ["images", "ctc labels", "lengths"]), (predicts, batch)]


@pytest.mark.checkout
def test_without_center_loss_values_and_gradients_are_those_of_paddleocrs_multi_loss(branches):
    for each in branches:
        stock, ours = each["stock"], each["plain"]
        (second,) = {"NRTRLoss", "SARLoss"} & set(stock)
        assert set(ours) == {"loss", "ctc", "infeasible", second}
        assert ours["loss"] == pytest.approx(stock["loss"], rel=1e-6)
        assert 0.5 * ours["ctc"] == pytest.approx(stock["CTCLoss"], rel=1e-6)
        assert ours[second] == stock[second]
        assert each["with_gradient"][0] == each["with_gradient"][1]
        assert each["difference"] < 1e-5 * each["largest_gradient"]
        assert each["counts_of_plain"] == 0


@pytest.mark.checkout
def test_the_branch_counts_the_frames_of_each_character_and_draws_them_to_their_centers(branches):
    for each in branches:
        terms, counts = each["terms"], each["counts"]
        assert terms["center"] > 0
        (second,) = {"NRTRLoss", "SARLoss"} & set(terms)
        expected = 0.5 * (terms["ctc"] + 0.25 * terms["center"]) + terms[second]
        assert terms["loss"] == pytest.approx(expected, rel=1e-6)
        assert [count > 0 for count in counts] == [False, True, True, True, False, False, False]


@pytest.mark.checkout
def test_the_centers_are_saved_beside_paddleocrs_tensors_and_loaded(branches):
    for each in branches:
        assert each["extra"] == ["ctc_head.center_counts", "ctc_head.centers"]
        assert each["centers"][0] == each["centers"][1]
        assert any(map(any, each["centers"][0]))


@pytest.mark.checkout
def test_in_evaluation_and_export_the_head_is_paddleocrs(branches):
    for each in branches:
        assert each["same_reading"]
        assert each["operations"][0] == each["operations"][1]
