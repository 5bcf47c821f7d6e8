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
