"""Fixtures of the whole suite: real data, the wheel plugged into this process, a clone in processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
# One process can hold one PaddleOCR. This one holds the wheel; a clone is used in processes of its own.
CHECKOUT = os.environ.pop("PADDLEOCR_HOME", None)
# Networks are compared to 1e-4 and closer. The products that `host.connect` chooses on AMD CPUs add up in another
# order, which moves a few probabilities of real words by 3e-4: tests run with the same products on every CPU.
os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "0")


def pytest_collection_modifyitems(items):
    if CHECKOUT:
        return
    reason = pytest.mark.skip(reason="PADDLEOCR_HOME is not set: no clone of PaddleOCR to test against")
    for item in items:
        if item.get_closest_marker("checkout"):
            item.add_marker(reason)


@pytest.fixture(scope="session")
def samples():
    """Folder of small real pictures with labels, laid out as in ``shared_data``. Everybody who has the tests has it."""
    return ROOT / "tests" / "samples"


@pytest.fixture(scope="session")
def shared_data():
    """Folder of many real pictures, for tests that measure. It lies beside the project of developers; users lack it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data is not at {folder}")
    return folder


@pytest.fixture
def model_dir(tmp_path):
    """The folder of an exported recognizer with random weights."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from tiny_recognizer import write_tiny_recognizer

    return write_tiny_recognizer(tmp_path / "model")


@pytest.fixture(scope="session")
def wheel():
    """The PaddleOCR wheel, completed and plugged into this process."""
    from ppocrv2_ext.host import connect

    return connect()


@pytest.fixture(scope="session")
def checkout():
    """Path of a clone of PaddleOCR; tests that take it are marked ``checkout``."""
    return Path(CHECKOUT).resolve()


@pytest.fixture(params=["wheel", pytest.param("clone", marks=pytest.mark.checkout)])
def either_host(request):
    """What the fixture ``ppocrv2`` takes as ``paddleocr``: None for the wheel, and then the path of a clone."""
    return None if request.param == "wheel" else request.getfixturevalue("checkout")


@pytest.fixture
def ppocrv2(tmp_path):
    """Run the command in a process of its own: ``ppocrv2("train", "-c", ..., paddleocr=None, cwd=tmp_path)``."""

    def run(*arguments, paddleocr=None, cwd=tmp_path):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        if paddleocr:
            environment["PADDLEOCR_HOME"] = str(paddleocr)
        command = [sys.executable, "-m", "ppocrv2_ext", *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)

    return run


@pytest.fixture
def ppocrv2_here(ppocrv2, tmp_path):
    """As ``ppocrv2``, but in the process of the tests if there is no clone. For claims that are not about processes."""
    from in_process import run_here

    def run(*arguments, paddleocr=None, cwd=tmp_path):
        return ppocrv2(*arguments, paddleocr=paddleocr, cwd=cwd) if paddleocr else run_here(*arguments, cwd=cwd)

    return run


@pytest.fixture
def two_processes(tmp_path):
    """Run a script in two processes of one training: ``two_processes(script, ...)`` is what they said."""

    def run(script, *arguments):
        launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", "2", "--backend", "gloo", "--log_dir", "log"]
        command = [sys.executable, *launch, *map(str, (script, *arguments))]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])  # a script may import what the tests share
        environment = {**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        logs = [path.read_text(errors="replace") for path in sorted((tmp_path / "log").glob("workerlog.*"))]
        assert done.returncode == 0, done.stderr[-1500:] + "".join(log[-3000:] for log in logs)
        return "".join(logs)

    return run


@pytest.fixture
def command_script(tmp_path):
    """The command as a script, which the launcher of several processes wants."""
    script = tmp_path / "command.py"
    script.write_text("from ppocrv2_ext.cli import main\n\nmain()\n", encoding="utf-8")
    return script


@pytest.fixture
def folder(tmp_path):
    """Images to be named in labels, sound ones of 100 x 100 and some that are not."""
    pixels = np.random.default_rng(7).integers(0, 256, (100, 100, 4), dtype=np.uint8)
    sound = {
        "a": pixels[..., :3],
        "grey": pixels[..., 0],
        "rgba": pixels,
        "deep": pixels[..., :3].astype(np.uint16) * 257,
    }
    for name, image in {**sound, "tiny": pixels[:1, :1, :3]}.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    (tmp_path / "empty.png").touch()
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:999])
    return tmp_path
