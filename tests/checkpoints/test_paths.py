"""A checkpoint that is not there, and its dictionary: found beside it, or through the config of its training."""

import pytest

from ppocrv2_ext.checkpoints.paths import find_dictionary, require_file
from ppocrv2_ext.errors import UserError


def test_a_dictionary_beside_the_checkpoint_wins_over_the_one_of_its_config(tmp_path):
    assert find_dictionary(tmp_path / "best") is None
    (tmp_path / "chars.txt").write_text("a\n")
    (tmp_path / "config.yml").write_text("Global:\n  character_dict_path: chars.txt\n")
    assert find_dictionary(tmp_path / "best.pdparams") == tmp_path / "chars.txt"
    (tmp_path / "best.dict.txt").write_text("b\n")
    assert (
        find_dictionary(tmp_path / "best.pdparams") == find_dictionary(tmp_path / "best") == tmp_path / "best.dict.txt"
    )


def test_a_config_beside_a_checkpoint_cannot_run_code(tmp_path):
    (tmp_path / "config.yml").write_text("Global: !!python/object/apply:os.mkdir ['%s']\n" % (tmp_path / "ran"))
    assert find_dictionary(tmp_path / "best") is None
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["inference.pdiparams", "inference.pdmodel"])
def test_an_inference_model_is_called_that_and_not_looked_for_under_another_name(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(
        UserError, match=r"inference model, and weights to start from end in .pdparams; `ppocrv2 weights rec --from "
    ) as error:
        require_file("Global.pretrained_model", tmp_path / name)
    assert f"{name}.pdparams" not in str(error.value)


def test_a_folder_is_called_a_folder(tmp_path):
    with pytest.raises(UserError, match="is a folder; name a checkpoint in it, such as .*latest"):
        require_file("Global.pretrained_model", tmp_path)
