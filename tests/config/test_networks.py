"""What a config says about its networks."""

import pytest

from ppocrv2_ext import config
from ppocrv2_ext.config import networks
from ppocrv2_ext.errors import UserError

PAIR = "rec/ch_PP-OCRv2_rec_udml_center"


def test_which_network_of_a_pair():
    pair = config.read(config.locate(PAIR))["Architecture"]
    assert networks.select_network(pair) == "Student"
    assert networks.select_network(pair, "Teacher") == "Teacher"
    models = {"T": {"freeze_params": True}, "A": {}, "B": {}}
    assert networks.select_network({"Models": models}) == "A"
    with pytest.raises(UserError, match="--network Studnt: .*did you mean 'Student'"):
        networks.select_network(pair, "Studnt")


def test_the_file_is_needed_by_training_alone():
    pair = config.override(config.read(config.locate(PAIR)), ["Architecture.Models.Student.Head.centers=gone.npz"])
    members = networks.without_centers(pair)["Architecture"]["Models"]
    assert all("centers" not in member["Head"] for member in members.values())
    assert pair["Architecture"]["Models"]["Student"]["Head"]["centers"] == "gone.npz"
