"""What a command requires before it starts."""

import numpy as np
import pytest

from ppocrv2_ext.checkpoints import pdparams
from ppocrv2_ext.commands.requirements import (
    require_batches,
    require_centers,
    require_known_characters,
    require_weights,
)
from ppocrv2_ext.errors import UserError


@pytest.fixture
def export_with(tmp_path):
    """Ask for the export of a recognizer of a, b and c whose last layer has so many classes."""
    dictionary = tmp_path / "abc.txt"
    dictionary.write_text("a\nb\nc\n")

    def ask(classes, **settings):
        head = {"head.fc.weight": np.ones((8, classes), np.float32), "head.fc.bias": np.ones(classes, np.float32)}
        file = pdparams.write_checkpoint(head, tmp_path, "latest", dictionary)
        settings = {"pretrained_model": str(file), "character_dict_path": str(dictionary), **settings}
        require_known_characters({"Architecture": {"model_type": "rec"}, "Global": settings})

    return ask


def test_a_space_that_the_training_did_not_have_is_refused_as_any_other_character(export_with):
    with pytest.raises(UserError, match="lacks 1 of the characters in .*, such as ' '; export with"):
        export_with(4, use_space_char=True)


def test_a_space_that_the_training_had_may_stay_or_go(export_with):
    export_with(5, use_space_char=True)
    export_with(5, use_space_char=False)
    export_with(4, use_space_char=False)


def test_a_character_that_the_training_did_not_have_is_refused(export_with, tmp_path):
    (tmp_path / "more.txt").write_text("a\nb\nc\nd\n")
    with pytest.raises(UserError, match="lacks 1 of the characters in .*more.txt, such as 'd'"):
        export_with(4, character_dict_path=str(tmp_path / "more.txt"))


@pytest.fixture
def training():
    """The section of a training in batches of 8 lines."""
    dataset = {"name": "MultiScaleDataSet", "label_file_list": ["train.txt"]}
    return {"dataset": dataset, "loader": {"batch_size_per_card": 8, "drop_last": True}}


def test_a_set_that_does_not_fill_a_batch_is_refused(training):
    require_batches({"Train": training}, {"Train": [8]})
    with pytest.raises(UserError, match=r"train\.txt: 7 samples do not fill one batch of 8; lower"):
        require_batches({"Train": training}, {"Train": [7]})


def test_a_sampler_of_scales_fills_its_batch_from_any_set(training):
    """It repeats samples, and the size of its batches is first_bs."""
    config = {"Train": {**training, "sampler": {"name": "MultiScaleSampler", "first_bs": 64}}}
    require_batches(config, {"Train": [2]}, ranks=2)
    with pytest.raises(UserError, match="1 samples do not fill one batch of 2; add samples"):
        require_batches(config, {"Train": [1]}, ranks=2)


def test_an_evaluation_is_one_of_one_process_and_has_no_sampler(training):
    config = {"Eval": {**training, "sampler": {"name": "MultiScaleSampler", "first_bs": 64}}}
    require_batches(config, {"Eval": [8]}, ranks=2)
    with pytest.raises(UserError, match="7 samples do not fill one batch of 8, so nothing would be evaluated"):
        require_batches(config, {"Eval": [7]}, ranks=2)


def test_a_set_that_nobody_counted_is_not_refused(training):
    require_batches({"Eval": training}, {"Eval": None})


@pytest.mark.parametrize(
    "head",
    [
        {"name": "CenterCTCHead", "centers": "gone.npz"},
        {"name": "MultiHead", "head_list": [{"CenterCTCHead": {"Head": {"centers": "gone.npz"}}}, {"NRTRHead": None}]},
    ],
)
def test_a_file_of_centers_must_be_there(head, monkeypatch):
    monkeypatch.setattr("ppocrv2_ext.commands.requirements.read_characters", lambda config: ["blank", "a"])
    config = {"Global": {"character_dict_path": "en.txt"}, "Architecture": {"model_type": "rec", "Head": head}}
    with pytest.raises(UserError, match=r"there is no file of centers gone\.npz"):
        require_centers(config)


def test_a_checkpoint_needs_no_file_that_the_training_began_with(tmp_path):
    (tmp_path / "latest.pdparams").touch()
    head = {"name": "CenterCTCHead", "centers": "gone.npz"}
    config = {
        "Global": {"checkpoints": str(tmp_path / "latest"), "pretrained_model": "gone"},
        "Architecture": {"model_type": "rec", "Models": {"Student": {"pretrained": "gone", "Head": head}}},
    }
    require_weights(config, training=True)
    require_centers(config)
    with pytest.raises(UserError, match=r"Global\.pretrained_model: there is no file gone\.pdparams"):
        require_weights({**config, "Global": {"pretrained_model": "gone"}}, training=True)
    with pytest.raises(UserError, match=r"Global\.checkpoints: there is no file gone\.pdparams"):
        require_weights({**config, "Global": {**config["Global"], "checkpoints": "gone"}}, training=True)
