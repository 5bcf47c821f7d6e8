"""What a config says about its networks."""

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.config import networks
from ppocrv2_ext.errors import UserError

PAIR = "rec/ch_PP-OCRv2_rec_udml_center"


def test_the_default_network_is_the_first_student_or_else_the_first_that_is_not_frozen():
    pair = config.read(config.locate(PAIR))["Architecture"]
    assert networks.select_network(pair) == "Student"
    assert networks.select_network(pair, "Teacher") == "Teacher"
    models = {"T": {"freeze_params": True}, "A": {}, "B": {}}
    assert networks.select_network({"Models": models}) == "A"
    with pytest.raises(UserError, match="--network Studnt: .*did you mean 'Student'"):
        networks.select_network(pair, "Studnt")


def test_without_centers_no_network_names_a_file_and_the_input_is_left_alone():
    pair = config.override(config.read(config.locate(PAIR)), ["Architecture.Models.Student.Head.centers=gone.npz"])
    members = networks.without_centers(pair)["Architecture"]["Models"]
    assert all("centers" not in member["Head"] for member in members.values())
    assert pair["Architecture"]["Models"]["Student"]["Head"]["centers"] == "gone.npz"


def test_without_start_no_network_names_a_file_that_it_starts_from():
    changes = ["Architecture.Models.Student.Head.centers=gone.npz", "Architecture.Models.Teacher.pretrained=gone"]
    pair = config.read(config.locate(PAIR))
    assert networks.without_start(config.override(pair, changes)) == networks.without_start(pair)
    assert all("pretrained" not in each for each in networks.without_start(pair)["Architecture"]["Models"].values())


def test_networks_with_a_file_get_the_dictionary_of_global_in_place_of_an_earlier_one():
    members = {"A": {"pretrained": "best", "character_dict_path": "old.txt"}, "B": {"character_dict_path": "old.txt"}}
    recipe = {
        "Global": {"character_dict_path": "new.txt", "use_space_char": True, "pretrained_min_matched": 0.5},
        "Architecture": {"model_type": "rec", "Models": members},
    }
    assert networks.with_settings_of_loading(recipe)["Architecture"]["Models"] == {
        "A": {"pretrained": "best", **recipe["Global"]},
        "B": {},
    }


def test_a_networks_own_least_share_of_matched_tensors_wins_and_a_detector_gets_no_dictionary():
    recipe = {
        "Global": {"character_dict_path": "left.txt", "pretrained_min_matched": 0.5},
        "Architecture": {
            "model_type": "det",
            "Models": {"A": {"pretrained": "best", "pretrained_min_matched": 0.7}, "B": {}},
        },
    }
    assert networks.with_settings_of_loading(recipe) == recipe
