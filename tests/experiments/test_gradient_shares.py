"""Gradient shares: values worked out by hand, terms told apart, and a network that is the same afterwards."""

import math

import paddle
import pytest
from experiments import loss_terms
from paddle import nn

from ppocrv2_ext import config

UDML = {
    "name": "UDMLLoss",
    "pair": ["Student", "Teacher"],
    "ctc_weight": 1.0,
    "feature_weight": 2.0,
    "mutual_weight": 5,
}


class Quadratic(nn.Layer):
    """x -> (a x, b), with a buffer that counts."""

    def __init__(self):
        super().__init__()
        self.a = self.create_parameter([1], default_initializer=nn.initializer.Constant(3.0))
        self.b = self.create_parameter([2], default_initializer=nn.initializer.Constant(2.0))
        self.register_buffer("count", paddle.zeros([1]))

    def forward(self, x):
        self.count.add_(paddle.ones([1]))
        return self.a * x, self.b


@pytest.fixture
def network():
    return Quadratic()


@pytest.fixture
def losses(network):
    def moving(outputs, batch):
        """count |b|^2, after which the count grows, as centers move."""
        value = network.count.clone() * outputs[1].square().sum()
        network.count.add_(paddle.ones([1]))
        return {"loss": value}

    return {
        "ctc": lambda outputs, batch: {"loss": 0.5 * outputs[0].square().sum()},
        "first": moving,
        "second": moving,
    }


def measure(network, losses, x=2.0):
    return loss_terms.measure(network, losses, {"one": [network.a, network.b]}, [paddle.to_tensor([x])])


class TestMeasure:
    def test_value_by_hand(self, network, losses):
        # a = 3, x = 2: (a x)^2 / 2 = 18 and its gradient a x^2 = 12. b = (2, 2): |b|^2 = 8, its gradient 2 b = (4, 4).
        pulls = measure(network, losses)
        assert pulls["ctc"] == (18.0, {"one": [144.0, 0.0]})
        assert pulls["first"] == (8.0, {"one": [0.0, 32.0]})

    def test_every_term_finds_the_buffers_that_the_first_one_found(self, network, losses):
        pulls = measure(network, losses)
        assert pulls["second"] == pulls["first"]

    def test_the_network_is_the_same_afterwards(self, network, losses):
        before = {name: value.clone() for name, value in network.state_dict().items()}
        assert measure(network, losses) == measure(network, losses)
        for name, value in network.state_dict().items():
            assert bool((value == before[name]).all()), name
        assert network.a.grad is None

    def test_the_mean_is_of_values_and_of_squared_norms(self, network, losses):
        # x = 1: (a x)^2 / 2 = 4.5 and the gradient 3.
        mean = loss_terms.mean_pulls([measure(network, losses, x) for x in (1.0, 2.0)])
        assert mean["ctc"] == ((4.5 + 18) / 2, {"one": [(9 + 144) / 2, 0.0]})


class TestRows:
    def test_shares_by_hand(self):
        pulls = {
            "mutual": loss_terms.Pull(0.3, {"Student": [9.0, 0.0, 16.0], "Teacher": [1.0, 1.0, 1.0]}),
            "ctc": loss_terms.Pull(2.0, {"Student": [36.0, 64.0, 0.0], "Teacher": [4.0, 16.0, 64.0]}),
        }
        student, teacher, *_ = loss_terms.make_rows(pulls)
        # Norm 5 against 10. The first tensor alone has both gradients: 3 against 6.
        assert student == ("mutual", "Student", 0.3, 5.0, 0.5, 0.5)
        # The tensors have 1 / 2, 1 / 4 and 1 / 8.
        assert teacher == ("mutual", "Teacher", 0.3, math.sqrt(3), pytest.approx(math.sqrt(3 / 84)), 0.25)

    def test_the_reference_is_its_own_measure(self):
        pulls = {"gt": loss_terms.Pull(2.0, {"one": [36.0, 0.0]})}
        assert loss_terms.make_rows(pulls) == [("gt", "one", 2.0, 6.0, 1.0, 1.0)]

    def test_a_term_without_gradient_has_a_share_of_0_and_a_reference_without_gradient_gives_none(self):
        still, moving = loss_terms.Pull(0.0, {"one": [0.0]}), loss_terms.Pull(1.0, {"one": [4.0]})
        assert loss_terms.make_rows({"ctc": moving, "center": still})[1][-2:] == (0.0, 0.0)
        assert loss_terms.make_rows({"ctc": still, "center": moving})[1][-2:] == (None, None)

    @pytest.mark.parametrize(
        ("terms", "reference"),
        [(["mutual", "ctc"], "ctc"), (["distill", "gt"], "gt"), (["DBLoss"], "DBLoss")],
    )
    def test_terms_are_compared_with_ctc_or_with_the_labels(self, terms, reference):
        assert loss_terms.choose_reference(terms) == reference


