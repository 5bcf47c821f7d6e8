"""The look at the first batch: training beside evaluation with frozen statistics, and the gradient of CTC."""

import logging
import random

import numpy as np
import paddle
import pytest
from paddle import nn
from toy_training import EPOCHS, toy

from ppocrv2_ext.host.training import first_batch
from ppocrv2_ext.host.training.first_batch import compare_modes, describe_difference, is_reached_by_ctc
from ppocrv2_ext.plugins.frozen_norm import freeze_norm


class CTCHead(nn.Linear):
    """It returns logits in training and probabilities in evaluation, as PaddleOCR's."""

    def forward(self, x, targets=None):
        logits = super().forward(x)
        return logits if self.training else nn.functional.softmax(logits, axis=2)


class Branches(nn.Layer):
    """As PaddleOCR's MultiHead: a second branch that wants labels, in training alone."""

    def __init__(self, cut):
        super().__init__()
        self.ctc_encoder, self.ctc_head, self.gtc, self.cut = nn.Linear(4, 4), CTCHead(4, 3), nn.Linear(4, 3), cut

    def forward(self, x, targets=None):
        ctc = self.ctc_head(self.ctc_encoder(x.detach() if self.cut else x))
        return {"ctc": ctc, "gtc": self.gtc(x) + targets[1]} if self.training else ctc


class Attention(nn.Linear):
    def forward(self, x, targets=None):
        return super().forward(x) + targets[1]


class Recognizer(nn.Layer):
    def __init__(self, neck=None, head=None):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2D(3, 4, 3, padding=1), nn.BatchNorm2D(4))
        self.neck, self.head = neck or nn.Linear(4, 4), head or CTCHead(4, 3)

    def forward(self, x, data=None):
        return self.head(self.neck(self.backbone(x).mean(2).transpose([0, 2, 1])), targets=data)


class Labelled(nn.Layer):
    """A neck that wants labels, as some networks of PaddleOCR's."""

    def forward(self, x, targets=None):
        return x + targets[1]


class ByMode(nn.Layer):
    """A neck that adds a number in training by itself, and so without a layer that could be named."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout(0.2)

    def forward(self, x):
        return self.dropout(x) + 0.1 * self.training


class Longer(nn.Layer):
    def forward(self, x):
        return x.repeat_interleave(2, axis=1) if self.training else x


class Recurrent(nn.LSTM):
    """A neck as that of PP-OCRv2's recognizer. It has a buffer without a value until it has run."""

    def __init__(self):
        super().__init__(4, 2, direction="bidirectional")

    def forward(self, x):
        return super().forward(x)[0]


def frozen(neck=None, head=None):
    paddle.seed(3)
    network = Recognizer(neck, head)
    freeze_norm(network)
    network.train()
    return network


@pytest.fixture
def images():
    return paddle.to_tensor(np.random.default_rng(4).normal(2, 3, (3, 3, 8, 16)).astype("float32"))


