"""Networks with merged branches, and the order in which a network uses its parameters."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import nn

from ppocrv2_ext.checkpoints import published
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.networks import merging

ROOT = Path(__file__).resolve().parents[3]


class TwoBranches(nn.Layer):
    """y = a x + b x in two layers, and one layer after rep(), as PaddleOCR's layers with branches do it."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.is_repped = False

    def forward(self, x):
        return self.one(x) if self.is_repped else self.a(x) + self.b(x)

    def rep(self):
        self.one = nn.Linear(3, 3)
        self.one.weight.set_value(self.a.weight + self.b.weight)
        self.one.bias.set_value(self.a.bias + self.b.bias)
        del self.a, self.b
        self.is_repped = True


class Network(nn.Layer):
    """Parts named as in PaddleOCR. The layers are registered in another order than they run in."""

    def __init__(self):
        super().__init__()
        self.head = TwoBranches()
        self.unused = nn.Linear(3, 3)
        self.backbone = nn.Sequential(TwoBranches(), nn.LayerNorm(3))

    def forward(self, x):
        return self.head(self.backbone(x))


@pytest.fixture
def network():
    paddle.seed(1)
    return Network()


def test_a_merged_network_computes_the_same(network):
    x = paddle.rand([4, 3])
    before = network(x).numpy()
    assert merging.merge_branches(network) == 2
    np.testing.assert_allclose(network(x).numpy(), before, atol=1e-6)


def test_only_the_named_parts_are_merged(network):
    assert merging.merge_branches(network, ["backbone"]) == 1
    assert network.backbone[0].is_repped
    assert not network.head.is_repped


def test_a_network_is_merged_once(network):
    merging.merge_branches(network)
    assert merging.merge_branches(network) == 0


def test_parameters_come_in_the_order_of_use_without_those_of_training_alone(network):
    merging.merge_branches(network)
    names = [name for name, _ in merging.list_parameters_in_order(network, [3])]
    parts = ["backbone.0.one", "backbone.1", "head.one"]
    assert names == [f"{part}.{leaf}" for part in parts for leaf in ("weight", "bias")]


def test_listing_leaves_a_network_in_training_mode(network):
    network.train()
    merging.list_parameters_in_order(network, [3])
    assert network.training


@pytest.mark.parametrize(("value", "parts"), [(None, ()), (False, ()), (True, merging.PARTS), (["neck"], ("neck",))])
def test_merged_takes_a_switch_or_parts(value, parts):
    assert merging.read_parts(value) == parts


@pytest.mark.parametrize("value", [["neck", "tail"], "backbone", 1.5])
def test_merged_refuses_anything_else(value):
    with pytest.raises(UserError, match="`Architecture.merged` takes true, false, or a list of backbone, neck, head"):
        merging.read_parts(value)


@pytest.mark.parametrize(("value", "parts"), [(True, "backbone or neck or head"), (["backbone"], "backbone")])
def test_to_merge_a_network_without_branches_is_refused(value, parts):
    network = nn.Sequential(("backbone", nn.Linear(3, 3)), ("head", nn.Linear(3, 3)))
    with pytest.raises(UserError, match=rf"^Architecture.merged merges .* has none in its {parts}; leave it out.$"):
        merging.merge(network, {"merged": value})


def test_a_named_part_may_have_no_branches_if_another_has(network):
    merging.merge(network, {"merged": ["backbone", "neck"]})
    assert network.backbone[0].is_repped


class BranchConvolution(nn.Layer):
    """Two convolutions side by side, and one without a bias after rep()."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2D(3, 3, 3), nn.Conv2D(3, 3, 3)

    def forward(self, x):
        return self.one(x) if hasattr(self, "one") else self.a(x) + self.b(x)

    def rep(self):
        self.one = nn.Conv2D(3, 3, 3, bias_attr=False)
        del self.a, self.b


@pytest.mark.parametrize("model_type", ["rec", "det"])
def test_to_restore_no_batch_norm_is_refused(model_type):
    network = nn.Sequential(("backbone", BranchConvolution()))
    section = {"model_type": model_type, "merged": True, "restore_norm": True}
    with pytest.raises(UserError, match=r"^Architecture.Models.Student.restore_norm .* the backbone of this network"):
        merging.merge(network, section, "Architecture.Models.Student")


def test_to_restore_the_batch_norm_of_another_kind_of_network_is_refused():
    network = nn.Sequential(("backbone", BranchConvolution()))
    with pytest.raises(UserError, match=r"restore_norm is for a model_type of rec or det, got cls; leave it out"):
        merging.merge(network, {"model_type": "cls", "merged": True, "restore_norm": True})


NEWER = [model for model in published.PUBLISHED if model[1] != "v2"]
# 60 receipt lines and 60 words differ by 2.1e-4 at most (PP-OCRv4), the words and scenes of the samples by 1.4e-4.
LARGEST_DIFFERENCE = 3e-4


@pytest.fixture(scope="module")
def outputs_of_newer_models(checkout, samples):
    """{(kind, version): what newer_models_on_a_clone.py prints about the model}"""
    pytest.importorskip("onnxruntime")
    script = Path(__file__).with_name("newer_models_on_a_clone.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-W", "ignore", str(script), str(checkout), str(samples)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    return {tuple(line["model"]): line for line in lines}


@pytest.mark.checkout
@pytest.mark.parametrize("model", NEWER, ids="-".join)
def test_a_newer_model_fits_its_published_file_and_reads_real_pictures_as_that_does(outputs_of_newer_models, model):
    found = outputs_of_newer_models[model]
    if "missing" in found:
        pytest.skip(found["missing"])
    assert found["difference"] < LARGEST_DIFFERENCE
    assert found.get("choices", 1) == 1