class TestSplitTerms:
    def test_a_single_loss_keeps_one_weight_at_a_time(self):
        report = {"loss": 1, "ctc_Student": 1, "ctc_Teacher": 1, "feature": 1, "mutual": 1, "infeasible": 0}
        terms = loss_terms.split_terms(UDML, report)
        assert list(terms) == ["ctc", "feature", "mutual"]
        assert terms["feature"] == {**UDML, "ctc_weight": 0.0, "mutual_weight": 0.0}

    def test_terms_of_weight_0_and_terms_that_are_not_reported_are_left_out(self):
        student = {"name": "CMLLoss", "students": ["Student"], "teacher": None, "mutual_weight": 0}
        assert list(loss_terms.split_terms(student, {"loss": 1, "gt_Student": 1})) == ["gt"]

    def test_the_center_losses_of_two_networks_are_one_term(self):
        section = config.read(config.locate("rec/ch_PP-OCRv2_rec_udml_center_finetune"))["Loss"]
        report = {"ctc_Student": 1, "feature": 1, "mutual": 1, "center_Student": 1, "CTCCenterLoss.center_Teacher": 1}
        terms = loss_terms.split_terms(section, report)
        assert list(terms) == ["ctc", "feature", "mutual", "center"]
        assert [list(entry) for entry in terms["mutual"]["loss_config_list"]] == [["UDMLLoss"]]
        assert [list(entry) for entry in terms["center"]["loss_config_list"]] == [["CTCCenterLoss"], ["CTCCenterLoss"]]

    def test_a_loss_that_weighs_no_terms_is_one_term(self):
        section = {"name": "CombinedLoss", "loss_config_list": [{"CTCLoss": {"weight": 2.0}}]}
        assert loss_terms.split_terms(section, {}) == {"CTCLoss": section}
        assert loss_terms.split_terms({"name": "DBLoss", "alpha": 5}, {}) == {"DBLoss": {"name": "DBLoss", "alpha": 5}}

    def test_the_section_is_not_changed(self):
        before = {**UDML}
        loss_terms.split_terms(UDML, {"ctc": 1})
        assert before == UDML


NAMES = ("ctc", "feature", "mutual", "center")


@pytest.fixture
def measure_pulls(wheel):
    """The script's own function: how the terms of a config's loss pull at its small, random networks."""
    import gradient_shares as script

    from ppocrv2_ext.commands.prepare import prepare_config

    def run(name, data, *overrides):
        settings = [f"Train.dataset.data_dir={data}", f"Train.dataset.label_file_list=[{data / 'train.txt'}]"]
        config = prepare_config(name, [*settings, "Global.use_gpu=false", *overrides], None)[1]
        return script.measure_pulls(config, batches=1, warm_up=2, seed=1)

    return run


def test_every_term_of_a_pair_with_centers_pulls_at_both_recognizers(measure_pulls, samples):
    small = [
        f"Architecture.Models.{name}.{key}"
        for name in ("Student", "Teacher")
        for key in ("pretrained=", "Backbone.scale=0.25")
    ]
    shape = "Train.dataset.transforms.RecResizeImg.image_shape=[3,32,64]"
    dictionary = "Global.character_dict_path=ppocr/utils/en_dict.txt"
    pulls, warm_up = measure_pulls(
        "rec/ch_PP-OCRv2_rec_udml_center_finetune",
        samples / "icdar2015_words",
        *small,
        shape,
        dictionary,
        "Train.loader.batch_size_per_card=3",
    )
    assert warm_up == 2
    assert list(pulls) == ["ctc", "feature", "mutual", "center"]
    for term, pull in pulls.items():
        assert pull.value > 0, term
        assert list(pull.squares) == ["Student", "Teacher"]
        assert all(sum(squares) > 0 for squares in pull.squares.values()), term


def test_every_term_of_collaborative_learning_pulls_at_both_students_and_not_at_the_teacher(measure_pulls, samples):
    untrained = [f"Architecture.Models.{name}.pretrained=" for name in ("Student", "Student2", "Teacher")]
    size = "Train.dataset.transforms.RandomTextWindow.size=[96,96]"
    pulls, warm_up = measure_pulls(
        "det/ch_PP-OCRv2_det_cml_finetune",
        samples / "icdar2015_scenes",
        *untrained,
        size,
        "Train.loader.batch_size_per_card=2",
    )
    assert warm_up == 0
    assert list(pulls) == ["gt", "mutual", "distill"]
    for term, pull in pulls.items():
        assert list(pull.squares) == ["Student", "Student2"]
        assert all(sum(squares) > 0 for squares in pull.squares.values()), term
