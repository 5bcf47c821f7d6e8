"""What a command requires before it starts."""

import numpy as np
import pytest

from ppocrv2_ext.checkpoints import pdparams
from ppocrv2_ext.commands.requirements import require_known_characters
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
