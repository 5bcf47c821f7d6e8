"""Files written before the modules of this package moved still load, with the results of then (golden/make.py)."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest

from ppocrv2_ext import config
from ppocrv2_ext.checkpoints.centers_file import fingerprint, read_centers
from ppocrv2_ext.checkpoints.loading import load_pretrained
from ppocrv2_ext.checkpoints.paths import find_dictionary
from ppocrv2_ext.checkpoints.pdparams import read_arrays
from ppocrv2_ext.checkpoints.states import read_best_metrics
from ppocrv2_ext.config import vocabulary
from ppocrv2_ext.config.networks import networks
from ppocrv2_ext.data.dictionary import read_dictionary
from ppocrv2_ext.deploy.engine import load_onnx_engine, load_paddle_engine
from ppocrv2_ext.deploy.read import read_lines
from ppocrv2_ext.host import build_network
from ppocrv2_ext.host.components import catalog

GOLDEN = Path(__file__).resolve().parent / "golden"
CONFIGS = {"recognizer": "config.yml", "pair": "pair.yml"}
CHECKPOINTS = pytest.mark.parametrize("name", CONFIGS)
OLDER_PADDLE = int(paddle.__version__.split(".")[0]) < 3
ENGINES = pytest.mark.parametrize(
    "engine",
    ["onnx", pytest.param("paddle", marks=pytest.mark.skipif(OLDER_PADDLE, reason="Paddle 2 reads no program of 3"))],
)


@pytest.fixture(scope="module")
def expected():
    with np.load(GOLDEN / "expected.npz", allow_pickle=False) as content:
        return dict(content)


@pytest.fixture
def folder(tmp_path):
    """A copy of the files, the working directory of ``ppocrv2``: the configs name what lies beside them."""
    shutil.copytree(GOLDEN, tmp_path, dirs_exist_ok=True)
    return tmp_path


def loaded(name):
    """The network of a checkpoint's config, in evaluation mode, with all of its weights."""
    architecture = config.read(GOLDEN / CONFIGS[name])["Architecture"]
    characters = read_dictionary(find_dictionary(GOLDEN / name))
    for member in networks(architecture).values():
        member["Head"]["out_channels"] = len(characters)
    network = build_network(architecture)
    load_pretrained(network, GOLDEN / name, minimum=1.0, characters=characters)
    network.eval()
    return network


def recorded_hashes(expected, name):
    return dict(zip(expected[f"{name}_names"].astype(str), expected[f"{name}_sha256"].astype(str)))


def hashes(arrays):
    """{name: sha256 of a tensor's type, shape and bytes}"""
    return {
        name: hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).hexdigest()
        for name, array in arrays.items()
    }


def require_close(found, wanted):
    """Another CPU, or another number of threads, adds up in another order and rounds differently."""
    print(f"largest difference {np.abs(found - wanted).max():.1e}")
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@CHECKPOINTS
def test_a_checkpoint_of_before_the_move_is_read_bit_equal(name, expected):
    assert hashes(read_arrays(GOLDEN / name)) == recorded_hashes(expected, name)


@CHECKPOINTS
def test_a_checkpoint_of_before_the_move_loads_bit_equal(name, expected, wheel):
    state_dict = {key: value.numpy() for key, value in loaded(name).state_dict().items()}
    assert hashes(state_dict) == recorded_hashes(expected, name)


def test_a_recognizer_of_before_the_move_gives_the_probabilities_of_then(expected, wheel):
    with paddle.no_grad():
        require_close(loaded("recognizer")(paddle.to_tensor(expected["images"])).numpy(), expected["recognizer"])


def test_both_networks_of_a_pair_of_before_the_move_give_the_probabilities_of_then(expected, wheel):
    with paddle.no_grad():
        outputs = loaded("pair")(paddle.to_tensor(expected["images"]))
    assert sorted(outputs) == ["Student", "Teacher"]
    for network, output in outputs.items():
        require_close(output["head_out"].numpy(), expected[f"pair_{network}"])


def test_what_a_training_recorded_before_the_move_is_found_by_an_evaluation_of_today(folder, ppocrv2_here):
    best = read_best_metrics(folder / "recognizer")["acc"]
    assert best > 0.5
    done = ppocrv2_here("eval", "-c", "config.yml", "-o", "Global.pretrained_model=recognizer")
    assert done.returncode == 0, done.stderr
    assert f"acc:{best}" in done.stdout + done.stderr


def test_centers_of_before_the_move_are_read_bit_equal(expected):
    found = read_centers(GOLDEN / "centers.npz")
    assert hashes({"centers": found.centers, "counts": found.counts}) == hashes(
        {"centers": expected["centers"], "counts": expected["counts"]}
    )
    assert found.dictionary == fingerprint(read_dictionary(GOLDEN / "characters.txt"))


def test_a_head_starts_from_centers_of_before_the_move(expected, wheel):
    architecture = config.read(GOLDEN / "config.yml")["Architecture"]
    architecture["Head"].update(out_channels=len(expected["counts"]), centers=str(GOLDEN / "centers.npz"))
    head = build_network(architecture).head
    assert np.array_equal(head.centers.numpy(), expected["centers"])
    assert np.array_equal(head.center_counts.numpy(), expected["counts"])


@ENGINES
def test_a_model_exported_before_the_move_gives_the_probabilities_of_then(engine, expected):
    model = GOLDEN / "exported"
    run = load_onnx_engine(model / "inference.onnx") if engine == "onnx" else load_paddle_engine(model)
    require_close(run(expected["images"]), expected["onnx" if engine == "onnx" else "recognizer"])


@ENGINES
def test_a_model_exported_before_the_move_reads_the_same_text(engine, expected):
    (reading,) = read_lines([GOLDEN / "word.png"], GOLDEN / "exported", engine)
    assert reading.text == str(expected["text"]) != ""
    assert reading.score == pytest.approx(float(expected["score"]), rel=1e-5)


@CHECKPOINTS
def test_a_config_of_before_the_move_says_nothing_unknown(name, wheel):
    assert vocabulary.check(config.read(GOLDEN / CONFIGS[name]), catalog) == []


@CHECKPOINTS
def test_a_config_of_before_the_move_passes_the_check_of_its_data(name, folder, ppocrv2_here):
    done = ppocrv2_here("check", "-c", CONFIGS[name])
    assert done.returncode == 0, done.stdout + done.stderr
