"""The look at the first step: parts without a gradient, frames that differ between training and evaluation."""

import contextlib
import re

import paddle
import pytest
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.networks.frames_by_width import follow_width
from ppocrv2_ext.host.training import first_step
from ppocrv2_ext.host.training.loop import cast_as_in_loop
from ppocrv2_ext.plugins.lcnet import LCNet


class Pooled(nn.Layer):
    """A backbone that makes 40 frames in training and one of 8 pixels in evaluation, as those of PP-OCRv3 to v6."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2D(3, 4, 3, padding=1), nn.BatchNorm2D(4)

    def forward(self, x):
        x = self.norm(self.conv(x))
        if self.training:
            return nn.functional.adaptive_avg_pool2d(x, [1, 40])
        return nn.functional.avg_pool2d(x, [x.shape[2], 8])


class Fixed(nn.Conv2D):
    """A backbone that makes 40 frames of any width in both modes, and stops at wider lines than ``widest``."""

    def __init__(self, widest=1000):
        super().__init__(3, 4, 3, padding=1)
        self.widest = widest

    def forward(self, x):
        assert x.shape[-1] <= self.widest, f"{x.shape[-1]} pixels do not fit"
        return nn.functional.adaptive_avg_pool2d(super().forward(x), [1, 40])


class Recognizer(nn.Layer):
    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.neck, self.head = backbone, nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x, cut=False):
        x = self.backbone(x).squeeze(2).transpose([0, 2, 1])
        return self.head(self.neck(x.detach() if cut else x))


def config(train, evaluation, **network):
    def section(width):
        return {"dataset": {"transforms": [{"DecodeImage": None}, {"RecResizeImg": {"image_shape": [3, 8, width]}}]}}

    architecture = {"model_type": "rec", "Backbone": {"name": "Pooled"}, **network}
    return {"Architecture": architecture, "Train": section(train), "Eval": section(evaluation), "Global": {}}


@pytest.fixture
def model():
    paddle.seed(3)
    return Recognizer(Pooled())


class TestFrames:
    def test_as_many_frames_in_training_as_in_evaluation_are_fine(self, model):
        first_step.check_frames(model, config(320, 320))

    def test_a_wider_evaluation_with_as_many_more_frames_is_fine(self, model):
        first_step.check_frames(model, config(320, 640))

    def test_a_width_that_is_pooled_to_other_frames_is_refused_with_the_right_one(self, model):
        message = "Pooled makes 40 frames of 160 pixels in training, but 20 in evaluation.*by_width.* 320, in Train"
        with pytest.raises(UserError, match=message):
            first_step.check_frames(model, config(160, 160))

    @pytest.mark.parametrize(("train", "evaluation"), [(90, 128), (128, 90), (102, 320)])
    def test_a_backbone_that_rounds_down_alike_in_both_modes_is_fine(self, train, evaluation):
        low = config(train, evaluation, Backbone={"name": "LCNet"})
        for mode in ("Train", "Eval"):
            low[mode]["dataset"]["transforms"][1]["RecResizeImg"]["image_shape"][1] = 32
        first_step.check_frames(Recognizer(LCNet(scale=0.25)), low)

    def test_a_backbone_that_makes_as_many_frames_of_another_width_is_refused(self):
        message = "Pooled makes 40 frames of 160 pixels and 40 of 640.*: set one width in Train.*image_shape and Eval"
        with pytest.raises(UserError, match=message):
            first_step.check_frames(Recognizer(Fixed()), config(160, 640))
        first_step.check_frames(Recognizer(Fixed()), config(160, 160))

    def test_a_backbone_that_stops_at_the_lines_of_evaluation_is_refused_before_training(self):
        message = r"Pooled stops at lines of \[3, 8, 640\]: .*640 pixels do not fit.*; change Eval.*image_shape"
        with pytest.raises(UserError, match=message):
            first_step.check_frames(Recognizer(Fixed(widest=320)), config(320, 640))

    @pytest.mark.parametrize(("train", "evaluation"), [(300, 320), (160, 320), (102, 90)])
    def test_with_the_option_any_two_widths_are_fine(self, model, train, evaluation):
        follow_width(model, {"model_type": "rec"})
        first_step.check_frames(model, config(train, evaluation, frames_by_width=True))

    @pytest.mark.parametrize("width", [60, 300])
    def test_the_width_that_is_advised_makes_as_many_frames_in_both_modes(self, model, width):
        with pytest.raises(UserError, match="the width to 320, in Train"):
            first_step.check_frames(model, config(width, 640))

    def test_the_option_is_not_advised_where_it_is_on_or_would_change_nothing(self, model):
        message = "40 frames of 160 pixels in training, but 20 in evaluation.*scales: set the width to 320, in Train"
        with pytest.raises(UserError, match=message):
            first_step.check_frames(model, config(160, 160, frames_by_width=True))
        with pytest.raises(UserError, match=message):
            first_step.check_frames(Recognizer(nn.Sequential(Pooled())), config(160, 160))

    def test_the_key_of_the_option_names_the_network_of_a_pair(self, model):
        pair = config(160, 160)
        network = {key: pair["Architecture"].pop(key) for key in ("model_type", "Backbone")}
        pair["Architecture"].update(model_type="rec", Models={"Student": network})
        with pytest.raises(UserError, match="set `Architecture.Models.Student.frames_by_width: true` or the width"):
            first_step.check_frames(nn.LayerDict({"Student": model}), pair)

    def test_a_backbone_runs_in_the_precision_of_the_loop_and_its_state_is_copied_outside(self, model, monkeypatch):
        casts, inside = [], []

        @contextlib.contextmanager
        def note(**options):
            casts.append(options)
            inside.append(True)
            yield
            inside.pop()

        runs, clones = [], []
        model.backbone.conv.register_forward_pre_hook(lambda *_: runs.append(bool(inside)))
        state_dict = model.backbone.state_dict
        monkeypatch.setattr(model.backbone, "state_dict", lambda: clones.append(bool(inside)) or state_dict())
        monkeypatch.setattr(paddle.amp, "auto_cast", note)
        given = {"amp_level": "O2", "amp_dtype": "bfloat16", "amp_custom_black_list": ["exp"]}
        given.update(amp_custom_white_list=[], scaler=paddle.amp.GradScaler())
        first_step.check_frames(model, config(320, 320), lambda: cast_as_in_loop(given))
        options = {"custom_black_list": ["exp"], "custom_white_list": []}
        assert casts == [{"level": "O2", "dtype": "bfloat16", **options}] * 2
        assert runs == [True, True]
        assert clones == [False, False]
        casts.clear()
        first_step.check_frames(model, config(320, 320), lambda: cast_as_in_loop({**given, "scaler": None}))
        assert casts == []

    def test_the_look_changes_neither_statistics_nor_modes(self, model):
        model.train()
        model.backbone.norm.eval()
        before = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        first_step.check_frames(model, config(320, 320))
        assert all((model.state_dict()[name].numpy() == value).all() for name, value in before.items())
        assert model.backbone.training
        assert not model.backbone.norm.training

    def test_detectors_and_sets_without_a_shape_are_left_alone(self, model):
        detector = config(160, 160, model_type="det")
        shapeless = config(160, 160)
        shapeless["Train"]["dataset"]["transforms"].pop()
        first_step.check_frames(model, detector)
        first_step.check_frames(model, shapeless)


def config_with_scales(*scales):
    made = config(320, 320)
    made["Train"] = {
        "dataset": {"name": "MultiScaleDataSet", "transforms": [{"DecodeImage": None}]},
        "sampler": {"name": "MultiScaleSampler", "scales": list(scales)},
    }
    return made


class NoLow(Pooled):
    """It stops at lines of less than 32 pixels height, in evaluation or in training too."""

    def __init__(self, mode_is_shared):
        super().__init__()
        self.mode_is_shared = mode_is_shared

    def forward(self, x):
        if x.shape[2] == 16 and (self.mode_is_shared or not self.training):
            raise AssertionError("Feature height 2 < pool kernel 3")
        return super().forward(x)


class TestScales:
    def test_scales_with_as_many_frames_as_in_evaluation_are_fine(self, model):
        first_step.check_frames(model, config_with_scales([320, 16], [320, 32]))

    def test_one_scale_that_is_pooled_to_other_frames_is_refused(self, model):
        message = "makes 40 frames of 160 pixels in training, but 20 in .* to 320, in Train.sampler.scales and Eval"
        with pytest.raises(UserError, match=message):
            first_step.check_frames(model, config_with_scales([320, 16], [160, 32]))

    def test_the_option_is_advised_without_the_scales_at_which_the_backbone_then_stops(self):
        message = "frames_by_width: true` without the scales of height 16 or the width"
        with pytest.raises(UserError, match=message):
            first_step.check_frames(Recognizer(NoLow(False)), config_with_scales([160, 16], [160, 32]))

    def test_a_scale_at_which_the_backbone_stops_is_named(self):
        message = r"stops at lines of \[3, 16, 320\]: .*; leave the scales of height 16 out of Train.sampler.scales"
        with pytest.raises(UserError, match=message):
            first_step.check_frames(Recognizer(NoLow(True)), config_with_scales([320, 32], [320, 16]))


class TestGradients:
    def _backward(self, model, cut):
        model(paddle.rand([1, 3, 8, 320]), cut).sum().backward()

    def test_nothing_is_said_if_every_tensor_gets_a_gradient(self, model):
        self._backward(model, cut=False)
        assert list(first_step.check_gradients(model, [])) == []

    def test_a_part_that_no_loss_reaches_is_an_error_that_counts_its_tensors(self, model):
        self._backward(model, cut=True)
        with pytest.raises(UserError, match="no loss reaches the backbone: none of its 4 trainable tensors"):
            list(first_step.check_gradients(model, []))

    def test_a_part_may_be_allowed_to_get_no_gradient(self, model):
        self._backward(model, cut=True)
        (sentence,) = first_step.check_gradients(model, ["backbone"])
        assert sentence.startswith("4 of the 4 trainable tensors of the backbone get no gradient")

    def test_single_tensors_without_a_gradient_are_counted(self, model):
        model.neck.unused = nn.Linear(2, 2)
        self._backward(model, cut=False)
        (sentence,) = first_step.check_gradients(model, [])
        assert sentence.startswith("2 of the 4 trainable tensors of the neck get no gradient")
        assert "'neck.unused.weight'" in sentence

    def test_frozen_tensors_need_no_gradient(self, model):
        for parameter in model.backbone.parameters():
            parameter.trainable = False
        self._backward(model, cut=True)
        assert list(first_step.check_gradients(model, [])) == []

    def test_parts_of_several_networks_carry_the_name_of_their_network(self, model):
        pair = nn.LayerDict({"Student": model, "Teacher": Recognizer(Pooled())})
        self._backward(pair["Student"], cut=False)
        with pytest.raises(UserError, match=r"no loss reaches the Teacher\.backbone"):
            list(first_step.check_gradients(pair, []))


@pytest.mark.parametrize("method", ["step", "minimize"])
def test_the_look_comes_before_the_first_step_and_only_there(model, method):
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    looks = []
    first_step._call_before_first_step(optimizer, lambda: looks.append(model.head.weight.numpy().copy()))
    before = model.head.weight.numpy().copy()
    for _ in range(2):
        loss = model(paddle.rand([1, 3, 8, 320])).sum()
        loss.backward()
        if method == "step":
            optimizer.step()
        else:
            optimizer.minimize(loss)
        optimizer.clear_grad()
    assert len(looks) == 1
    assert (looks[0] == before).all()
    assert (model.head.weight.numpy() != before).any()


class TestTraining:
    """A pair, of which the loss reaches one network."""

    LOSS = "Loss.loss_config_list=[{CTCCenterLoss: {weight: 1.0, network: Student}}]"

    def test_a_network_that_no_loss_reaches_is_refused(self, ppocrv2_here, words):
        trained = ppocrv2_here("train", "-c", "rec/ch_PP-OCRv2_rec_udml_center", "-o", *words, self.LOSS)
        assert trained.returncode == 2
        assert re.search("no loss reaches the Teacher.backbone: none of its .* trainable tensors", trained.stderr)

    def test_a_network_that_is_allowed_to_get_no_gradient_trains(self, ppocrv2_here, words):
        allowed = "Global.allow_no_gradient=[Teacher.backbone,Teacher.neck,Teacher.head]"
        trained = ppocrv2_here("train", "-c", "rec/ch_PP-OCRv2_rec_udml_center", "-o", *words, self.LOSS, allowed)
        assert trained.returncode == 0, trained.stderr
        assert re.search(r"(\d+) of the \1 trainable tensors of the Teacher.backbone get no gradient", trained.stdout)
