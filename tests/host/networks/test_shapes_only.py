"""Networks that are run for their shapes: the shapes are those of the whole network, and so are the errors."""

import paddle
import pytest
from paddle import nn

from ppocrv2_ext.host.networks.shapes_only import compute_shapes_only, zero_weights

CONVOLUTIONS = {
    "strides": {"stride": (2, 1), "padding": 1},
    "groups": {"groups": 2},
    "one group for each channel": {"groups": 4, "padding": 1},
    "a padding by name": {"padding": "SAME", "stride": 2},
    "a padding for each side": {"padding": [0, 1, 2, 3]},
    "holes": {"dilation": 2},
    "an edge that is repeated": {"padding": 1, "padding_mode": "replicate"},
}


@pytest.mark.parametrize("options", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_convolution_keeps_its_shape(options):
    network = nn.Sequential(nn.Conv2D(4, 8, 3, **options))
    x = paddle.rand([2, 4, 9, 11])
    whole = network(x).shape
    compute_shapes_only(network)
    assert network(x).shape == whole


def test_only_one_channel_of_a_convolution_is_computed():
    network = nn.Sequential(nn.Conv2D(4, 8, 3))
    compute_shapes_only(network)
    channels = network(paddle.rand([1, 4, 5, 5])).unbind(axis=1)
    assert all((channel == channels[0]).all() for channel in channels)


@pytest.mark.parametrize("shape", [[3, 4], [2, 5, 4], [2, 3, 5, 4]])
def test_a_dense_layer_gives_zeros_in_its_shape(shape):
    network = nn.Sequential(nn.Linear(4, 6))
    compute_shapes_only(network)
    values = network(paddle.rand(shape))
    assert (values.shape, float(values.abs().max())) == ([*shape[:-1], 6], 0.0)


@pytest.mark.parametrize(("layer", "shape"), [(nn.Conv2D(4, 8, 3), [1, 3, 9, 9]), (nn.Linear(4, 6), [2, 3])])
def test_the_error_about_a_wrong_shape_is_that_of_the_whole_network(layer, shape):
    messages = []
    for change in (lambda _: None, compute_shapes_only):
        change(layer)
        with pytest.raises(ValueError, match="InvalidArgument") as caught:
            layer(paddle.zeros(shape))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_new_parameters_are_zero_and_nothing_is_drawn():
    paddle.seed(3)
    expected = paddle.rand([2]).tolist()
    paddle.seed(3)
    with zero_weights():
        layer = nn.Linear(3, 4, weight_attr=nn.initializer.KaimingNormal())
        nn.initializer.TruncatedNormal()(layer.weight)
    assert all(float(each.abs().max()) == 0 for each in layer.parameters())
    assert paddle.rand([2]).tolist() == expected


def test_later_parameters_are_drawn_even_after_an_error():
    with pytest.raises(RuntimeError, match="stop"), zero_weights():
        raise RuntimeError("stop")
    assert float(nn.Linear(3, 4).weight.abs().max()) > 0
