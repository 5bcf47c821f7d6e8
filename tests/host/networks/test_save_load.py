"""What may be loaded into a network that PaddleOCR has built."""

import contextlib
import pickle

import numpy as np
import paddle
import pytest
from paddle import nn

from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host.networks import save_load
from ppocrv2_ext.plugins.restored_norm import restore_norm


def build():
    return nn.Sequential(("backbone", nn.Sequential(nn.Conv2D(3, 4, 3))))


def test_a_checkpoint_with_restored_batch_norm_does_not_go_on_without(tmp_path):
    """All tensors of the network are there, and without the others it would read nothing."""
    trained = build()
    restore_norm(trained, ["backbone"], (3, 12, 16))
    paddle.save(trained.state_dict(), str(tmp_path / "latest.pdparams"))
    load = save_load.check_load(lambda config, model, optimizer=None: {})
    config = {"Global": {"checkpoints": str(tmp_path / "latest")}, "Architecture": {}}
    with pytest.raises(
        UserError, match=r"latest\.pdparams has BatchNorm that this one lacks; set `Architecture.restore_norm: true`"
    ):
        load(config, build())


class Recognizer(nn.Layer):
    """A backbone, and a head with one class for each of its biases."""

    def __init__(self, classes=4):
        super().__init__()
        self.backbone = nn.Linear(2, 3)
        self.head = nn.Linear(3, classes)


def load_checkpoint(load_model, folder, characters, network, optimizer=None, **settings):
    """Let a recognizer with a dictionary of its own load ``latest`` of ``folder``."""
    (folder / "now.txt").write_text("".join(f"{character}\n" for character in characters), encoding="utf-8")
    keys = {"checkpoints": str(folder / "latest"), "character_dict_path": str(folder / "now.txt"), **settings}
    config = {"Global": keys, "Architecture": {"model_type": "rec", "algorithm": "CRNN"}}
    return load_model(config, network, optimizer)


@pytest.fixture
def trained(tmp_path):
    """The biases of the classes of a checkpoint, which was trained with the dictionary a, b, c."""
    network = Recognizer()
    paddle.save(network.state_dict(), str(tmp_path / "latest.pdparams"))
    with (tmp_path / "latest.states").open("wb") as file:
        pickle.dump({"best_model_dict": {"acc": 0.5}, "epoch": 3}, file, protocol=2)
    (tmp_path / "latest.dict.txt").write_text("a\nb\nc\n", encoding="utf-8")
    return network.head.bias.numpy()


@pytest.fixture
def load_model(wheel):
    from ppocr.utils.save_load import load_model

    return load_model


@pytest.mark.parametrize("characters", ["cab", "ca", "cabx"])
def test_an_evaluation_of_a_checkpoint_gives_each_class_the_row_of_its_character(
    characters, trained, load_model, tmp_path
):
    network = Recognizer(classes=1 + len(characters))
    best = load_checkpoint(load_model, tmp_path, characters, network)
    shared = [row for row, character in enumerate(characters, 1) if character in "abc"]
    expected = [trained[1 + "abc".index(characters[row - 1])] for row in shared]
    np.testing.assert_array_equal(network.head.bias.numpy()[shared], expected)
    assert best == {"acc": 0.5, "is_float16": False}


def test_with_the_same_characters_nothing_moves_whatever_their_file_is_called(trained, load_model, tmp_path):
    network = Recognizer()
    load_checkpoint(load_model, tmp_path, "abc", network)
    np.testing.assert_array_equal(network.head.bias.numpy(), trained)


def test_a_space_in_the_dictionary_is_the_space_of_the_switch(trained, load_model, tmp_path):
    (tmp_path / "latest.dict.txt").write_text("a\nb\n \n", encoding="utf-8")
    network = Recognizer()
    optimizer = paddle.optimizer.SGD(parameters=network.parameters())
    load_checkpoint(load_model, tmp_path, "ab", network, optimizer, use_space_char=True)
    np.testing.assert_array_equal(network.head.bias.numpy(), trained)


@pytest.mark.parametrize(("characters", "space"), [("cab", False), ("ab", True), ("abcd", False), ("abc", True)])
def test_a_training_does_not_go_on_with_other_classes(characters, space, trained, load_model, tmp_path):
    network = Recognizer(classes=1 + len(characters) + space)
    before = network.head.bias.numpy()
    optimizer = paddle.optimizer.SGD(parameters=network.parameters())
    with pytest.raises(UserError) as refusal:
        load_checkpoint(load_model, tmp_path, characters, network, optimizer, use_space_char=space)
    parts = [f"{tmp_path / 'latest.pdparams'} was trained with the dictionary {tmp_path / 'latest.dict.txt'} (without"]
    parts += [f"the config names {tmp_path / 'now.txt'}", f"character_dict_path={tmp_path / 'latest.dict.txt'}"]
    parts += ["Global.use_space_char=false", f"-o Global.pretrained_model={tmp_path / 'latest'}"]
    assert [part for part in parts if part not in str(refusal.value)] == []
    np.testing.assert_array_equal(network.head.bias.numpy(), before)


