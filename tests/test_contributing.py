"""The five steps of CONTRIBUTING.md, run as they stand there on a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = GUIDE.partition("## Add a loss in five steps")[2]


def code_blocks(language):
    """[(the rest of the first line, the code)] of the blocks in one language."""
    return re.findall(rf"^```{language} ?(.*)\n((?s:.*?))^```$", STEPS, re.MULTILINE)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the package and its tests in which the files of the guide are written."""
    clone = tmp_path_factory.mktemp("clone")
    for folder in ("ppocrv2_ext", "configs", "tests"):  # with the kernels that numba has compiled, which takes seconds
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("*.pyc*", "*.tmp.*"))
    shutil.copy(ROOT / "setup.cfg", clone)
    for target, code in code_blocks("python"):
        append = target.startswith(">> ")
        with open(clone / target.removeprefix(">> "), "a" if append else "x", encoding="utf-8") as file:
            file.write(code)
    return clone


@pytest.fixture(scope="module")
def outputs(clone):
    """What each command of the guide prints."""
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PYTHONPATH": str(clone), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    outputs = []
    for _, command in code_blocks("sh"):
        done = subprocess.run(["bash", "-ec", command], cwd=clone, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        outputs.append(done.stdout + done.stderr)
    return outputs


def test_the_tests_of_the_new_loss_pass_and_the_sweep_over_the_registry_finds_it(outputs):
    assert re.search(r"tests/plugins/test_confidence.py \.{6} ", outputs[0])
    assert re.search(r"tests/test_registry.py \.\. ", outputs[0])


def test_one_training_step_logs_every_term_of_the_new_loss(outputs):
    (step,) = re.findall(r"global_step: 1, .*", outputs[1])
    terms = {name: float(re.search(rf"\b{name}: ([0-9.]+)", step)[1]) for name in ("loss", "ctc", "confidence")}
    assert terms["loss"] == pytest.approx(terms["ctc"] + 0.2 * terms["confidence"], rel=1e-4)


def test_the_config_of_the_guide_is_what_its_command_trains(outputs, clone):
    ((_, section),) = code_blocks("yaml")
    resolved = yaml.safe_load((clone / "output" / "confidence" / "resolved.yml").read_text(encoding="utf-8"))
    assert yaml.safe_load(section)["Loss"] == resolved["Loss"]


def test_the_files_of_the_guide_pass_lint(clone):
    files = [target for target, _ in code_blocks("python") if not target.startswith(">>")]
    ruff = str(Path(sys.executable).parent / "ruff")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *command, "--config", str(ROOT / ".ruff.toml"), *files], cwd=clone, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
