"""DistillationNetworks: PaddleOCR's contract, and a frozen network that stays as it is."""

import copy

import numpy as np
import paddle
import pytest
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.plugins.cml.loss import CMLLoss
from ppocrv2_ext.plugins.distillation import DistillationNetworks, perturb

NAMES = ["Teacher", "Student", "Student2"]


class Detector(nn.Layer):
    """Convolution, BatchNorm, dropout; three maps in training and one in evaluation, as DBHead has them."""

    def __init__(self, width):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2D(3, width, 3, padding=1), nn.BatchNorm2D(width), nn.ReLU(), nn.Dropout(0.5)
        )
        self.head = nn.Conv2D(width, 3, 1)

    def forward(self, x, data=None):
        out = nn.functional.sigmoid(self.head(self.backbone(x)))
        return {"maps": out if self.training else out[:, :1], "data": data}


def model(frozen=("Teacher",)):
    paddle.seed(3)
    return DistillationNetworks({name: Detector(4 + i) for i, name in enumerate(NAMES)}, frozen)


@pytest.fixture
def images():
    paddle.seed(5)
    return paddle.randn([2, 3, 8, 8])


def labels():
    text = np.zeros((2, 8, 8), "float32")
    text[:, 2:5, 1:7] = 1
    ones = np.ones_like(text)
    return [None, *map(paddle.to_tensor, (0.5 * ones, ones, text, ones))]


def state(networks, name):
    return {key: value.numpy() for key, value in networks.state_dict().items() if key.startswith(name + ".")}


def step(networks, images, optimizer):
    loss = CMLLoss()(networks(images), labels())["loss"]
    loss.backward()
    optimizer.step()
    optimizer.clear_grad()
    return float(loss)


def adam(networks):
    return paddle.optimizer.Adam(0.01, parameters=networks.parameters(), weight_decay=0.1)


# ---- PaddleOCR's contract


def test_outputs_lists_and_state_keys_use_the_names_of_the_networks(images):
    networks = model()
    assert list(networks(images)) == networks.model_name_list == NAMES
    assert all(found is getattr(networks, name) for found, name in zip(networks.model_list, NAMES))
    keys = {f"{name}.{key}" for name in NAMES for key in Detector(1).state_dict()}
    assert set(networks.state_dict()) == keys
    assert "Student.backbone.0.weight" in keys


def test_labels_are_passed_to_the_networks_only_if_there_are_any(images):
    assert model()(images, data="labels")["Student"]["data"] == "labels"
    assert DistillationNetworks({"Student": nn.Conv2D(3, 1, 1)})(images)["Student"].shape == [2, 1, 8, 8]


def test_a_state_dict_restores_every_network_even_the_frozen_one(images):
    one, other = model(), model()
    for parameter in one.parameters():
        parameter.set_value(paddle.rand(parameter.shape))
    other.set_state_dict(one.state_dict())
    one.eval(), other.eval()
    for name in NAMES:
        np.testing.assert_array_equal(one(images)[name]["maps"].numpy(), other(images)[name]["maps"].numpy())


def test_a_network_copied_out_of_the_model_computes_the_same(images):
    networks = model()
    networks.eval()
    alone = copy.deepcopy(networks.model_list[1])
    np.testing.assert_array_equal(alone(images)["maps"].numpy(), networks(images)["Student"]["maps"].numpy())


def test_model_list_holds_the_converted_networks_after_conversion_to_sync_batch_norm():
    networks = DistillationNetworks({"Teacher": nn.BatchNorm2D(3), "Student": nn.BatchNorm2D(3)}, ["Teacher"])
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(networks)
    assert [type(network) for network in converted.model_list] == [nn.SyncBatchNorm] * 2
    converted.train()
    assert not converted.Teacher.training
    assert converted.Student.training


# ---- frozen means frozen


def test_weights_and_statistics_of_the_frozen_network_are_bit_equal_after_training(images):
    networks = model()
    before = {name: state(networks, name) for name in NAMES}
    optimizer = adam(networks)
    for _ in range(3):
        networks.train()
        step(networks, images, optimizer)
    for key, value in state(networks, "Teacher").items():
        np.testing.assert_array_equal(value, before["Teacher"][key])
    for name in ("Student", "Student2"):
        assert [key for key, value in state(networks, name).items() if np.array_equal(value, before[name][key])] == []


def test_one_step_gives_a_gradient_to_every_parameter_of_the_students_and_to_none_of_the_teacher(images):
    networks = model()
    networks.train()
    CMLLoss()(networks(images), labels())["loss"].backward()
    for name, parameter in networks.named_parameters():
        if name.startswith("Teacher."):
            assert parameter.grad is None, name
            assert not parameter.trainable, name
        elif not name.endswith(("_mean", "_variance")):  # Paddle lists statistics as parameters too
            assert (parameter.grad.numpy() != 0).any(), name


def test_the_loss_falls_over_30_steps_on_one_batch(images):
    networks = model()
    optimizer = adam(networks)
    losses = [step(networks, images, optimizer) for _ in range(30)]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_only_the_output_of_the_frozen_network_carries_no_gradient(images):
    outputs = model()(images)
    assert outputs["Teacher"]["maps"].stop_gradient
    assert not outputs["Student"]["maps"].stop_gradient
    with paddle.no_grad():
        assert model()(images)["Student"]["maps"].stop_gradient