class TestModes:
    def test_logits_of_training_are_compared_with_logits_of_evaluation(self, images):
        assert compare_modes(frozen(), images) is None

    def test_a_network_that_has_not_run_is_compared_though_a_buffer_of_its_lstm_has_no_value(self, images):
        network = frozen(Recurrent())
        assert not all(buffer._is_initialized() for buffer in network.buffers())
        assert compare_modes(network, images) is None
        assert is_reached_by_ctc(frozen(Recurrent(), Branches(cut=False)), images)

    def test_statistics_of_the_batch_are_a_difference(self, images):
        network = Recognizer()
        network.train()
        assert compare_modes(network, images).causes == []

    def test_dropout_is_named_with_its_number_place_and_rate(self, images):
        neck = nn.Sequential(nn.Dropout(0.25), nn.Linear(4, 4), nn.Dropout(0.25), nn.Dropout(0.0))
        difference = compare_modes(frozen(neck), images)
        assert difference.causes == ["Dropout, 2 layers in the neck, p 0.25"]
        assert difference.size > 0.01
        assert difference.rest == 0
        assert describe_difference("Architecture", "logits", difference).endswith(
            " of the largest value, as these layers act in training alone: Dropout, 2 layers in the neck, p 0.25."
        )

    def test_what_remains_without_the_layers_that_are_named_is_said(self, images):
        difference = compare_modes(frozen(ByMode()), images)
        assert difference.causes == ["Dropout, 1 layer in the neck, p 0.2"]
        assert difference.rest > 0
        assert f"p 0.2; with them in evaluation, {difference.rest:.2g} remains." in describe_difference(
            "", "logits", difference
        )

    def test_a_cause_that_is_not_found_is_not_named(self, images):
        neck = ByMode()
        neck.dropout.p = 0.0
        assert describe_difference("", "logits", compare_modes(frozen(neck), images)).endswith(
            " of the largest value; no layer without weights accounts for it."
        )

    def test_other_frames_are_a_difference_of_shape(self, images):
        assert "differ from those in evaluation in shape, as these layers act" in describe_difference(
            "", "logits", compare_modes(frozen(Longer()), images)
        )

    def test_of_several_branches_the_one_of_ctc_is_compared(self, images):
        assert compare_modes(frozen(head=Branches(cut=True)), images) is None
        neck = nn.Dropout(0.3)
        assert compare_modes(frozen(neck, Branches(cut=False)), images).causes == [
            "Dropout, 1 layer in the neck, p 0.3"
        ]

    def test_a_head_without_ctc_is_compared_by_what_comes_into_it(self, images):
        assert compare_modes(frozen(head=Attention(4, 3)), images) is None
        difference = compare_modes(frozen(nn.Dropout(0.3), Attention(4, 3)), images)
        assert difference.causes == ["Dropout, 1 layer in the neck, p 0.3"]

    @pytest.mark.parametrize(("noise", "differs"), [(0.1, False), (10.0, True)])
    def test_half_precision_is_compared_less_closely(self, images, noise, differs):
        network = frozen(nn.Dropout(0.0))
        network.neck.register_forward_post_hook(lambda layer, _, x: x + noise * layer.training)
        assert compare_modes(network, images) is not None
        network.head.register_forward_post_hook(lambda *outputs: outputs[-1].astype("bfloat16"))
        assert (compare_modes(network, images) is not None) == differs

    def test_it_leaves_tensors_modes_gradients_and_draws_as_they_were(self, images):
        network = Recognizer(nn.Dropout(0.3), Branches(cut=True))  # its statistics would move
        network.train()
        network.neck.eval()
        modes = [layer.training for layer in network.sublayers(include_self=True)]
        before = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        paddle.seed(5)
        drawn = paddle.rand([4]).numpy()
        paddle.seed(5)
        compare_modes(network, images)
        is_reached_by_ctc(network, images)
        assert (paddle.rand([4]).numpy() == drawn).all()
        assert all((network.state_dict()[name].numpy() == value).all() for name, value in before.items())
        assert [layer.training for layer in network.sublayers(include_self=True)] == modes
        assert all(parameter.grad is None for parameter in network.parameters())

    def test_it_does_not_take_back_what_a_thread_that_reads_ahead_draws_meanwhile(self, images):
        network, drawn = frozen(nn.Dropout(0.3)), []
        network.neck.register_forward_pre_hook(lambda *_: drawn.append((random.random(), np.random.rand())))
        compare_modes(network, images)
        is_reached_by_ctc(network, images)
        python, numpy = (list(each) for each in zip(*drawn))
        assert len(drawn) > 2
        assert len({*python, random.random()}) == len({*numpy, np.random.rand()}) == len(drawn) + 1


class TestGradient:
    @pytest.mark.parametrize("cut", [True, False])
    def test_a_backbone_that_ctc_does_not_reach_is_found_though_another_branch_reaches_it(self, images, cut):
        network = frozen(head=Branches(cut))
        outputs = network(images, [None, 1.0])
        (outputs["ctc"].sum() + outputs["gtc"].sum()).backward()
        assert all(parameter.grad is not None for parameter in network.backbone.parameters() if parameter.trainable)
        assert is_reached_by_ctc(network, images) is not cut

    def test_a_frozen_backbone_needs_no_gradient(self, images):
        network = frozen(head=Branches(cut=True))
        for parameter in network.backbone.parameters():
            parameter.trainable = False
        assert is_reached_by_ctc(network, images)


def section(**network):
    return {
        "model_type": "rec",
        "algorithm": "CRNN",
        "Backbone": {"name": "Toy"},
        "Head": {"name": "CTCHead"},
        **network,
    }


def multi_head(ctc="CTCHead"):
    """The section of a MultiHead whose branch for CTC is guided."""
    branch = {"Neck": {"name": "svtr", "use_guide": True}, "Head": {}}
    return {"name": "MultiHead", "head_list": [{ctc: branch}, {"NRTRHead": {}}]}


def arguments_for(model, images, architecture, **settings):
    """The arguments of the toy training, with a network that takes images."""
    arguments = toy(**settings)
    optimizer = paddle.optimizer.SGD(learning_rate=0.01, parameters=model.parameters())
    arguments.update(model=model, optimizer=optimizer)
    arguments["config"]["Architecture"] = architecture
    loader = arguments["train_dataloader"]
    loader.batches = [[images + number, paddle.zeros([3], dtype="int64")] for number in range(len(loader))]
    arguments["valid_dataloader"].batches = loader.batches[:1]
    return arguments


