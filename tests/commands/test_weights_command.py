"""``ppocrv2 weights lcnet``: ImageNet weights of PaddleClas become a checkpoint that starts our networks."""

import re

import numpy as np
import paddle
import pytest
from click.testing import CliRunner
from paddleclas_pplcnet import make_params

from ppocrv2_ext import config
from ppocrv2_ext.checkpoints import pdparams, pplcnet
from ppocrv2_ext.cli import main
from ppocrv2_ext.errors import UserError

SCALE = 0.25


@pytest.fixture
def imagenet(wheel, tmp_path, monkeypatch):
    """The tensors in ``PPLCNet.pdparams`` of the working directory."""
    monkeypatch.chdir(tmp_path)
    params = make_params(SCALE)
    save(params)
    return params


def save(params):
    paddle.save({name: paddle.to_tensor(value) for name, value in params.items()}, "PPLCNet.pdparams")


def run(*arguments):
    return CliRunner().invoke(main, ["weights", "lcnet", "--output", "out", *arguments])


def refused(result, *parts):
    assert result.exit_code == 2, result.output
    assert result.output.count("\n") == 1
    assert not result.output.count("Traceback")
    for part in ("ppocrv2: ", *parts):
        assert part in result.output


def test_the_file_must_be_named():
    refused(run(), "--from FILE", "PPLCNet_x*_pretrained.pdparams")


def test_a_file_that_is_not_there_is_refused(imagenet):
    refused(run("--from", "PPLCNett"), "--from", "did you mean 'PPLCNet'")


def test_a_network_cannot_be_chosen_from_one(imagenet):
    refused(run("--from", "PPLCNet", "--network", "Student"), "--network Student", "holds one network")


def test_another_network_is_refused(imagenet, tmp_path):
    save({"stem.0.weight": imagenet["fc.bias"]})
    refused(run("--from", "PPLCNet"), "PPLCNet.pdparams is not a PPLCNet of PaddleClas")
    assert not (tmp_path / "out").exists()


def test_a_tensor_of_another_shape_is_refused(imagenet, tmp_path):
    save({**imagenet, "conv1.bn.bias": np.zeros(9, "float32")})
    refused(run("--from", "PPLCNet"), "at scale 0.25, backbone.conv1._batch_norm.bias should have shape (8,), got (9,)")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "sentence", "tensors", "changes"),
    [
        ("rec/ch_PP-OCRv2_rec", "A recognizer", 143, []),
        ("rec/ch_PP-OCRv2_rec_enhanced_ctc_loss", "A recognizer", 143, []),
        (
            "cls/textline_orientation_lcnet",
            "A classifier",
            144,
            [
                "Architecture.Backbone={name: LCNet, scale: 0.25, strides: [2, 2, 2, 2], last_pool: null}",
                "Architecture.Head={name: LCNetClsHead}",
                "Global.pretrained_min_matched=0.9",
            ],
        ),
    ],
)
def test_the_printed_overrides_start_a_network(imagenet, name, sentence, tensors, changes):
    from ppocr.utils.save_load import load_model

    from ppocrv2_ext.host import build_network

    result = run("--from", "PPLCNet.pdparams")
    assert result.exit_code == 0, result.output
    assert "146 of the model's 146 tensors matched" in result.output
    (overrides,) = re.findall(rf"^{sentence} .*starts .* with -o (.*)$", result.output, re.MULTILINE)
    settings = config.override(config.read(config.locate(name)), [*changes, *overrides.split()])
    settings["Global"]["character_dict_path"] = None  # no dictionary lies beside ImageNet weights
    if settings["Architecture"]["model_type"] == "rec":
        settings["Architecture"]["Head"]["out_channels"] = 97
    network = build_network(settings["Architecture"])
    load_model(settings, network, model_type=settings["Architecture"]["model_type"])
    converted, state = pplcnet.convert(imagenet), network.state_dict()
    equal = [name for name, value in converted.items() if name in state and np.array_equal(state[name].numpy(), value)]
    assert len(equal) == tensors
    assert sum(name.startswith("backbone.") for name in equal) == 143


def test_a_recognizer_that_asks_for_the_usual_share_is_refused(imagenet):
    from ppocrv2_ext.checkpoints.loading import load_pretrained
    from ppocrv2_ext.host import build_network

    assert run("--from", "PPLCNet").exit_code == 0
    architecture = config.read(config.locate("rec/ch_PP-OCRv2_rec"))["Architecture"]
    architecture["Backbone"]["scale"], architecture["Head"]["out_channels"] = SCALE, 97
    with pytest.raises(UserError, match=r"gives 79\.9% .* set `Global.pretrained_min_matched` lower"):
        load_pretrained(build_network(architecture), "out/LCNet_x0_25")


def test_a_backbone_alone_is_not_said_to_have_the_classes_of_the_model(imagenet):
    from ppocrv2_ext.checkpoints.loading import load_pretrained
    from ppocrv2_ext.host import build_network

    assert run("--from", "PPLCNet").exit_code == 0
    architecture = config.read(config.locate("rec/ch_PP-OCRv2_rec"))["Architecture"]
    architecture["Backbone"]["scale"], architecture["Head"]["out_channels"] = SCALE, 97
    messages, characters = [], ["blank", *map(chr, range(33, 129))]
    load_pretrained(build_network(architecture), "out/LCNet_x0_25", 0.75, characters, messages.append)
    assert not any("dictionary" in message for message in messages)
    assert set(pdparams.read_params("out/LCNet_x0_25")) == set(pplcnet.list_names().values())
