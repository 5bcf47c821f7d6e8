"""Imports that fail: what is not installed is one sentence with what to run."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ppocrv2_ext import packages
from ppocrv2_ext.packages import explain_failed_import

ROOT = Path(__file__).resolve().parent.parent
FINETUNE = ["-c", "rec/ch_PP-OCRv2_rec_finetune"]
BLOCKING = "import sys; sys.modules[{!r}] = None; from ppocrv2_ext.__main__ import run; run()"


@pytest.fixture
def clone(tmp_path):
    """A clone of PaddleOCR with nothing in it, but for what :func:`fail` writes."""
    for part in ("ppocr", "tools"):
        (tmp_path / part).mkdir()
    (tmp_path / "requirements.txt").write_text("imgaug\n", encoding="utf-8")
    return tmp_path


def fail(clone, monkeypatch, source, module="ppocr_part"):
    """The error of importing a module of the clone with this source."""
    (clone / "ppocr" / f"{module}.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(str(clone / "ppocr"))
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(BaseException) as caught:  # noqa: PT011  (SystemExit is none of the errors of a library)
        importlib.import_module(module)
    return caught.value


def test_a_package_that_a_clone_needs_is_named_with_its_list_of_requirements(clone, monkeypatch):
    error = fail(clone, monkeypatch, "import not_there.augmenters")
    assert explain_failed_import(error) == (
        f"PaddleOCR in {clone} needs the module not_there, which is not installed:"
        f" run `pip install -r {clone}/requirements.txt`, and install not_there if that does not bring it."
    )


@pytest.mark.parametrize(
    ("source", "reason", "advice"),
    [
        ("import os\nos.sctypes", "AttributeError: module 'os' has no attribute 'sctypes'", "run `pip install -r "),
        ("from os import sctypes", "ImportError: cannot import name 'sctypes' from 'os'", "run `pip install -r "),
        ("raise SystemExit(1)", "SystemExit: 1", "what it printed before says why."),
    ],
)
def test_a_file_of_a_clone_that_fails_or_exits_while_it_is_imported_is_named(
    clone, monkeypatch, source, reason, advice
):
    sentence = explain_failed_import(fail(clone, monkeypatch, source))
    assert sentence.startswith(f"ppocr/ppocr_part.py of PaddleOCR in {clone} cannot be imported ({reason}")
    assert f"): {advice}" in sentence


def test_a_module_that_a_clone_lacks_itself_asks_for_another_check_out(clone, monkeypatch):
    error = fail(clone, monkeypatch, "import ppocr.that_is_not_there")
    assert explain_failed_import(error).startswith(f"PaddleOCR in {clone} lacks its module ppocr")


def test_what_a_clone_raises_after_its_import_is_left_alone(clone, monkeypatch):
    (clone / "ppocr" / "ppocr_late.py").write_text("def run():\n    raise AttributeError('late')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(clone / "ppocr"))
    with pytest.raises(AttributeError) as caught:
        importlib.import_module("ppocr_late").run()
    assert explain_failed_import(caught.value) is None


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1), ModuleNotFoundError("x", name="ppocrv2_ext.typo")])
def test_other_errors_and_faults_of_this_package_are_left_alone(error):
    assert explain_failed_import(error) is None


def run_without(module, *arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", BLOCKING.format(module), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["weights", "rec", "--output", "pretrain"],
        ["check", *FINETUNE],
        ["train", *FINETUNE],
        ["average", "a", "b", "--output", "c"],
        ["run", "tools/infer_rec.py", *FINETUNE],
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_paddle_a_command_says_how_to_install_it(tmp_path, arguments):
    done = run_without("paddle", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr == f"ppocrv2: this needs Paddle, which is not installed: {packages.INSTALL_PADDLE}.\n"


def test_without_paddle_info_says_so_and_lists_the_other_versions(tmp_path):
    done = run_without("paddle", "info", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Paddle       not installed; {packages.INSTALL_PADDLE}\n" in done.stdout
    assert "\nnumpy " in done.stdout


@pytest.mark.parametrize(("module", "arguments"), [("click", ["configs"]), ("yaml", ["check", *FINETUNE])])
def test_without_what_the_package_requires_a_command_says_how_to_install_it(tmp_path, module, arguments):
    done = run_without(module, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"ppocrv2: this needs the module {module}, which is not installed:"
        " run `pip install .` in the folder of this package.\n"
    )
