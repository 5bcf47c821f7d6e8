"""The ImageNet weights of PaddleClas: a PPLCNet written from its published structure computes what ours does."""

import numpy as np
import paddle
import pytest
from paddle import nn
from paddleclas_pplcnet import CLASSES, WIDTHS, compute, make_params

from ppocrv2_ext.checkpoints import pplcnet
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.lcnet import LCNet, LCNetClsHead


def ours(params, scale):
    """(backbone, head) with converted weights, in evaluation."""
    backbone = LCNet(scale=scale, strides=[2, 2, 2, 2], last_pool=None)
    network = nn.Layer()
    network.backbone, network.head = backbone, LCNetClsHead(backbone.out_channels, CLASSES)
    converted = pplcnet.convert(params)
    assert list(network.state_dict()) == list(converted)
    missing, unexpected = network.set_state_dict({name: paddle.to_tensor(value) for name, value in converted.items()})
    assert missing == unexpected == []
    network.eval()
    return network.backbone, network.head


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0, 2.5])
def test_features_and_logits_equal_those_of_paddleclas(scale):
    params = make_params(scale)
    backbone, head = ours(params, scale)
    x = paddle.to_tensor(np.random.default_rng(8).uniform(-1, 1, (2, 3, 64, 64)).astype("float32"))
    features, logits = compute(params, x)
    np.testing.assert_allclose(backbone(x).numpy(), features.numpy(), rtol=0, atol=1e-5 * float(features.abs().max()))
    np.testing.assert_allclose(head.logits(backbone(x)).numpy(), logits.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", WIDTHS)
def test_all_eight_scales_are_told_apart_and_have_our_shapes(scale):
    params = make_params(scale)
    assert len(params) == 146
    assert list(pplcnet.list_names()) == list(params)
    assert pplcnet.find_scale(params, "x.pdparams") == scale
    ours(params, scale)


def test_only_the_last_linear_layer_changes_its_values():
    params = make_params(0.25)
    converted = pplcnet.convert(params)
    changed = [name for name, ours in pplcnet.list_names().items() if (converted[ours] != params[name]).any()]
    assert changed == ["fc.weight"]
    assert converted["head.fc.weight"].dtype == np.float32


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda params: params.pop("conv1.bn._mean"), "it has no 'conv1.bn._mean'"),
        (lambda params: params.update({"stem.0.conv.weight": params["fc.bias"]}), "it has 'stem.0.conv.weight'"),
        (lambda params: params.update({pplcnet.WIDEST: np.zeros((200, 1, 1, 1))}), "has 200 channels, those published"),
    ],
)
def test_another_network_is_refused(change, sentence):
    params = make_params(0.25)
    change(params)
    with pytest.raises(UserError, match=rf"x\.pdparams is not a PPLCNet of PaddleClas: .*{sentence}"):
        pplcnet.find_scale(params, "x.pdparams")


def test_checkpoints_are_named_by_the_scale():
    assert [pplcnet.name_checkpoint(scale) for scale in (0.25, 1.0)] == ["LCNet_x0_25", "LCNet_x1_0"]
