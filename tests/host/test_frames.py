"""Frames that follow the width: a backbone that pools in training as it does in evaluation."""

import paddle
import pytest
from paddle import nn

from ppocrv2_ext.host.frames import follow_width


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


@pytest.fixture
def backbone():
    backbone = Pooled()
    follow_width(backbone)
    return backbone


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
