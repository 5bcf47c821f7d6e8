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
    return builder("optimizer")({"name": "Adam", "lr": LR, **config}, EPOCHS, STEPS, model)


def layer():
    model = paddle.nn.Linear(2, 2, bias_attr=False)
    model.weight.set_value(np.array([[1.0, -2.0], [3.0, -4.0]], dtype="float32"))
    return model


def one_step(config):
    """The weights of :func:`layer` after one step with a gradient of 1 for each."""
    model = layer()
    # With beta1 = beta2 = 0 and such an epsilon, Adam moves by learning rate / epsilon * gradient.
    optimizer, _ = build({"beta1": 0.0, "beta2": 0.0, "epsilon": 1e4, **config}, model)
    model.weight.sum().backward()
    optimizer.step()
    return model.weight.numpy()


def test_a_constant_learning_rate_is_a_float():
    optimizer, rate = build({}, layer())
    assert isinstance(optimizer, paddle.optimizer.Adam)
    assert rate == 0.1


def test_a_number_that_yaml_reads_as_text_is_a_learning_rate():
    assert build({"lr": {"learning_rate": "1e-3"}}, layer())[1] == 0.001  # YAML 1.1 reads 1e-3 as text


def test_cosine_in_closed_form():
    rates = schedule_measures("cosine")["rates"]
    steps = np.arange(EPOCHS * STEPS)
    np.testing.assert_allclose(rates, 0.0005 * (1 + np.cos(math.pi * steps / len(steps))), rtol=1e-9)


def test_piecewise_changes_at_its_epochs():
    assert schedule_measures("piecewise")["rates"].tolist() == [0.1] * 5 + [0.01] * 5 + [0.001] * 5


def test_warm_up_rises_from_zero_and_delays_the_decay():
    rates = schedule_measures("cosine_warm")["rates"]
    warmup_steps = 2  # half an epoch of five steps, rounded
    progress = np.arange(EPOCHS * STEPS - warmup_steps) / (EPOCHS * STEPS)
    np.testing.assert_allclose(rates[:warmup_steps], 0.001 * np.arange(warmup_steps) / warmup_steps, atol=1e-12)
    np.testing.assert_allclose(rates[warmup_steps:], 0.0005 * (1 + np.cos(math.pi * progress)), rtol=1e-9)


def test_l2_adds_the_weights_to_the_gradient():
    weights = one_step({"lr": {"learning_rate": 1e3}, "regularizer": {"name": "L2", "factor": 0.5}})
    np.testing.assert_allclose(weights, [[1 - 0.15, -2 - 0.0], [3 - 0.25, -4 + 0.1]], rtol=1e-3)


def test_weight_decay_is_another_name_for_l2():
    l2 = one_step({"regularizer": {"name": "L2Decay", "factor": 0.5}})
    np.testing.assert_array_equal(l2, one_step({"weight_decay": 0.5}))


def clipped_step(**clipping):
    """How far a matrix of 2 x 2 and a vector of 2 move by one step of 0.1 with a gradient of 1 for each number."""
    model = paddle.nn.Linear(2, 2)
    before = [p.numpy() for p in model.parameters()]
    plain = {"beta1": 0.0, "beta2": 0.0, "epsilon": 1e4, "lr": {"learning_rate": 1e3}}
    optimizer, _ = build({**plain, **clipping}, model)
    sum(p.sum() for p in model.parameters()).backward()
    optimizer.step()
    return [(old - new.numpy()) / 0.1 for old, new in zip(before, model.parameters())]


@pytest.mark.parametrize(
    ("clipping", "matrix", "vector"),
    [
        ({"clip_norm": 1.0}, 1 / 2, 1 / math.sqrt(2)),  # the norms are 2 and the root of 2
        ({"clip_norm_global": 1.0}, 1 / math.sqrt(6), 1 / math.sqrt(6)),
        ({"clip_norm": 1.5}, 1.5 / 2, 1),
        ({"clip_norm_global": 9.0}, 1, 1),
        ({"clip_norm": None, "clip_norm_global": None}, 1, 1),
    ],
)
def test_gradients_are_taken_down_to_a_norm(clipping, matrix, vector):
    moved = clipped_step(**clipping)
    np.testing.assert_allclose(moved[0], np.full((2, 2), matrix), rtol=1e-3)
    np.testing.assert_allclose(moved[1], np.full(2, vector), rtol=1e-3)


