"""The networks of the completed wheel: sizes, shapes, gradients and what every option does."""

import numpy as np
import paddle
import pytest
from stand_in_host import (
    CLASSES,
    CLS,
    NETWORKS,
    REC,
    REC_LARGE,
    STUDENT,
    TEACHER,
    builder,
    changed,
    det_case,
    names_of,
    random,
)

pytest_plugins = ["stand_in_host"]
pytestmark = pytest.mark.usefixtures("completed")


def build(config):
    paddle.seed(0)
    return builder("model")(config)


def state_size(model):
    """Values in the state, BatchNorm's statistics included; an LSTM lists its weights under two names."""
    return sum({tensor.name: tensor.size for tensor in model.state_dict().values()}.values())


def image(*shape):
    return paddle.to_tensor(random("image", *shape))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (changed(REC, Head={"out_channels": 6625}), 2_077_377),
        (STUDENT, 595_794),
        (TEACHER, 12_374_754),
        (CLS, 133_628),
    ],
    ids=["rec", "student", "teacher", "cls"],
)
def test_number_of_values_in_the_state(config, expected):
    assert state_size(build(config)) == expected


def test_recognizer_gives_one_frame_per_four_columns():
    model = build({**REC, "return_all_feats": True})
    outputs = model(image(2, 3, 32, 64))
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes == {"backbone_out": (2, 512, 1, 16), "neck_out": (2, 16, 128), "head_out": (2, 16, CLASSES)}


def test_recognizer_gives_probabilities_in_evaluation():
    model = build(REC_LARGE)
    model.eval()
    np.testing.assert_allclose(model(image(2, 3, 32, 32)).sum(-1).numpy(), 1, rtol=1e-5)


def test_return_all_feats_gives_head_out_alone_in_evaluation():
    model = build({**REC_LARGE, "return_all_feats": True})
    model.eval()
    assert list(model(image(1, 3, 32, 32))) == ["head_out"]


def test_detector_gives_three_maps_in_training_and_one_in_evaluation():
    model = build(STUDENT)
    assert model(image(2, 3, 64, 96))["maps"].shape == [2, 3, 64, 96]
    model.eval()
    maps = model(image(2, 3, 64, 96))["maps"]
    assert maps.shape == [2, 1, 64, 96]
    assert 0 <= float(maps.min()) <= float(maps.max()) <= 1


def test_binary_map_is_a_step_between_probability_and_threshold(completed):
    head = completed("ppocr.modeling.heads").build_head({"name": "DBHead", "in_channels": 8, "k": 20})
    probability, threshold, binary = head(image(2, 8, 4, 4))["maps"].numpy().transpose(1, 0, 2, 3)
    np.testing.assert_allclose(binary, 1 / (1 + np.exp(-20 * (probability - threshold))), rtol=1e-4)


