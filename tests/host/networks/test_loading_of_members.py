"""Networks of one model that start from files of their own, trained with another character dictionary."""

import subprocess
import sys

import numpy as np
import paddle
import pytest

from ppocrv2_ext.config.networks import with_settings_of_loading
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.host import build_network

MEMBERS = ("Student", "Teacher")


def narrow(**options):
    """The section of a narrow recognizer. A new one each time, since PaddleOCR takes it apart."""
    return {
        "model_type": "rec",
        "algorithm": "CRNN",
        "Transform": None,
        "Backbone": {"name": "LCNet", "scale": 0.25},
        "Neck": {"name": "SequenceEncoder", "encoder_type": "rnn", "hidden_size": 4},
        "Head": {"name": "CTCHead", "mid_channels": 4, "out_channels": 5},
        **options,
    }


def write_trained(folder, characters):
    """Write a recognizer with classes for blank, the characters and the space. Returns the bias of each class."""
    biases = {character: 1.0 + row for row, character in enumerate(["blank", *characters, " "])}
    network = build_network(narrow())
    network.head.fc2.bias.set_value(paddle.to_tensor(list(biases.values())))
    paddle.save(network.state_dict(), str(folder / "best.pdparams"))
    write_dictionary(folder / "best.dict.txt", characters)
    return biases


def write_dictionary(path, characters):
    path.write_text("".join(f"{character}\n" for character in characters), encoding="utf-8")
    return str(path)


def build_pair(folder, characters, name="CollaborativeModel"):
    """A model of two networks that start from the written file, for another dictionary."""
    settings = {"character_dict_path": write_dictionary(folder / "new.txt", characters), "use_space_char": True}
    models = {member: narrow(pretrained=str(folder / "best")) for member in MEMBERS}
    architecture = {"name": name, "model_type": "rec", "algorithm": "Distillation", "Models": models}
    config = with_settings_of_loading({"Global": settings, "Architecture": architecture})
    return build_network(config["Architecture"])


def require_rows_of_their_characters(folder, name="CollaborativeModel"):
    paddle.seed(1)
    biases = write_trained(folder, "abc")
    model = build_pair(folder, "cab", name)
    expected = [biases[character] for character in read_dictionary(folder / "new.txt", space=True)]
    for member in MEMBERS:
        np.testing.assert_array_equal(getattr(model, member).head.fc2.bias.numpy(), expected)


def test_each_class_keeps_the_row_of_its_character(wheel, tmp_path):
    require_rows_of_their_characters(tmp_path)


def test_a_single_network_that_is_built_later_moves_no_rows(wheel, tmp_path):
    from ppocr.utils.save_load import load_pretrained_params

    biases = write_trained(tmp_path, "abc")
    build_pair(tmp_path, "cab")
    alone = build_network(narrow())
    load_pretrained_params(alone, str(tmp_path / "best"))
    assert alone.head.fc2.bias.tolist() == list(biases.values())


ON_A_CLONE = """
import sys, pathlib
from ppocrv2_ext.host import connect
connect(sys.argv[1])
from test_loading_of_members import require_rows_of_their_characters
require_rows_of_their_characters(pathlib.Path(sys.argv[2]), "DistillationModel")
"""


@pytest.mark.checkout
def test_the_rows_move_for_paddleocrs_distillation_model_too(checkout, tmp_path, request):
    command = [sys.executable, "-c", ON_A_CLONE, str(checkout), str(tmp_path)]
    paths = f"{request.path.parent}:{request.config.rootpath}"
    done = subprocess.run(command, env={"PYTHONPATH": paths, "PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def load_whole_model(folder, are_equal, is_training):
    """The weights of two networks after a file of both is loaded into a model whose Teacher has ``perturbation``."""
    from ppocr.utils.save_load import load_model

    models = {"Student": narrow(), "Teacher": narrow(perturbation=0.02)}
    architecture = {"name": "CollaborativeModel", "model_type": "rec", "algorithm": "Distillation", "Models": models}
    paddle.seed(1)
    model = build_network(architecture)
    if are_equal:
        model.Teacher.set_state_dict(model.Student.state_dict())
    paddle.save(model.state_dict(), str(folder / "pair.pdparams"))
    weights = [getattr(model, name).backbone.block_list[12]._pointwise_conv._conv.weight for name in MEMBERS]
    before = [weight.numpy() for weight in weights]
    optimizer = paddle.optimizer.SGD(parameters=model.parameters()) if is_training else None
    load_model({"Global": {"pretrained_model": str(folder / "pair")}, "Architecture": architecture}, model, optimizer)
    return before, [weight.numpy() for weight in weights]


def test_equal_networks_of_a_whole_model_get_their_noise_when_a_training_has_loaded_them(wheel, tmp_path):
    (student, before), (student_after, after) = load_whole_model(tmp_path, are_equal=True, is_training=True)
    np.testing.assert_array_equal(student, student_after)
    assert (after - before).std() == pytest.approx(0.02 * before.std(), rel=0.05)


@pytest.mark.parametrize(("are_equal", "is_training"), [(False, True), (True, False)])
def test_different_networks_and_an_evaluation_get_none(wheel, tmp_path, are_equal, is_training):
    before, after = load_whole_model(tmp_path, are_equal, is_training)
    np.testing.assert_array_equal(before, after)