def test_the_decay_is_not_clipped():
    # All gradient is clipped to 1e-6, and 0.5 * weight is left.
    weights = one_step({"lr": {"learning_rate": 1e3}, "weight_decay": 0.5, "clip_norm": 1e-6})
    np.testing.assert_allclose(weights, layer().weight.numpy() * 0.95, rtol=1e-3)


@pytest.mark.parametrize(
    ("key", "clip"), [("clip_norm", "ClipGradByNorm"), ("clip_norm_global", "ClipGradByGlobalNorm")]
)
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_a_clipped_step_is_that_of_paddle(name, key, clip):
    ours, theirs = layer(), layer()
    optimizer, _ = builder("optimizer")({"name": name, "lr": LR, key: 1e-6}, EPOCHS, STEPS, ours)
    decay = {"weight_decay": 0.01} if name == "AdamW" else {}
    reference = getattr(paddle.optimizer, name)(
        0.1, parameters=theirs.parameters(), grad_clip=getattr(paddle.nn, clip)(1e-6), **decay
    )
    for model, step in ((ours, optimizer), (theirs, reference)):
        (model.weight * paddle.to_tensor([[1.0, 0.0], [0.0, 3.0]])).sum().backward()
        step.step()
    np.testing.assert_array_equal(ours.weight.numpy(), theirs.weight.numpy())


def test_frozen_parameters_are_left_out():
    model = paddle.nn.Linear(2, 2)
    model.bias.trainable = False
    optimizer, _ = build({}, model)
    assert [p.name for p in optimizer._parameter_list] == [model.weight.name]


@pytest.mark.parametrize(("without_one_dim", "bias"), [(False, 1 - 0.1 * 0.01), (True, 1)])
def test_adamw_decays_by_a_hundredth_and_leaves_out_parameters_of_one_dimension_if_told(without_one_dim, bias):
    model = paddle.nn.Linear(2, 2)
    model.weight.set_value(layer().weight)
    model.bias.set_value(np.ones(2, dtype="float32"))
    config = {"name": "AdamW", "lr": LR, "one_dim_param_no_weight_decay": without_one_dim}
    optimizer, _ = builder("optimizer")(config, EPOCHS, STEPS, model)
    sum((p * 0).sum() for p in model.parameters()).backward()
    optimizer.step()
    np.testing.assert_allclose(model.weight.numpy(), layer().weight.numpy() * (1 - 0.1 * 0.01), rtol=1e-6)
    np.testing.assert_allclose(model.bias.numpy(), bias, rtol=1e-6)


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
        ({"name": "Adam", "lr": LR, "clip_value": 1.0}, "optimizer 'Adam' takes no `clip_value`"),
        ({"name": "Adam", "lr": LR, "clip_norm": 1.0, "clip_norm_global": 1.0}, "not both"),
    ],
)
def test_a_mistake_in_a_config_is_explained_in_a_sentence(config, sentence):
    with pytest.raises(UserError, match=sentence):
        builder("optimizer")(config, EPOCHS, STEPS, layer())


def test_a_model_without_trainable_parameters_is_refused():
    model = layer()
    model.weight.trainable = False
    with pytest.raises(UserError, match="nothing to train"):
        build({}, model)


def test_the_config_is_not_modified():
    config = {"name": "Adam", "lr": dict(LR), "regularizer": {"name": "L2", "factor": 0.1}}
    before = {**config, "lr": dict(config["lr"]), "regularizer": dict(config["regularizer"])}
    builder("optimizer")(config, EPOCHS, STEPS, layer())
    assert config == before
