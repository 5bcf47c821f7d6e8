"""The dictionary of a checkpoint: found beside it, or through the config of its training."""

from ppocrv2_ext.checkpoints.paths import find_dictionary


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
