"""The completed wheel against a clone of PaddleOCR, which runs in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import stand_in_host as host

pytest_plugins = ["stand_in_host"]
pytestmark = pytest.mark.checkout


@pytest.fixture(scope="module")
def both(completed, checkout, tmp_path_factory):
    """(what the completed wheel measures, what the clone measures); the two run side by side."""
    folder = tmp_path_factory.mktemp("stock")
    clone = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(Path(host.__file__).resolve()), "stock.npz"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        ours = host.measure()
    finally:
        _, errors = clone.communicate()
    assert clone.returncode == 0, errors[-3000:]
    return ours, dict(np.load(folder / "stock.npz"))


@pytest.fixture
def ours(both):
    return both[0]


@pytest.fixture
def stock(both):
    return both[1]


def part(measures, prefix):
    return {key[len(prefix) + 1 :]: value for key, value in measures.items() if key.startswith(prefix + "/")}


def assert_close(ours, stock, prefix, **tolerance):
    mine, theirs = part(ours, prefix), part(stock, prefix)
    assert mine.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_allclose(mine[key], value, err_msg=f"{prefix}/{key}", **tolerance)


@pytest.mark.parametrize("name", host.NETWORKS)
def test_state_has_the_same_names_and_shapes(ours, stock, name):
    mine, theirs = ([line.rsplit(" ", 1)[0] for line in side[f"networks/{name}/names"]] for side in (ours, stock))
    assert mine == theirs


@pytest.mark.parametrize("name", ["rec_small", "rec_large", "student", "mv3_det", "teacher", "resnet50_det"])
def test_optimizer_state_has_the_same_names(ours, stock, name):
    # Known differences: LCNet has BatchNorm2D, and our ClsHead does not fix the names of its variables.
    assert ours[f"networks/{name}/names"].tolist() == stock[f"networks/{name}/names"].tolist()


@pytest.mark.parametrize("name", host.NETWORKS)
def test_one_seed_draws_the_same_weights(ours, stock, name):
    np.testing.assert_allclose(ours[f"networks/{name}/initial"], stock[f"networks/{name}/initial"], rtol=1e-6)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", host.NETWORKS)
def test_outputs_agree(ours, stock, name, mode):
    key = f"networks/{name}/{mode}"
    np.testing.assert_allclose(ours[key], stock[key], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", host.NETWORKS)
def test_return_all_feats_gives_the_same_names(ours, stock, name):
    for key in (f"networks/{name}/train_features", f"networks/{name}/eval_features"):
        assert ours[key].tolist() == stock[key].tolist()


@pytest.mark.parametrize("name", host.LOSSES)
def test_losses_and_their_gradients_agree(ours, stock, name):
    assert_close(ours, stock, f"losses/{name}", rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", host.SCHEDULES)
def test_learning_rates_agree(ours, stock, name):
    assert_close(ours, stock, f"schedules/{name}", rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", host.OPTIMIZERS)
def test_three_steps_lead_to_the_same_weights(ours, stock, name):
    assert_close(ours, stock, f"optimizers/{name}", rtol=1e-6, atol=1e-7)


def test_metrics_agree_to_the_last_digit(ours, stock):
    assert_close(ours, stock, "metrics/all", rtol=0, atol=0)
