"""BatchNorm that is put back behind the convolutions of a merged network."""

import numpy as np
import paddle
import pytest
from paddle import nn

from ppocrv2_ext.checkpoints.loading import load_pretrained
from ppocrv2_ext.checkpoints.norm_merging import merge_norm
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.restored_norm import list_restored, measure_norm, restore_norm


class Squeeze(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(4, 4, 1)

    def forward(self, x):
        return x * self.conv(x.mean([2, 3], keepdim=True))


class Network(nn.Layer):
    """Two convolutions with a bias, one without, and a squeeze-and-excitation block."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2D(3, 4, 3), nn.ReLU(), Squeeze(), nn.Conv2D(4, 4, 3, bias_attr=False), nn.Conv2D(4, 5, 3)
        )

    def forward(self, x):
        return self.backbone(x)


@pytest.fixture
def network():
    paddle.seed(5)
    network = Network()
    network.eval()
    return network


IMAGES = paddle.to_tensor(np.random.default_rng(0).uniform(-1, 1, (6, 3, 12, 16)).astype("float32"))


def test_each_convolution_with_a_bias_gets_one_unless_its_map_is_a_pixel(network):
    assert restore_norm(network, ["backbone"], (3, 12, 16)) == 2
    assert hasattr(network.backbone[0], "norm")
    assert hasattr(network.backbone[4], "norm")
    assert len(list_restored(network)) == 2


def test_the_network_computes_the_same_before_and_after(network):
    before = network(IMAGES).numpy()
    restore_norm(network, ["backbone"], (3, 12, 16))
    np.testing.assert_allclose(network(IMAGES).numpy(), before, atol=1e-5)
    measure_norm(network, IMAGES)
    np.testing.assert_allclose(network(IMAGES).numpy(), before, atol=1e-5)


def test_the_weights_of_a_trained_one_merge_into_those_of_the_network_without(network):
    merged = Network()
    merged.eval()
    restore_norm(network, ["backbone"], (3, 12, 16))
    measure_norm(network, IMAGES)
    with paddle.no_grad():
        for norm in list_restored(network):
            norm.weight.set_value(norm.weight * 1.5)
            norm.bias.set_value(norm.bias - 0.25)
    params = merge_norm({name: value.numpy() for name, value in network.state_dict().items()})
    assert params.keys() == merged.state_dict().keys()
    merged.set_state_dict({name: paddle.to_tensor(value) for name, value in params.items()})
    np.testing.assert_allclose(merged(IMAGES).numpy(), network(IMAGES).numpy(), atol=1e-5)


def test_after_measuring_a_batch_of_the_same_images_is_read_alike_in_training(network):
    restore_norm(network, ["backbone"], (3, 12, 16))
    measure_norm(network, IMAGES)
    before = network(IMAGES).numpy()
    network.train()
    np.testing.assert_allclose(network(IMAGES).numpy(), before, atol=1e-4)


def test_statistics_are_those_of_the_maps(network):
    restore_norm(network, ["backbone"], (3, 12, 16))
    map_ = nn.functional.conv2d(IMAGES, network.backbone[0].weight, network.backbone[0].bias).numpy()
    measure_norm(network, IMAGES)
    np.testing.assert_allclose(network.backbone[0].norm._mean.numpy(), map_.mean((0, 2, 3)), atol=1e-5)
    np.testing.assert_allclose(network.backbone[0].norm._variance.numpy(), map_.var((0, 2, 3)), rtol=1e-4)


def test_measuring_again_after_training_keeps_the_output(network):
    restore_norm(network, ["backbone"], (3, 12, 16))
    measure_norm(network, IMAGES)
    network.backbone[0].norm.weight.set_value(paddle.rand([4]))
    before = network(IMAGES).numpy()
    measure_norm(network, 2 * IMAGES + 1)
    np.testing.assert_allclose(network(IMAGES).numpy(), before, atol=1e-5)


def test_a_file_without_the_new_tensors_loads_whole_and_one_with_them_keeps_them(network, tmp_path):
    merged = str(tmp_path / "merged.pdparams")
    paddle.save(network.state_dict(), merged)
    reports = []
    restore_norm(network, ["backbone"], (3, 12, 16))
    load_pretrained(network, merged, minimum=1.0, log=reports.append)
    assert "(100.0%)" in reports[-1]
    network.backbone[0].norm.weight.set_value(paddle.full([4], 7.0))
    trained = str(tmp_path / "trained.pdparams")
    paddle.save(network.state_dict(), trained)
    network.backbone[0].norm.weight.set_value(paddle.zeros([4]))
    load_pretrained(network, trained, minimum=1.0, log=reports.append)
    assert network.backbone[0].norm.weight.numpy().tolist() == [7.0] * 4


def test_the_share_of_a_file_does_not_count_the_new_tensors_that_it_lacks(network, tmp_path):
    restore_norm(network, ["backbone"], (3, 12, 16))
    state = network.state_dict()
    paddle.save(
        {name: state[name] for name in ("backbone.0.weight", "backbone.0.bias")}, str(tmp_path / "part.pdparams")
    )
    with pytest.raises(UserError, match=r"gives 28\.6% of the model's 7 tensors"):
        load_pretrained(network, tmp_path / "part", log=str)


def test_a_trained_file_loads_merged_into_a_network_without_the_new_tensors(network, tmp_path):
    restore_norm(network, ["backbone"], (3, 12, 16))
    measure_norm(network, IMAGES)
    network.backbone[0].norm.weight.set_value(paddle.full([4], 1.5))
    paddle.save(network.state_dict(), str(tmp_path / "trained.pdparams"))
    merged, reports = Network(), []
    merged.eval()
    load_pretrained(merged, tmp_path / "trained", minimum=1.0, log=reports.append)
    np.testing.assert_allclose(merged(IMAGES).numpy(), network(IMAGES).numpy(), atol=1e-4)
    assert "unexpected" not in reports[-1]


def test_tensors_that_fit_no_convolution_are_left_alone():
    shapes = {"x.weight": (4, 3, 1, 1), "x.bias": (4,), "x.norm.weight": (3,), "x.norm.bias": (4,)}
    params = {name: np.zeros(shape, "float32") for name, shape in shapes.items()}
    params.update({f"x.norm.{name}": np.ones(4, "float32") for name in ("_mean", "_variance")})
    assert merge_norm(params).keys() == params.keys()
