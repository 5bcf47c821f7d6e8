"""Optimizers and learning rates of the completed wheel."""

import math

import numpy as np
import paddle
import pytest
from stand_in_host import EPOCHS, STEPS, builder, schedule_measures

from ppocrv2_ext.errors import UserError

pytest_plugins = ["stand_in_host"]
pytestmark = pytest.mark.usefixtures("completed")
LR = {"learning_rate": 0.1}


def build(config, model=None):
    return builder("optimizer")({"name": "Momentum", "momentum": 0.0, "lr": LR, **config}, EPOCHS, STEPS, model)


def layer():
    model = paddle.nn.Linear(2, 2, bias_attr=False)
    model.weight.set_value(np.array([[1.0, -2.0], [3.0, -4.0]], dtype="float32"))
    return model


def one_step(config, gradient):
    """The weights after one step along a constant gradient."""
    model = layer()
    optimizer, _ = build(config, model)
    (model.weight * paddle.to_tensor(gradient, dtype="float32")).sum().backward()
    optimizer.step()
    return model.weight.numpy()


def test_two_values_and_a_float_for_a_constant_rate():
    optimizer, rate = build({}, layer())
    assert isinstance(optimizer, paddle.optimizer.Momentum)
    assert rate == 0.1


def test_text_that_is_a_number_is_a_rate():
    assert build({"lr": {"learning_rate": "1e-3"}}, layer())[1] == 0.001  # YAML 1.1 reads 1e-3 as text


def test_cosine_in_closed_form():
    rates = schedule_measures("cosine")["rates"]
    steps = np.arange(EPOCHS * STEPS)
    np.testing.assert_allclose(rates, 0.0005 * (1 + np.cos(math.pi * steps / len(steps))), rtol=1e-9)


def test_linear_in_closed_form():
    rates = schedule_measures("linear")["rates"]
    progress = np.arange(EPOCHS * STEPS) / (EPOCHS * STEPS)
    np.testing.assert_allclose(rates, 0.001 + 0.009 * (1 - progress) ** 2, rtol=1e-9)


def test_piecewise_changes_at_its_epochs():
    assert schedule_measures("piecewise")["rates"].tolist() == [0.1] * 5 + [0.01] * 5 + [0.001] * 5


def test_warm_up_rises_from_zero_and_delays_the_decay():
    rates = schedule_measures("linear_warm")["rates"]
    progress = np.arange(EPOCHS * STEPS - STEPS) / (EPOCHS * STEPS)
    np.testing.assert_allclose(rates[:STEPS], 0.01 * np.arange(STEPS) / STEPS, atol=1e-12)
    np.testing.assert_allclose(rates[STEPS:], 0.01 * (1 - progress), rtol=1e-9)


def test_l2_adds_the_weights_to_the_gradient():
    stepped = one_step({"regularizer": {"name": "L2", "factor": 0.5}}, np.ones([2, 2]))
    np.testing.assert_allclose(stepped, [[1 - 0.15, -2 - 0.0], [3 - 0.25, -4 + 0.1]], rtol=1e-6)


def test_l1_adds_the_signs_to_the_gradient():
    stepped = one_step({"regularizer": {"name": "L1Decay", "factor": 0.5}}, np.ones([2, 2]))
    np.testing.assert_allclose(stepped, [[1 - 0.15, -2 - 0.05], [3 - 0.15, -4 - 0.05]], rtol=1e-6)


def test_weight_decay_is_another_name_for_l2():
    l2 = one_step({"regularizer": {"name": "L2Decay", "factor": 0.5}}, np.ones([2, 2]))
    np.testing.assert_array_equal(l2, one_step({"weight_decay": 0.5}, np.ones([2, 2])))


@pytest.mark.parametrize("clip", ["clip_norm", "clip_norm_global"])
def test_clipping_limits_the_length_of_the_gradient(clip):
    stepped = one_step({clip: 1.0}, [[3.0, 0.0], [0.0, 4.0]])
    np.testing.assert_allclose(stepped, [[1 - 0.06, -2], [3, -4 - 0.08]], rtol=1e-6)


def test_frozen_parameters_are_left_out():
    model = paddle.nn.Linear(2, 2)
    model.bias.trainable = False
    optimizer, _ = build({}, model)
    assert [p.name for p in optimizer._parameter_list] == [model.weight.name]


def test_adamw_decays_by_a_hundredth_and_spares_what_it_is_told():
    model = paddle.nn.LayerDict({"a": layer(), "b": layer(), "c": paddle.nn.Linear(2, 2)})
    model["c"].bias.set_value(np.ones(2, dtype="float32"))
    config = {"name": "AdamW", "lr": LR, "no_weight_decay_name": "b", "one_dim_param_no_weight_decay": True}
    optimizer, _ = builder("optimizer")(config, EPOCHS, STEPS, model)
    sum((p * 0).sum() for p in model.parameters()).backward()
    before = layer().weight.numpy()
    optimizer.step()
    np.testing.assert_allclose(model["a"].weight.numpy(), before * (1 - 0.1 * 0.01), rtol=1e-6)
    np.testing.assert_array_equal(model["b"].weight.numpy(), before)
    np.testing.assert_array_equal(model["c"].bias.numpy(), 1)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"name": "Adamm", "lr": LR}, "did you mean 'Adam'"),
        ({"name": "Adam", "lr": LR, "beta3": 0.9}, "takes no `beta3`; did you mean 'beta1'|'beta2'"),
        ({"name": "Adam"}, "`Optimizer.lr` must be a mapping"),
        ({"name": "Adam", "lr": {"name": "Cosin", "learning_rate": 0.1}}, "did you mean 'Cosine'"),
        ({"name": "Adam", "lr": {"name": "Cosine"}}, "needs `learning_rate`"),
        ({"name": "Adam", "lr": {"name": "Cosine", "learning_rate": "fast"}}, "must be a number, got 'fast'"),
        ({"name": "Adam", "lr": {"name": "Piecewise", "decay_epochs": [1], "values": [0.1]}}, "one entry more"),
        ({"name": "Adam", "lr": LR, "regularizer": {"name": "L3"}}, "no regularizer is called 'L3'"),
        ({"name": "Adam", "lr": LR, "regularizer": {"name": "L2"}, "weight_decay": 0.1}, "not both"),
        ({"name": "Adam", "lr": LR, "clip_norm": 1.0, "clip_norm_global": 1.0}, "not both"),
        ({"name": "AdamW", "lr": LR, "regularizer": {"name": "L1", "factor": 0.1}}, "L1 works with 'Adam'"),
        ({"name": "Momentum", "lr": LR}, "needs `momentum`"),
    ],
)
def test_a_config_mistake_is_a_sentence(config, sentence):
    with pytest.raises(UserError, match=sentence):
        builder("optimizer")(config, EPOCHS, STEPS, layer())


def test_a_frozen_model_is_refused():
    model = layer()
    model.weight.trainable = False
    with pytest.raises(UserError, match="nothing to train"):
        build({}, model)


def test_the_config_is_not_modified():
    config = {"name": "Adam", "lr": dict(LR), "regularizer": {"name": "L2", "factor": 0.1}, "clip_norm": 1.0}
    before = {**config, "lr": dict(config["lr"]), "regularizer": dict(config["regularizer"])}
    builder("optimizer")(config, EPOCHS, STEPS, layer())
    assert config == before