def test_in_training_the_frozen_network_computes_what_it_computes_in_evaluation(images):
    networks = model()
    networks.train()
    found = networks(images)["Teacher"]["maps"].numpy()
    networks.eval()
    np.testing.assert_array_equal(found, networks(images)["Teacher"]["maps"].numpy())
    np.testing.assert_allclose(found[:1], networks(images[:1])["Teacher"]["maps"].numpy(), rtol=1e-5)  # no batch-mates


def modes(networks, name):
    return {layer.training for layer in getattr(networks, name).sublayers(include_self=True)}


def test_the_frozen_network_stays_in_evaluation_mode_whatever_mode_is_set():
    networks = model()
    assert modes(networks, "Teacher") == {False}  # as soon as it is built
    for mode in ("train", "eval", "train", "train"):
        getattr(networks, mode)()
        assert modes(networks, "Teacher") == {False}
        assert modes(networks, "Student") == {networks.training} == {mode == "train"}
    assert networks.train(False).training is False


@pytest.mark.parametrize(
    "set_training", [lambda net: paddle.DataParallel(net).train(), lambda net: net.Teacher.train()]
)
def test_the_next_forward_freezes_again_what_was_put_into_training_mode_from_outside(images, set_training):
    networks = model()
    before = state(networks, "Teacher")
    set_training(networks)
    assert modes(networks, "Teacher") == {True}  # DataParallel marks what is inside without asking it
    assert networks(images)["Teacher"]["maps"].shape == [2, 1, 8, 8]
    for key, value in state(networks, "Teacher").items():
        np.testing.assert_array_equal(value, before[key])


def test_a_deep_copy_keeps_its_teacher_frozen(images):
    networks = copy.deepcopy(model())
    networks.train()
    before = state(networks, "Teacher")
    step(networks, images, adam(networks))
    for key, value in state(networks, "Teacher").items():
        np.testing.assert_array_equal(value, before[key])


def test_without_frozen_networks_all_learn(images):
    networks = model(frozen=())
    networks.train()
    assert all(not output["maps"].stop_gradient for output in networks(images).values())
    assert modes(networks, "Teacher") == {True}


# ---- errors


def test_freezing_an_unknown_network_suggests_a_known_name():
    with pytest.raises(UserError, match="no network 'Techer' to freeze; did you mean 'Teacher'"):
        model(frozen=["Techer"])


def test_a_model_in_which_no_network_learns_is_refused():
    with pytest.raises(UserError, match="at least one network must learn"):
        model(frozen=NAMES)
    with pytest.raises(UserError, match="at least one network must learn"):
        DistillationNetworks({})


@pytest.mark.parametrize("name", ["forward", "training", "model_list", "frozen", "Student.2", "", 7])
def test_a_name_that_a_layer_uses_is_refused(name):
    with pytest.raises(UserError, match="must have a name such as Student"):
        DistillationNetworks({name: nn.Linear(1, 1)})


# ---- two networks from one file


def test_perturbation_has_the_requested_size_and_leaves_biases_and_statistics_alone():
    layer = nn.Sequential(nn.Conv2D(8, 64, 3), nn.BatchNorm2D(64))
    before = {name: value.numpy().copy() for name, value in layer.state_dict().items()}
    paddle.seed(0)
    perturb(layer, 0.1)
    moved = {name: value.numpy() - before[name] for name, value in layer.state_dict().items()}
    assert moved["0.weight"].std() == pytest.approx(0.1 * before["0.weight"].std(), rel=0.05)
    assert [name for name, difference in moved.items() if difference.any()] == ["0.weight"]


def test_the_same_seed_adds_the_same_noise():
    identical = [nn.Linear(4, 4) for _ in range(2)]
    identical[1].set_state_dict(identical[0].state_dict())
    for layer in identical:
        paddle.seed(3)
        perturb(layer, 0.02)
    np.testing.assert_array_equal(identical[0].weight.numpy(), identical[1].weight.numpy())


@pytest.mark.parametrize("amount", [0, -1, float("inf"), True, "much"])
def test_a_perturbation_that_is_no_positive_number_is_refused(amount):
    with pytest.raises(ValueError, match=r"`perturbation` must be a number > 0"):
        perturb(nn.Linear(2, 2), amount)


def _small_network(dropout=0.0):
    return nn.Sequential(nn.Linear(2, 2), nn.Dropout(dropout))


@pytest.mark.parametrize(
    ("parts", "frozen", "identical"),
    [
        ((_small_network(), _small_network()), (), ("a", "b")),
        ((_small_network(0.1), _small_network()), (), None),  # dropout in either makes them differ
        ((_small_network(), _small_network(0.1)), (), None),
        ((_small_network(), _small_network()), ("b",), None),  # the second is frozen
    ],
)
def test_identical_networks_are_two_learning_ones_with_equal_weights_and_no_dropout(parts, frozen, identical):
    networks = DistillationNetworks(dict(zip("ab", parts)), frozen=frozen)
    assert networks.identical_networks() is None  # random weights
    networks.b.set_state_dict(networks.a.state_dict())
    assert networks.identical_networks() == identical
