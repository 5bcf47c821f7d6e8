"""PP-LCNet against its paper's numbers, its table and PaddleOCR's network of the same structure."""

import importlib.util
from collections import Counter

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from ppocrv2_ext.plugins.lcnet import BLOCKS, LCNet, LCNetClsHead, SqueezeExcite, make_divisible
from ppocrv2_ext.registry import BACKBONES, HEADS

CLASSIFICATION_STRIDES = ((2, 2),) * 4
# scale: (million parameters, MFLOPs at 224 x 224) of table 4.1 in PaddleClas docs/en/models/PP-LCNet_en.md
PUBLISHED = {
    0.25: (1.5, 18),
    0.35: (1.6, 29),
    0.5: (1.9, 47),
    0.75: (2.4, 99),
    1.0: (3.0, 161),
    1.5: (4.5, 342),
    2.0: (6.5, 590),
    2.5: (9.0, 906),
}


def _trainable(layer):
    return [p for p in layer.parameters() if not p.stop_gradient]


def _size(layer):
    return sum(p.size for p in _trainable(layer))


def _classifier(scale, class_dim=1000):
    backbone = LCNet(scale=scale, strides=CLASSIFICATION_STRIDES, last_pool=None)
    return nn.Sequential(backbone, LCNetClsHead(backbone.out_channels, class_dim))


def _block_sizes(net, height, width):
    """(height, width) after each block."""
    sizes = []
    for block in net.block_list:
        block.register_forward_post_hook(lambda layer, x, y: sizes.append(tuple(y.shape[2:])))
    net(paddle.zeros([1, 3, height, width]))
    return sizes


def _disturb(net):
    """Give every BatchNorm statistics, scales and shifts that differ from their start values."""
    rng = np.random.RandomState(0)
    for name, value in net.state_dict().items():
        if "_batch_norm" in name:
            low = -0.5 if name.endswith(("_mean", "bias")) else 0.5
            value.set_value(rng.uniform(low, low + 1, value.shape).astype("float32"))
    return net


# ---- the published network ----


@pytest.mark.parametrize("scale", PUBLISHED)
def test_the_parameter_count_is_that_of_the_paper(scale):
    assert round(_size(_classifier(scale)) / 1e6, 1) == PUBLISHED[scale][0]


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0])
def test_the_count_of_multiplications_is_that_of_the_paper(scale):
    assert round(paddle.flops(_classifier(scale), [1, 3, 224, 224]) / 1e6) == PUBLISHED[scale][1]


def test_the_recognizers_backbone_has_1016160_trainable_parameters():
    # Paddle lists the statistics of BatchNorm as parameters too; they are not counted here.
    assert _size(LCNet()) == 1_016_160


def test_the_widths_of_the_recognizer_are_those_of_the_table():
    widths = [block._pointwise_conv._conv.weight.shape[0] for block in LCNet().block_list]
    assert widths == [32, 64, 64, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512]


def test_the_last_seven_of_thirteen_blocks_have_large_kernels():
    kernels = [tuple(block._depthwise_conv._conv.weight.shape[2:]) for block in LCNet(scale=0.25).block_list]
    assert kernels == [(3, 3)] * 6 + [(5, 5)] * 7


def test_only_the_last_two_blocks_have_squeeze_and_excitation():
    net = LCNet(scale=0.25)
    assert {name.split(".")[1] for name in net.state_dict() if "._se." in name} == {"11", "12"}
    assert sum(isinstance(layer, SqueezeExcite) for layer in net.sublayers()) == 2


def test_hardswish_is_the_only_activation_outside_squeeze_and_excitation():
    spec = [paddle.static.InputSpec([1, 3, 32, 64], "float32")]
    net = LCNet(scale=0.25)
    net.eval()
    program = paddle.jit.to_static(net, input_spec=spec, full_graph=True).forward.concrete_program.main_program
    kinds = Counter(
        # "pd_op.hardswish" in Paddle 3, "hard_swish" in 2.6
        (op.name() if callable(getattr(op, "name", None)) else op.type)
        .split(".")[-1]
        .strip("_")
        .replace("hard_", "hard")
        for op in program.global_block().ops
    )
    assert kinds["hardswish"] == kinds["batch_norm"] == 27
    assert kinds["relu"] == kinds["hardsigmoid"] == 2
    plumbing = {"parameter", "data", "full_int_array", "reshape", "reshape2"}
    layers = {
        "batch_norm",
        "conv2d",
        "depthwise_conv2d",
        "pool2d",
        "add",
        "elementwise_add",
        "multiply",
        "elementwise_mul",
    }
    assert set(kinds) - plumbing - layers == {"hardswish", "relu", "hardsigmoid"}