class TestLog:
    @pytest.fixture(autouse=True)
    def log(self, caplog):
        caplog.set_level(logging.INFO)
        self.caplog = caplog

    def take(self, model, images, architecture):
        arguments = arguments_for(model, images, architecture)
        with first_batch.look_at_first_batch(arguments, {}):
            for _ in range(2):
                list(arguments["train_dataloader"])
        return [(record.levelname, record.getMessage()) for record in self.caplog.records]

    def test_dropout_is_said_once_and_is_no_warning(self, images):
        ((level, said),) = self.take(frozen(nn.Dropout(0.3)), images, section(freeze_norm=True))
        assert level == "INFO"
        assert "Dropout, 1 layer in the neck, p 0.3" in said

    def test_a_difference_without_a_cause_is_a_warning(self, images):
        ((level, _),) = self.take(frozen(ByMode()), images, section(freeze_norm=True))
        assert level == "WARNING"

    def test_nothing_is_said_where_nothing_differs(self, images):
        assert self.take(frozen(), images, section(freeze_norm=True)) == []

    @pytest.mark.parametrize("ctc", ["CTCHead", "CenterCTCHead"])
    def test_a_gradient_that_is_cut_is_a_warning_with_the_option_that_does_it(self, images, ctc):
        ((level, said),) = self.take(frozen(head=Branches(cut=True)), images, section(Head=multi_head(ctc)))
        assert level == "WARNING"
        assert said == (
            "Architecture: the gradient of CTC does not reach the backbone, which learns from the other branch of"
            f" MultiHead alone; `use_guide: false` in the Neck of {ctc} lets it through."
        )

    def test_each_network_of_a_pair_is_named_but_for_a_frozen_one(self, images):
        pair = nn.LayerDict({name: frozen(nn.Dropout(0.3)) for name in ("Student", "Student2", "Teacher")})
        models = {name: section(freeze_norm=True) for name in pair.keys()}  # noqa: SIM118  (Paddle's iterates oddly)
        models["Teacher"]["freeze_params"] = True
        said = self.take(pair, images, {"model_type": "rec", "Models": models})
        assert [sentence.partition(":")[0] for _, sentence in said] == [
            "Architecture.Models.Student",
            "Architecture.Models.Student2",
        ]

    def test_a_network_that_needs_labels_trains_and_a_line_says_why_it_is_not_compared(self, images):
        model = frozen(Labelled())
        ((level, said),) = self.take(model, images, section(freeze_norm=True))
        assert level == "INFO"
        assert said.startswith("Architecture: training and evaluation mode are not compared: ")
        assert all(layer.training for layer in model.sublayers(include_self=True))

    @pytest.mark.parametrize("options", [{}, {"freeze_norm": True, "model_type": "det"}])
    def test_other_networks_keep_their_loader(self, images, options):
        arguments = arguments_for(frozen(), images, section(**options))
        loader = arguments["train_dataloader"]
        with first_batch.look_at_first_batch(arguments, {}):
            assert arguments["train_dataloader"] is loader


@pytest.mark.parametrize("scaled", [False, True])
def test_a_network_is_run_in_the_precision_of_the_loop(images, monkeypatch, scaled):
    casts, auto_cast = [], paddle.amp.auto_cast
    monkeypatch.setattr(paddle.amp, "auto_cast", lambda **options: casts.append(options) or auto_cast(enable=False))
    precision = {"amp_level": "O2", "amp_dtype": "bfloat16", "amp_custom_black_list": [], "amp_custom_white_list": []}
    arguments = {**arguments_for(frozen(), images, section(freeze_norm=True)), **precision}
    arguments["scaler"] = paddle.amp.GradScaler() if scaled else None
    with first_batch.look_at_first_batch(arguments, {}):
        next(iter(arguments["train_dataloader"]))
    assert [options["level"] for options in casts] == ["O2"] * scaled


def test_a_training_takes_the_steps_that_it_takes_without_the_look(wheel, images, tmp_path, monkeypatch):
    from tools import program

    from ppocrv2_ext.host.training import loop, ranks, resume

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "save_model", lambda *_, **__: None)
    trained = []
    for look in ([], [first_batch.look_at_first_batch]):
        model = frozen(nn.Dropout(0.3))
        loop.surround(program.train, [ranks.join_ranks, *look, resume.make_resumable])(
            **arguments_for(model, images, section(freeze_norm=True))
        )
        trained.append([tensor.numpy() for tensor in model.state_dict().values()])
    assert EPOCHS > 1
    for one, other in zip(*trained):
        np.testing.assert_array_equal(one, other)
