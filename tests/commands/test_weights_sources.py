"""A config's weights: the command that writes missing ones is named, and those of an unexpected training."""

import pytest

from ppocrv2_ext.checkpoints import records, sets
from ppocrv2_ext.commands.requirements import require_weights
from ppocrv2_ext.commands.weights_sources import describe_source, warn_of_other_training, warn_of_weights
from ppocrv2_ext.config import built_in, locate, read
from ppocrv2_ext.errors import UserError

CML = "det/ch_PP-OCRv2_det_cml"


@pytest.mark.parametrize(
    ("config", "command"),
    [
        (CML, "train -c det/ch_PP-OCRv2_det_teacher"),
        (f"{CML}_finetune", "train -c det/ch_PP-OCRv2_det_student_finetune"),
        ("clone/PP-OCRv6_tiny_det_cml_finetune", "train -c clone/PP-OCRv6_small_det_finetune"),
        ("clone/PP-OCRv5_mobile_det_cml_finetune", "train -c clone/PP-OCRv4_mobile_det_finetune"),
        ("rec/ch_PP-OCRv2_rec_udml_center_finetune", "weights rec --output pretrain"),
        ("rec/ch_PP-OCRv2_rec_finetune", "weights rec --output pretrain"),
        ("clone/PP-OCRv6_tiny_rec_finetune", "weights rec --model v6-tiny --output pretrain"),
    ],
)
def test_the_command_that_writes_missing_weights_is_named(tmp_path, monkeypatch, config, command):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"there is no file .*; `ppocrv2 {command}` "):
        require_weights(read(locate(config)), training=True)


def test_the_key_that_names_other_weights_of_a_teacher_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = read(locate(CML))
    config["Architecture"]["Models"]["Teacher"].update(pretrained="mine/best", Backbone={"name": "Mine"})
    with pytest.raises(UserError) as caught:
        require_weights(config, training=True)
    key = "Architecture.Models.Teacher.pretrained"
    assert str(caught.value) == f"{key}: there is no file mine/best.pdparams; name other weights with -o {key}=PATH."


def test_of_other_weights_a_file_of_a_like_name_is_named(tmp_path):
    (tmp_path / "latest.pdparams").touch()
    with pytest.raises(UserError, match="did you mean 'latest'"):
        require_weights({"Global": {"pretrained_model": str(tmp_path / "lates")}, "Architecture": {}})


def test_every_file_that_a_built_in_config_starts_from_has_a_known_source():
    for name in built_in():
        config = read(locate(name))
        networks = [None, *config["Architecture"].get("Models", {}).values()]
        for network in networks:
            file = network.get("pretrained") if network else config["Global"].get("pretrained_model")
            assert file is None or describe_source(file, network), (name, file)


def test_a_source_is_known_with_and_without_suffix():
    for name in ("ch_PP-OCRv2_rec", "ch_PP-OCRv2_rec.pdparams"):
        assert describe_source(f"pretrain/{name}") == "`ppocrv2 weights rec --output pretrain` writes it"


@pytest.fixture
def trained(tmp_path):
    """A folder with the checkpoints ``latest`` and ``best_accuracy`` of one training, and its config."""

    def save(name, run="this one", position=(1, 1, 1, 9)):
        record = {"position": records.Position(*position)._asdict(), "run": run}
        with sets.writing(tmp_path / "out", name, record) as part:
            (part / f"{name}.pdparams").touch()

    for name in ("latest", "best_accuracy"):
        save(name)
    (tmp_path / "out" / "resolved.yml").write_text("Global: {}\n", encoding="utf-8")
    return save


def test_weights_that_a_training_began_from_are_said_to_be_that_if_nobody_named_them(trained, tmp_path, capfd):
    folder = tmp_path / "out"
    name = str(folder / "resolved.yml")
    start = {"Global": {"pretrained_model": "pretrain/start", "checkpoints": None}}
    warn_of_weights(name, ["Global.seed=1"], start)
    assert capfd.readouterr().err == (
        f"ppocrv2: these are the weights that a training with {name} begins from, pretrain/start; {folder} holds"
        f" best_accuracy and latest of such a training: -o Global.pretrained_model={folder}/best_accuracy takes the"
        " first.\n"
    )
    warn_of_weights(name, ["Global.pretrained_model=pretrain/start"], start)  # the number before, on purpose
    warn_of_weights(name, [], {"Global": {"pretrained_model": str(folder / "latest")}})
    warn_of_weights("rec/ch_PP-OCRv2_rec_finetune", [], start)
    assert capfd.readouterr().err == ""


def test_a_checkpoint_of_another_training_than_the_latest_beside_it_is_named(trained, tmp_path, capfd):
    best, latest = tmp_path / "out" / "best_accuracy", tmp_path / "out" / "latest"
    warn_of_other_training(f"{best}.pdparams")
    assert capfd.readouterr().err == ""
    trained("latest", "another")
    warn_of_other_training(str(latest))
    assert capfd.readouterr().err == ""
    warn_of_other_training(f"{best}.pdparams")
    assert capfd.readouterr().err == (
        f"ppocrv2: {best} is of another training than {latest} beside it; name that one if you mean its training.\n"
    )