# ---- shapes ----


@pytest.mark.parametrize(
    ("height", "width", "out"),
    [(32, 320, (1, 80)), (32, 100, (1, 25)), (32, 640, (1, 160)), (48, 64, (1, 16)), (64, 37, (2, 9))],
)
def test_a_line_keeps_a_quarter_of_its_width(height, width, out):
    net = LCNet(scale=0.25)
    assert tuple(net(paddle.zeros([2, 3, height, width])).shape) == (2, net.out_channels, *out)


def test_the_recognizers_features_are_512_by_1_by_80():
    assert list(LCNet()(paddle.zeros([1, 3, 32, 320])).shape) == [1, 512, 1, 80]


def test_recognition_strides_give_the_sizes_of_the_table():
    expected = [(16, 160)] * 3 + [(8, 160)] * 2 + [(4, 160)] * 6 + [(2, 160)] * 2
    assert _block_sizes(LCNet(scale=0.25), 32, 320) == expected


def test_classification_strides_give_the_sizes_of_the_table():
    sides = [112] + [56] * 2 + [28] * 2 + [14] * 6 + [7] * 2
    net = LCNet(scale=0.25, strides=CLASSIFICATION_STRIDES, last_pool=None)
    assert _block_sizes(net, 224, 224) == [(side, side) for side in sides]


def test_strides_written_in_yaml_equal_the_constants():
    x = paddle.randn([1, 3, 64, 64])
    for yaml, tuples in [([2, 2, 2, 2], CLASSIFICATION_STRIDES), ([1, [2, 1], [2, 1], [2, 1]], None)]:
        ours, theirs = LCNet(scale=0.25, strides=yaml), LCNet(scale=0.25, strides=tuples)
        theirs.set_state_dict(ours.state_dict())
        assert bool((ours(x) == theirs(x)).all())


PREFIX = [32, 64, 64, 128, 128, 40]  # five blocks of the recognizer and one of another width


def test_a_list_of_channels_sets_the_widths_and_ends_the_network():
    net = LCNet(channels=PREFIX, strides=[1, [2, 1], 2], last_pool=None)
    assert [block._pointwise_conv._conv.weight.shape[0] for block in net.block_list] == PREFIX
    assert net.out_channels == 40
    assert _block_sizes(net, 32, 96) == [(16, 48)] * 3 + [(8, 48)] * 2 + [(4, 24)]


def test_blocks_of_the_same_widths_compute_the_same_with_another_networks_weights():
    recognizer, net = _disturb(LCNet()), LCNet(channels=PREFIX)
    own = net.state_dict()
    net.set_state_dict({k: v for k, v in recognizer.state_dict().items() if k in own and v.shape == own[k].shape})
    trunks = [nn.Sequential(each.conv1, *[each.block_list[i] for i in range(5)]) for each in (recognizer, net)]
    x = paddle.randn([1, 3, 32, 96])
    np.testing.assert_array_equal(*(trunk(x).numpy() for trunk in trunks))


def test_the_channels_of_the_table_give_the_default_network():
    widths = [block.channels for block in BLOCKS]
    ours, theirs = LCNet(channels=widths), LCNet()
    ours.set_state_dict(theirs.state_dict())
    x = paddle.randn([1, 3, 32, 64])
    np.testing.assert_array_equal(ours(x).numpy(), theirs(x).numpy())


@pytest.mark.parametrize(("pool", "out"), [(None, (2, 32)), (2, (1, 16)), ([2, 1], (1, 32)), ((1, 2), (2, 16))])
def test_last_pool_sets_the_window_and_the_stride(pool, out):
    assert tuple(LCNet(scale=0.25, last_pool=pool)(paddle.zeros([1, 3, 32, 64])).shape[2:]) == out


@pytest.mark.parametrize("in_channels", [1, 4])
def test_the_stem_has_as_many_channels_as_the_image(in_channels):
    net = LCNet(in_channels=in_channels, scale=0.25)
    assert net.conv1._conv.weight.shape[1] == in_channels
    assert net(paddle.zeros([1, in_channels, 32, 64])).shape[1] == net.out_channels


@pytest.mark.parametrize(
    ("channels", "rounded"), [(4, 8), (11.2, 16), (8, 8), (22.4, 24), (44.8, 48), (11.9, 16), (20, 24)]
)
def test_make_divisible_matches_values_by_hand(channels, rounded):
    assert make_divisible(channels) == rounded


# ---- behaviour ----


def test_every_trainable_parameter_gets_a_gradient():
    net = _classifier(0.25, class_dim=3)
    F.cross_entropy(net(paddle.randn([4, 3, 64, 64])), paddle.to_tensor([0, 1, 2, 0])).backward()
    assert [
        name for name, p in net.named_parameters() if not p.stop_gradient and not float(p.grad.abs().sum()) > 0
    ] == []