def test_detection_maps_halve_from_stage_to_stage(completed):
    for config, widths in ((STUDENT, [16, 24, 56, 480]), (TEACHER, [64, 128, 256, 512])):
        backbone = completed("ppocr.modeling.backbones").build_backbone(config["Backbone"], "det")
        assert backbone.out_channels == widths
        assert [m.shape for m in backbone(image(1, 3, 64, 64))] == [
            [1, c, 64 // 2**i, 64 // 2**i] for i, c in enumerate(widths, 2)
        ]


def test_fpn_adds_the_coarsest_map_to_all_finer_ones(completed):
    fpn = completed("ppocr.modeling.necks").build_neck(
        {"name": "DBFPN", "in_channels": [4, 4, 4, 4], "out_channels": 8}
    )
    maps = [image(1, 4, 32 // 2**i, 32 // 2**i) for i in range(4)]
    changed_maps = [*maps[:3], maps[3] + 1]
    difference = (fpn(maps) - fpn(changed_maps)).abs().sum([0, 2, 3]).numpy()
    assert (difference > 0).all()  # c5 reaches p5, p4, p3 and p2, two channels each


@pytest.mark.parametrize("name", ["rec", "rec_small", "rec_large", "cls", "student", "mv3_det", "resnet50_det"])
def test_every_trainable_parameter_gets_a_gradient(name):
    config, shape = NETWORKS[name]
    model = build(config)
    output = model(image(2, *shape))
    (output["maps"] if isinstance(output, dict) else output).square().mean().backward()
    without = [key for key, p in model.named_parameters() if p.trainable and (p.grad is None or p.grad.isnan().any())]
    assert without == []


def test_a_step_of_the_detector_lowers_its_loss():
    model, loss = build(changed(STUDENT, Neck={"out_channels": 16})), builder("loss")({"name": "DBLoss"})
    optimizer, _ = builder("optimizer")({"name": "Adam", "lr": {"learning_rate": 0.003}}, 1, 1, model)
    batch = [None, *(paddle.tile(label, [1, 4, 4]) for label in det_case()[1])]
    values = []
    for _ in range(4):
        values.append(loss(model(image(2, 3, 64, 64)), batch)["loss"])
        values[-1].backward()
        optimizer.step()
        optimizer.clear_grad()
    assert float(values[-1]) < float(values[0])


def test_weights_survive_a_round_trip(tmp_path):
    model, other = build(CLS), builder("model")(CLS)
    model(image(2, 3, 48, 64))
    paddle.save(model.state_dict(), str(tmp_path / "cls.pdparams"))
    missing, unexpected = other.set_state_dict(paddle.load(str(tmp_path / "cls.pdparams")))
    assert not missing
    assert not unexpected
    model.eval()
    other.eval()
    np.testing.assert_array_equal(model(image(1, 3, 48, 64)).numpy(), other(image(1, 3, 48, 64)).numpy())


OPTIONS = {
    "width": (STUDENT, {"Backbone": {"scale": 0.35}}),
    "disable_se": (STUDENT, {"Backbone": {"disable_se": False}}),
    "model_name": (CLS, {"Backbone": {"model_name": "large"}}),
    "layers": (TEACHER, {"Backbone": {"layers": 50}}),
    "fpn width": (STUDENT, {"Neck": {"out_channels": 32}}),
    "lcnet width": (REC, {"Backbone": {"scale": 0.25}}),
    "hidden_size": (REC, {"Neck": {"hidden_size": 48}}),
    "encoder_type": (REC, {"Neck": {"encoder_type": "reshape"}}),
    "mid_channels": (REC, {"Head": {"mid_channels": None}}),
    "class_dim": (CLS, {"Head": {"class_dim": 4}}),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_option_changes_the_parameters(name):
    config, sections = OPTIONS[name]
    assert names_of(build(config)) != names_of(build(changed(config, **sections)))


def test_small_stride_sets_the_height_of_the_feature_map(completed):
    build_backbone = completed("ppocr.modeling.backbones").build_backbone
    for stride, height in (([2, 2, 2, 2], 1), ([1, 2, 2, 2], 2), ([1, 1, 2, 2], 4)):
        backbone = build_backbone({**CLS["Backbone"], "small_stride": stride}, "cls")
        assert backbone(image(1, 3, 64, 64)).shape == [1, 200, height, 16]


def test_in_channels_reaches_the_backbone():
    for config in (REC, CLS, STUDENT):
        assert next(iter(build({**config, "in_channels": 1}).parameters())).shape[1] == 1


def test_fc_decay_regularizes_the_ctc_head(completed):
    head = completed("ppocr.modeling.heads").build_head(
        {"name": "CTCHead", "in_channels": 4, "out_channels": 3, "fc_decay": 0.5}
    )
    assert [p.regularizer._coeff for p in head.parameters()] == [0.5, 0.5]


def test_a_feature_map_that_is_not_a_line_is_refused():
    with pytest.raises(ValueError, match="height 1, got 2: text lines must be 32 pixels high"):
        build(REC)(image(1, 3, 64, 32))


@pytest.mark.parametrize("name", ["rec", "student"])
def test_exported_network_reads_images_of_other_widths(name, tmp_path):
    config, shape = NETWORKS[name]
    model = build(config)
    model.eval()
    x = image(2, *shape[:2], 96)
    expected = model(x)
    spec = paddle.static.InputSpec([None, 3, 32 if name == "rec" else -1, -1], "float32")
    paddle.jit.save(paddle.jit.to_static(model, input_spec=[spec]), str(tmp_path / "inference"))
    exported = paddle.jit.load(str(tmp_path / "inference"))(x)
    expected, exported = (next(iter(y.values())) if isinstance(y, dict) else y for y in (expected, exported))
    np.testing.assert_allclose(exported.numpy(), expected.numpy(), atol=1e-6)