def test_a_dictionary_that_an_old_config_names_and_that_does_not_fit_stops_no_training(trained, load_model, tmp_path):
    (tmp_path / "latest.dict.txt").rename(tmp_path / "other.txt")
    (tmp_path / "other.txt").write_text("a\n", encoding="utf-8")
    (tmp_path / "config.yml").write_text(f"Global: {{character_dict_path: {tmp_path / 'other.txt'}}}\n")
    network = Recognizer()
    optimizer = paddle.optimizer.SGD(parameters=network.parameters())
    load_checkpoint(load_model, tmp_path, "cab", network, optimizer)
    np.testing.assert_array_equal(network.head.bias.numpy(), trained)


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("key", ["checkpoints", "pretrained_model"])
@pytest.mark.parametrize(("name", "value"), [("weight", np.nan), ("centers", np.inf), ("_variance", -1.0)])
def test_weights_that_compute_no_numbers_are_refused(name, value, key, is_training, load_model, tmp_path):
    network = Recognizer()
    network.head.register_buffer("centers", paddle.zeros([4, 3]))
    network.norm = nn.BatchNorm1D(3)
    tensor = next(tensor for key, tensor in network.state_dict().items() if key.endswith(name))
    tensor.set_value(paddle.full_like(tensor, value))
    paddle.save(network.state_dict(), str(tmp_path / "latest.pdparams"))
    optimizer = paddle.optimizer.SGD(parameters=network.parameters()) if is_training else None
    settings = {"checkpoints": None, key: str(tmp_path / "latest")}
    with pytest.raises(UserError, match=rf"latest.pdparams: tensor '.*{name}' holds"):
        load_checkpoint(load_model, tmp_path, "abc", network, optimizer, **settings)


def test_moments_of_another_paddleocr_whose_parameters_have_other_names_are_refused(trained, tmp_path):
    network = Recognizer()
    optimizer = paddle.optimizer.Adam(parameters=network.parameters())
    network.head(network.backbone(paddle.ones([1, 2]))).sum().backward()
    optimizer.step()
    own = network.parameters()[0].name
    state = {name.replace(f"{own}_", "batch_norm_0.w_0_"): value for name, value in optimizer.state_dict().items()}
    file = tmp_path / "latest.pdopt"
    paddle.save(state, str(file))
    with pytest.raises(UserError, match="of another PaddleOCR: batch_norm_0.w_0_.*/latest[.]$"):
        save_load.require_optimizer_state(file, optimizer)


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_the_moments_of_parameters_in_groups_are_looked_at_as_others(value, trained, tmp_path):
    network = Recognizer()
    parameters = network.parameters()
    groups = [{"params": parameters[:1]}, {"params": parameters[1:], "learning_rate": 0.1}]
    optimizer = paddle.optimizer.Adam(parameters=groups)
    network.head(network.backbone(paddle.ones([1, 2]))).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    name = next(key for key in state if "moment1" in key)
    state[name] = paddle.full_like(state[name], value)
    file = tmp_path / "latest.pdopt"
    paddle.save(state, str(file))
    with pytest.raises(UserError, match=f"{name} holds NaN") if np.isnan(value) else contextlib.nullcontext():
        save_load.require_optimizer_state(file, optimizer)


@pytest.mark.parametrize(("value", "moment"), [(np.nan, "moment1"), (np.nan, "moment2"), (np.inf, "moment2")])
def test_a_moment_of_nan_is_refused_and_an_infinite_mean_of_squares_is_not(value, moment, trained, tmp_path):
    network = Recognizer()
    optimizer = paddle.optimizer.Adam(parameters=network.parameters())
    network.head(network.backbone(paddle.ones([1, 2]))).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    name = next(key for key in state if moment in key)
    state[name] = paddle.full_like(state[name], value)
    file = tmp_path / "latest.pdopt"
    paddle.save(state, str(file))
    if np.isinf(value):
        save_load.require_optimizer_state(file, optimizer)
        return
    with pytest.raises(UserError, match=rf"latest.pdopt is not what .*{name} holds NaN"):
        save_load.require_optimizer_state(file, optimizer)