def test_the_output_of_a_sample_does_not_depend_on_its_batch():
    net = _disturb(LCNet(scale=0.25))
    net.eval()
    x = paddle.randn([3, 3, 32, 64])
    alone = paddle.concat([net(x[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(net(x).numpy(), alone.numpy(), rtol=1e-4, atol=1e-6)


def test_the_gate_of_squeeze_and_excitation_is_one_half_at_0_and_one_at_3():
    layer, x = SqueezeExcite(8), paddle.randn([1, 8, 2, 2])
    layer.conv2.weight.set_value(paddle.zeros_like(layer.conv2.weight))
    np.testing.assert_allclose(layer(x).numpy(), x.numpy() / 2, rtol=1e-6)
    layer.conv2.bias.set_value(paddle.full([8], 3.0))
    np.testing.assert_allclose(layer(x).numpy(), x.numpy(), rtol=1e-6)


def test_weight_decay_leaves_scale_and_shift_of_batch_norm_alone():
    # An L2 regularizer in the optimizer would shrink every parameter; one with its own L2Decay(0) stays.
    net = LCNet(scale=0.25)
    net.eval()  # the statistics stay
    optimizer = paddle.optimizer.SGD(0.1, parameters=_trainable(net), weight_decay=0.5)
    before = {name: p.numpy() for name, p in net.named_parameters()}
    (net(paddle.zeros([1, 3, 32, 64])).sum() * 0).backward()
    optimizer.step()
    decayed = {name for name, p in net.named_parameters() if not np.array_equal(p.numpy(), before[name])}
    assert decayed == {
        name for name, _ in net.named_parameters() if name.endswith(("conv.weight", "conv1.weight", "conv2.weight"))
    }


def test_synchronised_norm_reaches_every_layer():
    net = nn.SyncBatchNorm.convert_sync_batchnorm(LCNet(scale=0.25))
    assert sum(isinstance(layer, nn.SyncBatchNorm) for layer in net.sublayers()) == 27


def test_a_loaded_state_dict_gives_bit_equal_outputs(tmp_path):
    net, other, x = _disturb(LCNet(scale=0.25)), LCNet(scale=0.25), paddle.randn([1, 3, 32, 64])
    paddle.save(net.state_dict(), str(tmp_path / "net.pdparams"))
    assert other.set_state_dict(paddle.load(str(tmp_path / "net.pdparams"))) == ([], [])
    net.eval(), other.eval()
    assert bool((net(x) == other(x)).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, "`in_channels` must be a whole number of at least 1, got 0"),
        ({"in_channels": "3"}, "`in_channels` must be a whole number of at least 1, got '3'"),
        ({"scale": 0}, "`scale` must be a number > 0, got 0"),
        ({"scale": "0.5"}, "`scale` must be a number > 0"),
        ({"scale": float("nan")}, "`scale` must be a number > 0"),
        ({"strides": [2, 2, 2]}, r"`strides` must list the stride of the 4 .* got \[2, 2, 2\]; \[\[1, 1\]"),
        ({"strides": 2}, "`strides` must list"),
        ({"channels": [8, 8], "strides": [2, 2]}, "`strides` must list the stride of the 1 down-sampling stages"),
        ({"channels": []}, r"`channels` must list the widths of the first 1 to 13 blocks, got \[\]"),
        ({"channels": [8] * 14}, "`channels` must list the widths"),
        ({"channels": [8, 0]}, r"`channels\[1\]` must be a whole number"),
        ({"strides": [1, [2, 1], [2, 0], 1]}, r"`strides\[2\]` must be a positive int or a .* got \[2, 0\]"),
        ({"strides": [1, "2", 2, 2]}, r"`strides\[1\]` must be"),
        ({"strides": [True, 2, 2, 2]}, r"`strides\[0\]` must be"),
        ({"last_pool": [2, 2, 2]}, r"`last_pool` must be a positive int or a \(height, width\) pair"),
        ({"last_pool": 0}, "`last_pool` must be a positive int"),
    ],
)
def test_the_error_names_a_wrong_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        LCNet(**arguments)


def test_a_misspelt_option_is_an_error():
    with pytest.raises(TypeError, match="scal"):
        LCNet(scal=0.5)


def test_backbone_and_head_are_registered():
    assert BACKBONES["LCNet"] is LCNet
    assert HEADS["LCNetClsHead"] is LCNetClsHead


# ---- the classification head ----


def test_the_head_returns_logits_in_training_and_probabilities_in_evaluation():
    head, x = LCNetClsHead(8, class_dim=3, hidden_channels=16, dropout=0.0), paddle.randn([2, 8, 2, 5])
    logits = head(x, targets=None)
    head.eval()
    np.testing.assert_allclose(head(x).numpy(), F.softmax(logits, axis=1).numpy(), rtol=1e-6)
    np.testing.assert_allclose(head(x).sum(axis=1).numpy(), 1, rtol=1e-6)


def test_the_head_matches_a_value_by_hand():
    # mean 3 -> conv 1/3 -> hardswish(1) = 4/6 -> fc (1, -1) -> softmax
    head, x = LCNetClsHead(1, class_dim=2, hidden_channels=1), paddle.to_tensor([[[[1.0, 5.0]]]])
    head.last_conv.weight.set_value(paddle.full([1, 1, 1, 1], 1 / 3))
    head.fc.weight.set_value(paddle.to_tensor([[1.0, -1.0]]))
    head.eval()
    assert float(head(x)[0, 0]) == pytest.approx(1 / (1 + np.exp(-4 / 3)), rel=1e-5)


def test_the_head_drops_in_training_only_and_keeps_the_mean():
    head, x = LCNetClsHead(4, class_dim=1, hidden_channels=512, dropout=0.5), paddle.randn([1, 4, 1, 1])
    head.fc.weight.set_value(paddle.ones_like(head.fc.weight))
    draws = [float(head(x)) for _ in range(300)]
    hidden = F.hardswish(head.last_conv(x))
    assert np.std(draws) > 0
    # Each hidden value v enters as 0 or 2 v: the sum has mean sum(v) and variance sum(v^2).
    tolerance = 5 * float((hidden**2).sum()) ** 0.5 / 300**0.5
    assert np.mean(draws) == pytest.approx(float(hidden.sum()), abs=tolerance)
    head.eval()
    assert bool((head(x) == head(x)).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_dim": 0}, "`class_dim` must be a whole number of at least 1, got 0"),
        ({"hidden_channels": 12.5}, "`hidden_channels` must be a whole number of at least 1, got 12.5"),
        ({"dropout": 1.0}, r"`dropout` must be a number in \[0, 1\), got 1.0"),
        ({"dropout": "0.2"}, "`dropout` must be a number"),
    ],
)
def test_the_error_names_a_wrong_argument_of_the_head(arguments, message):
    with pytest.raises(ValueError, match=message):
        LCNetClsHead(8, **arguments)


# ---- PaddleOCR's network ----


@pytest.fixture
def stock_network(checkout):
    """PaddleOCR's MobileNetV1Enhance at the recognizer's width, loaded without importing the rest of PaddleOCR."""
    path = checkout / "ppocr" / "modeling" / "backbones" / "rec_mv1_enhance.py"
    spec = importlib.util.spec_from_file_location("rec_mv1_enhance", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MobileNetV1Enhance(scale=0.5)  # theirs counts widths at twice the paper's


@pytest.mark.checkout
def test_keys_and_shapes_equal_those_of_paddleocrs_network(stock_network):
    def shapes(net):
        return [(name, tuple(value.shape)) for name, value in net.state_dict().items()]

    assert shapes(LCNet()) == shapes(stock_network)


@pytest.mark.checkout
@pytest.mark.parametrize("towards_ours", [True, False])
def test_outputs_equal_those_of_paddleocrs_network(stock_network, towards_ours):
    ours = LCNet()
    source, target = (stock_network, ours) if towards_ours else (ours, stock_network)
    assert target.set_state_dict(_disturb(source).state_dict()) == ([], [])
    # In double precision: in single precision either is 6e-5 from it on some processors, in training mode.
    image = paddle.randn([2, 3, 32, 100]).astype("float64")
    ours.to(dtype="float64"), stock_network.to(dtype="float64")
    for mode in ("eval", "train"):
        getattr(ours, mode)(), getattr(stock_network, mode)()
        np.testing.assert_allclose(ours(image).numpy(), stock_network(image).numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.checkout
def test_gradients_equal_those_of_paddleocrs_network(stock_network):
    ours, image = LCNet(), paddle.randn([2, 3, 32, 100]).astype("float64")
    ours.set_state_dict(_disturb(stock_network).state_dict())
    ours.to(dtype="float64"), stock_network.to(dtype="float64")
    ours(image).square().mean().backward(), stock_network(image).square().mean().backward()
    theirs = dict(stock_network.named_parameters())
    for name, mine in ours.named_parameters():
        if not mine.stop_gradient:
            np.testing.assert_allclose(
                mine.grad.numpy(), theirs[name].grad.numpy(), rtol=1e-8, atol=1e-12, err_msg=name
            )
