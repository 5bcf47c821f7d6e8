"""A resumed training knows the config that it began with."""

import pytest

from ppocrv2_ext.commands.resuming import describe_origin, read_origin
from ppocrv2_ext.config import yaml_files

FIRST = "rec/ch_PP-OCRv2_rec_finetune"


def write(folder, origin):
    yaml_files.write({"Global": {"epoch_num": 2}}, folder / "resolved.yml", f"ppocrv2-ext 1 on PaddleOCR 2\n{origin}")
    return str(folder / "resolved.yml")


@pytest.mark.parametrize("changes", [[], ["Global.seed=1", "Optimizer.lr={name: Const}"]])
def test_the_first_config_and_its_changes_are_read_back(tmp_path, changes):
    file = write(tmp_path, describe_origin(FIRST, "", changes))
    assert read_origin(file, tmp_path) == (FIRST, " ".join(changes))


def test_each_change_is_kept_once_however_often_a_training_is_resumed(tmp_path):
    file = write(tmp_path, describe_origin(FIRST, "", ["Global.seed=10"]))
    for _ in range(3):
        file = write(tmp_path, describe_origin(*read_origin(file, tmp_path), ["Global.seed=1", "Global.checkpoints=a"]))
    assert read_origin(file, tmp_path) == (FIRST, "Global.seed=10 Global.seed=1 Global.checkpoints=a")


def test_another_config_and_a_new_training_keep_the_name_that_was_given(tmp_path):
    file = write(tmp_path, describe_origin(FIRST, "", []))
    assert read_origin(FIRST, tmp_path) == (FIRST, "")
    assert read_origin(file, None) == (file, "")


def test_a_config_that_names_no_origin_keeps_the_name_that_was_given(tmp_path):
    (tmp_path / "resolved.yml").write_text("Global: {}\n", encoding="utf-8")
    file = str(tmp_path / "resolved.yml")
    assert read_origin(file, tmp_path) == (file, "")
