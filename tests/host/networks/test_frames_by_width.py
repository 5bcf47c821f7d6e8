"""Frames that follow the width: a backbone that pools in training as it does in evaluation."""

import copy

import paddle
import pytest
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.networks.frames_by_width import follow_width


class Pooled(nn.Layer):
    """Makes 40 frames in training and one of 8 pixels in evaluation, as the backbones of PP-OCRv3 to v6."""

    def __init__(self):
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm2D(3), nn.Dropout(0.5)

    def forward(self, x):
        x = self.dropout(self.norm(x))
        if self.training:
            return nn.functional.adaptive_avg_pool2d(x, [1, 40])
        return nn.functional.avg_pool2d(x, [x.shape[2], 8])


class Recognizer(nn.Layer):
    def __init__(self):
        super().__init__()
        self.backbone = Pooled()

    def forward(self, x):
        return self.backbone(x)


SECTION = {"model_type": "rec"}


@pytest.fixture
def network():
    network = Recognizer()
    follow_width(network, SECTION)
    return network


@pytest.fixture
def backbone(network):
    return network.backbone


@pytest.mark.parametrize("width", [80, 320, 640])
def test_a_frame_stands_for_eight_pixels_in_training(backbone, width):
    backbone.train()
    assert backbone(paddle.rand([1, 3, 8, width])).shape == [1, 3, 1, width // 8]


def test_dropout_and_batch_norm_still_train(backbone):
    backbone.train()
    features = backbone(paddle.ones([1, 3, 8, 80]) * paddle.arange(80.0))
    assert not paddle.allclose(backbone.norm._mean, paddle.zeros([3]))
    assert not paddle.allclose(features, backbone(paddle.ones([1, 3, 8, 80]) * paddle.arange(80.0)))


def test_the_backbone_is_in_training_again_after_it_ran(backbone):
    backbone.train()
    backbone(paddle.rand([1, 3, 8, 80]))
    assert backbone.training
    backbone.eval()
    backbone(paddle.rand([1, 3, 8, 80]))
    assert not backbone.training


def test_after_an_error_the_backbone_is_in_training_again(backbone):
    backbone.train()
    with pytest.raises(ValueError, match="4D"):
        backbone(paddle.ones([3]))
    assert backbone.training


def test_a_second_application_changes_nothing(network):
    follow_width(network, SECTION)
    network.train()
    assert network(paddle.rand([1, 3, 8, 80])).shape == [1, 3, 1, 10]
    assert network.backbone.training
    network.eval()
    network(paddle.rand([1, 3, 8, 80]))
    assert not network.backbone.training


def test_a_copy_runs_its_own_backbone(network):
    network.eval()
    other = copy.deepcopy(network)
    other.backbone.norm.bias.set_value(paddle.ones([3]))
    x = paddle.rand([1, 3, 8, 80])
    assert paddle.allclose(other(x), network(x) + 1)
    other.train()
    assert other(x).shape == [1, 3, 1, 10]
    assert other.backbone.training
    assert not network.backbone.training


def test_the_state_has_the_same_names(network):
    assert list(network.state_dict()) == list(Recognizer().state_dict())


def test_an_exported_network_makes_the_same_frames(network, tmp_path):
    network.eval()
    x = paddle.rand([2, 3, 8, 160])
    expected = network(x)
    spec = [paddle.static.InputSpec([None, 3, 8, -1], "float32")]
    paddle.jit.save(paddle.jit.to_static(network, input_spec=spec), str(tmp_path / "inference"))
    assert paddle.allclose(paddle.jit.load(str(tmp_path / "inference"))(x), expected)


@pytest.mark.parametrize("model_type", ["det", "cls"])
def test_a_network_that_reads_no_line_is_refused(model_type):
    with pytest.raises(UserError, match=r"^Architecture.Models.Student.frames_by_width is for recognizers.*leave it"):
        follow_width(Recognizer(), {"model_type": model_type}, "Architecture.Models.Student")


def test_a_network_without_a_backbone_is_refused():
    with pytest.raises(UserError, match=r"^Architecture.frames_by_width is for recognizers with a backbone"):
        follow_width(nn.Linear(3, 3), SECTION)
